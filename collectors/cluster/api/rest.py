"""Requests to the API server through kubernetes.aio, as JSON; every failure becomes a sentence.

Raw paths rather than the generated API classes: one code path for every kind, no models to build
for lists of thousands, and no slow import of them.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from multidict import CIMultiDict
from yarl import URL

from collectors.cluster.api.credentials import Credentials
from collectors.cluster.api.socks import SocksFailed
from collectors.cluster.api.transport import connector, http_proxy, use_certificate
from collectors.errors import ClusterError, ConfigError, Forbidden, NotFound
from collectors.frozen import frozen
from collectors.lazy_import import lazy_import
from collectors.sanitize import sanitize

if TYPE_CHECKING:
    import aiohttp
    from kubernetes.aio.client.api_client import ApiClient
else:
    aiohttp = lazy_import("aiohttp")

Json = dict[str, Any]
TIMEOUT_S = 20.0
BIG = 256 * 1024  # a body larger than this is parsed in a thread
READS = ("GET", "HEAD")
MAX_LINE = 32 << 20
CONNECTIONS = 100
# an API server sends a bookmark a minute: a watch that is silent for longer is asked for again
SILENT_S = 90.0
STRATEGIC = "application/strategic-merge-patch+json"
LONGEST_RETRY_S = 120.0
REFUSALS: Mapping[int, type[ClusterError]] = {403: Forbidden, 404: NotFound}
READ_ONLY = "podwire was started with --read-only: nothing is added, changed or run in the cluster."


def retry_after(headers: Mapping[str, str] | None) -> float:
    """Seconds that a Retry-After header asks for, within reason; 0 where there is none."""
    text = headers.get("Retry-After", "") if headers else ""
    if not (text.isascii() and text.isdigit()):
        return 0.0
    return min(float(text), LONGEST_RETRY_S)


def failure(
    status: int, body: Mapping[str, Any] | None, what: str, headers: Mapping[str, str] | None = None
) -> ClusterError:
    """The error for an HTTP status and the Status object that came with it."""
    error = _failure(status, body, what)
    error.retry_after = retry_after(headers)
    return error


def _failure(status: int, body: Mapping[str, Any] | None, what: str) -> ClusterError:
    said = sanitize((body or {}).get("message") or "no reason given", 600)
    reason = sanitize((body or {}).get("reason") or "", 60)
    kind = REFUSALS.get(status, ClusterError)
    return kind(_failure_text(status, what, said), status, reason)


def _failure_text(status: int, what: str, said: str) -> str:
    if status == 401:
        return (
            f"The API server does not accept your credentials ({what}). Log in again, and restart "
            "podwire."
        )
    if status == 403:
        return f"Refused ({what}): {said}"
    if status == 404:
        return f"Not found ({what}): {said}"
    return f"The API server answered {status} ({what}): {said}"


@frozen
class ApiRequest:
    method: str
    path: str
    query: Mapping[str, Any]
    body: Any = None
    content_type: str = "application/json"

    @property
    def writes(self) -> bool:
        """Whether it could change something: a review or a dry run could not."""
        if self.method in READS or self.query.get("dryRun") == "All":
            return False
        return not self.path.rpartition("/")[2].startswith("selfsubject")

    @property
    def pairs(self) -> list[tuple[str, Any]]:
        return [(name, value) for name, value in self.query.items() if value not in (None, "")]


def unreachable(host: str, error: Exception) -> str:
    """Why the API server cannot be reached, and what to look at."""
    where = f"The API server at {sanitize(URL(host).authority, 120)}"
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return (
            f"The proxy refused to connect to the{where[3:]}: HTTP {error.status}. "
            "Check proxy-url or HTTPS_PROXY."
        )
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return f"The proxy to the{where[3:]} cannot be reached. Check proxy-url or HTTPS_PROXY."
    if isinstance(error.__cause__, SocksFailed):  # aiohttp makes an error of its own of it
        said = error.__cause__
        return f"The{where[3:]} cannot be reached: {said}. Check proxy-url or HTTPS_PROXY."
    if isinstance(error, (aiohttp.ClientConnectorCertificateError, ssl.SSLCertVerificationError)):
        return (
            f"{where} shows a certificate that this context does not trust: {_distrust(error)}. "
            "Check certificate-authority."
        )
    return f"{where} {_broken(error)}"


def _distrust(error: Exception) -> str:
    cause = getattr(error, "certificate_error", error)
    return sanitize(getattr(cause, "verify_message", "") or cause, 160)


def _broken(error: Exception) -> str:
    if isinstance(error, (aiohttp.ClientSSLError, ssl.SSLError)):
        return f"refused the TLS connection: {sanitize(error, 160)}."
    kind = "it did not answer in time" if isinstance(error, TimeoutError) else sanitize(error, 200)
    return f"cannot be reached: {kind}. Check network and VPN."


class Rest:
    """One API server and one set of credentials.

    With `read_only` no request is sent that could change something.
    """

    def __init__(self, client: ApiClient, credentials: Credentials) -> None:
        self.client = client
        self.configuration = client.configuration
        self.credentials = credentials
        self.read_only = False
        client.rest_client._create_connector = lambda: self.connector(CONNECTIONS)
        client.rest_client.proxy = http_proxy(client.configuration)
        self._present_certificate()

    @property
    def ssl_context(self) -> ssl.SSLContext:
        context: ssl.SSLContext = self.client.rest_client.ssl_context
        return context

    def connector(self, limit: int) -> aiohttp.TCPConnector:
        """At most so many connections to the API server. Call on the event loop."""
        return connector(self.ssl_context, limit, self.configuration.proxy)

    def _present_certificate(self) -> None:
        if self.credentials.certificate is not None:
            use_certificate(self.ssl_context, self.credentials.certificate)

    async def close(self) -> None:
        await self.client.close()

    async def headers(self) -> CIMultiDict[str]:
        """Who we are, for any request. ClusterError where new credentials cannot be had."""
        with _as_unauthorized():
            return CIMultiDict(await self.credentials.headers())

    async def renew(self) -> bool:
        """After a 401: whether there are other credentials now."""
        if not self.credentials.renewable:
            return False
        with _as_unauthorized():
            renewed = await self.credentials.renew()
        if renewed:
            self._present_certificate()
        return renewed

    async def _send(self, request: ApiRequest, timeout: Any) -> aiohttp.ClientResponse:
        if self.read_only and request.writes:
            raise Forbidden(READ_ONLY)
        response = await self._send_once(request, timeout)
        if response.status == 401 and await self.renew():
            response.release()
            response = await self._send_once(request, timeout)
        return response

    async def _send_once(self, request: ApiRequest, timeout: Any) -> aiohttp.ClientResponse:
        headers = await self.headers()
        headers.extend({"Accept": "application/json", "Content-Type": request.content_type})
        try:
            url, data = await self._serialized(request)
            answer = await self.client.call_api(
                request.method, url, headers, data, _request_timeout=timeout
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ClusterError(unreachable(self.configuration.host, error)) from None
        response: aiohttp.ClientResponse = answer.response
        return response

    async def _serialized(self, request: ApiRequest) -> tuple[str, Any]:
        """URL and body, as the library sends them."""
        _, url, _, data, _ = await self.client.param_serialize(
            request.method,
            request.path,
            query_params=request.pairs,
            body=request.body,
            auth_settings=[],
        )
        return url, data

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        *,
        content_type: str = "application/json",
        what: str = "",
    ) -> Json:
        """One request and its JSON answer. ClusterError, Forbidden or NotFound for a failure."""
        request = ApiRequest(method, path, query or {}, body, content_type)
        limit = aiohttp.ClientTimeout(total=TIMEOUT_S, sock_connect=8)
        return await _answer(await self._send(request, limit), what or f"{method} {path}")

    async def get(self, path: str, what: str = "", **query: Any) -> Json:
        return await self.request("GET", path, query, what=what)

    async def watch(self, path: str, what: str = "", **query: Any) -> AsyncGenerator[Json, None]:
        """The events of a watch until the server ends it, or is silent for so long that it may be
        dead."""
        response = await self._send_watch(path, query)
        try:
            if response.status >= 400:
                raise await _refusal(response, what or f"watch {path}")
            async for line in _lines(response):
                yield await _parse(line)
        except aiohttp.SocketTimeoutError:
            return
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ClusterError(f"Cut off while {what or path}: {sanitize(error, 200)}.") from None
        finally:
            response.close()

    async def _send_watch(self, path: str, query: dict[str, Any]) -> aiohttp.ClientResponse:
        seconds = int(query.get("timeoutSeconds", 290))
        query |= {"watch": "true", "timeoutSeconds": seconds}
        limit = aiohttp.ClientTimeout(total=None, sock_connect=8, sock_read=SILENT_S)
        return await self._send(ApiRequest("GET", path, query), limit)


@contextmanager
def _as_unauthorized() -> Iterator[None]:
    """Credentials that cannot be had are what a 401 is."""
    try:
        yield
    except ConfigError as error:
        raise ClusterError(str(error), 401, "Unauthorized") from None


async def _answer(response: aiohttp.ClientResponse, what: str) -> Json:
    try:
        raw = await response.read()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise ClusterError(
            f"The API server's answer was cut off ({what}): {sanitize(error, 200)}"
        ) from None
    if response.status >= 400:
        raise failure(response.status, await _parse(raw), what, response.headers)
    return await _object(raw, response.status, what)


async def _object(raw: bytes, status: int, what: str) -> Json:
    """The object of a success. What a proxy or a login page sends instead is none, nor is JSON
    that was cut; and a Status may say that it failed whatever the HTTP status is."""
    answer = await _decoded(raw)
    if answer is None:
        raise ClusterError(_no_object(raw, status, what), status)
    if (answer.get("kind"), answer.get("status")) == ("Status", "Failure"):
        code = answer.get("code")
        raise failure(code if isinstance(code, int) else status, answer, what)
    return answer


def _no_object(raw: bytes, status: int, what: str) -> str:
    began = sanitize(raw[:40].decode("utf-8", "replace"), 60)
    sent = f"what is not a JSON object, or was cut ({began!r}…)" if began else "nothing"
    return (
        f"The API server answered {status} with {sent} ({what}). A proxy or a login page may stand "
        "before it."
    )


async def _refusal(response: aiohttp.ClientResponse, what: str) -> ClusterError:
    answer = await _parse(await response.read())
    return failure(response.status, answer, what, response.headers)


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Lines of any length: aiohttp's own readline gives up at 64 KiB, and a pod may be larger."""
    buffer = bytearray()
    async for chunk in response.content.iter_any():
        buffer += chunk
        *complete, rest = bytes(buffer).split(b"\n")
        buffer = bytearray(rest)
        for line in complete:
            if line.strip():
                yield line
        if len(buffer) > MAX_LINE:
            raise ClusterError(f"The API server sent an object larger than {MAX_LINE >> 20} MiB.")


async def _parse(raw: bytes) -> Json:
    """The object, else one that quotes what came instead."""
    value = await _decoded(raw)
    return {"message": raw[:300].decode("utf-8", "replace")} if value is None else value


async def _decoded(raw: bytes) -> Json | None:
    try:
        value = await asyncio.to_thread(json.loads, raw) if len(raw) > BIG else json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
