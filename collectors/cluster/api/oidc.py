"""`auth-provider: oidc` in a kubeconfig: an id-token that is renewed by its refresh-token.

Semantics are client-go's (plugin/pkg/client/auth/oidc). Not the library's: kubernetes 37
(aio/config/kube_config.py, openid.py) renews only when it loads the kubeconfig, verifies no
certificate of the provider without idp-certificate-authority-data and fails with one, needs a
client-secret and a new refresh-token in each answer, and does not know idp-certificate-authority.
A new refresh-token is used from here on, and not written to the kubeconfig.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urlsplit

from collectors.cluster.api.kubeconfig import KubeconfigEntry
from collectors.errors import ConfigError
from collectors.lazy_import import lazy_import
from collectors.sanitize import sanitize
from collectors.secrets import hide

if TYPE_CHECKING:
    import aiohttp
else:
    aiohttp = lazy_import("aiohttp")

DISCOVERY = "/.well-known/openid-configuration"
EARLY_S = 10.0  # before it expires a token is renewed, as client-go does
TIMEOUT_S = 20.0
LARGEST = 1 << 20  # bytes of an answer
LOG_IN = "Log in again, and restart podwire."
SECRETS = ("client-secret", "refresh-token", "id-token")


@dataclass(slots=True)
class OidcAnswer:
    status: int
    body: Mapping[str, Any]

    @property
    def error(self) -> str:
        """RFC 6749, 5.2."""
        return str(self.body.get("error") or "")

    @property
    def reason(self) -> str:
        text = " ".join(str(self.body.get(key) or "") for key in ("error", "error_description"))
        return sanitize(text.strip() or "no reason given", 200)


class OidcProvider:
    """`config` is the provider's part of the kubeconfig; `authority` the PEM of who signs the
    provider's certificate, b'' for the system's. ConfigError where something needed is not there.
    """

    def __init__(self, config: KubeconfigEntry, authority: bytes = b"") -> None:
        self.id_token = config.text("id-token")
        self.rotated = False  # the provider gave another refresh-token
        self._user = sanitize(config.name, 80)
        self._issuer = config.text("idp-issuer-url").rstrip("/")
        self._client = config.text("client-id")
        self._secret = config.text("client-secret")
        self._refresh_token = config.text("refresh-token")
        self._authority = authority
        self._one_at_a_time = asyncio.Lock()
        hide(*filter(None, map(config.text, SECRETS)))
        if not self._issuer or not self._client:
            raise self._error("needs idp-issuer-url and client-id.")

    def _error(self, what: str) -> ConfigError:
        return ConfigError(f"The OIDC provider of user {self._user!r} {what}")

    @property
    def expired(self) -> bool:
        """Whether another token is needed: there is none, or it ends within EARLY_S."""
        return not self.id_token or time.time() >= self._expires(self.id_token) - EARLY_S

    async def token(self) -> str:
        """An id-token that is valid. ConfigError where none is to be had."""
        async with self._one_at_a_time:
            if self.expired:
                await self._renew()
            return self.id_token

    def _expires(self, token: str) -> float:
        """Seconds since the epoch, as the token says; nobody verifies it here but the server."""
        try:
            part = token.split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
            return float(claims["exp"])
        except (ValueError, KeyError, IndexError, TypeError):
            raise self._error("has an id-token that is not a JWT with an expiry.") from None

    async def _renew(self) -> None:
        if not self._refresh_token:
            raise self._error(f"has no valid id-token, and no refresh-token to renew it. {LOG_IN}")
        try:
            async with asyncio.timeout(TIMEOUT_S):
                answer = await self._asked()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            kind = "no answer in time" if isinstance(error, TimeoutError) else sanitize(error, 200)
            raise self._error(f"at {self._place} cannot be reached: {kind}.") from None
        self._use(answer)

    @property
    def _place(self) -> str:
        return sanitize(urlsplit(self._issuer).netloc.rpartition("@")[2], 120)

    async def _asked(self) -> OidcAnswer:
        connector = aiohttp.TCPConnector(ssl=self._context())
        async with aiohttp.ClientSession(connector=connector, trust_env=True) as session:
            endpoint = await self._endpoint(session)
            answer = await self._post(session, endpoint, in_header=bool(self._secret))
            if self._secret and answer.status in (400, 401) and answer.error != "invalid_grant":
                answer = await self._post(session, endpoint, in_header=False)
            return answer

    def _context(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cadata=self._authority.decode("ascii") or None)
        except (ssl.SSLError, ValueError):
            raise self._error(
                "has an idp-certificate-authority that is not a PEM certificate."
            ) from None

    async def _endpoint(self, session: aiohttp.ClientSession) -> str:
        async with session.get(self._issuer + DISCOVERY) as response:
            answer = await _read(response)
        endpoint = answer.body.get("token_endpoint")
        if answer.status != 200 or not isinstance(endpoint, str):
            raise self._error(
                f"at {self._place} does not say where tokens are renewed "
                f"(HTTP {answer.status} for {DISCOVERY})."
            )
        return endpoint

    async def _post(
        self, session: aiohttp.ClientSession, endpoint: str, in_header: bool
    ) -> OidcAnswer:
        """RFC 6749, 6: the client is named in a header, or in the form."""
        form = {"grant_type": "refresh_token", "refresh_token": self._refresh_token}
        headers = {}
        if in_header:
            pair = f"{quote_plus(self._client)}:{quote_plus(self._secret)}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        else:
            form["client_id"] = self._client
            if self._secret:
                form["client_secret"] = self._secret
        async with session.post(endpoint, data=form, headers=headers) as response:
            return await _read(response)

    def _use(self, answer: OidcAnswer) -> None:
        if answer.status != 200:
            raise self._error(
                f"at {self._place} did not renew the id-token (HTTP {answer.status}: "
                f"{answer.reason}). {LOG_IN}"
            )
        token, another = (str(answer.body.get(key) or "") for key in ("id_token", "refresh_token"))
        if not token:
            raise self._error(
                f"at {self._place} gave no id-token when it renewed: the login has not the scope "
                "openid, or the provider gives none."
            )
        hide(*filter(None, (token, another)))
        self._expires(token)
        self.id_token = token
        if another and another != self._refresh_token:
            self._refresh_token, self.rotated = another, True


async def _read(response: aiohttp.ClientResponse) -> OidcAnswer:
    """A JSON object, within reason; an empty one for what is none."""
    data = await response.content.read(LARGEST)
    try:
        body = json.loads(data)
    except ValueError:
        body = None
    return OidcAnswer(response.status, body if isinstance(body, dict) else {})
