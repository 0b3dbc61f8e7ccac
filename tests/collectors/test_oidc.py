"""id-tokens that expire, beside a small identity provider: renewed as kubectl renews them, or a sentence."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from collectors.cluster.api.credentials import Credentials, Impersonation, of_user
from collectors.cluster.api.kubeconfig import KubeconfigEntry
from collectors.cluster.api.oidc import DISCOVERY
from collectors.errors import ConfigError
from tests.support.tls_front import Certificates, Front

pytestmark = pytest.mark.slow

CLUSTER = KubeconfigEntry("c", {"server": "https://x"}, Path())


def token(seconds: float, name: str = "a") -> str:
    """A JWT that expires in so many seconds; nobody signed it."""
    claims = json.dumps({"exp": time.time() + seconds, "name": name, "odd": "~~~???"}).encode()
    return f"e30.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.sig"


@dataclass
class Provider:
    """`refresh` is the token that it accepts; with `rotates` each answer has another. `in_form`:
    it wants the client's secret in the form."""

    refresh: str = "refresh-1"
    rotates: bool = False
    in_form: bool = False
    secret: str = "secret-1"
    answer: dict[str, Any] | None = None
    lasts: float = 3600.0
    asked: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    async def discovery(self, request: web.Request) -> web.Response:
        return web.json_response({"token_endpoint": f"{self.url}/token"})

    async def renew(self, request: web.Request) -> web.Response:
        form = {key: str(value) for key, value in (await request.post()).items()}
        header = request.headers.get("Authorization")
        pair = base64.b64decode((header or "").removeprefix("Basic ")).decode()
        given = pair.partition(":")[2] if header else form.get("client_secret", "")
        self.asked.append(form | {"header": str(bool(header))})
        if given != self.secret or (self.in_form and header):
            return web.json_response({"error": "invalid_client"}, status=401)
        if form["refresh_token"] != self.refresh:
            return web.json_response({"error": "invalid_grant"}, status=400)
        if self.answer is not None:
            return web.json_response(self.answer)
        await asyncio.sleep(0.05)
        answer = {"id_token": token(self.lasts, f"n{len(self.asked)}")}
        if self.rotates:
            self.refresh = answer["refresh_token"] = f"refresh-{len(self.asked) + 1}"
        return web.json_response(answer)


@asynccontextmanager
async def running(provider: Provider) -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_get(f"/realm{DISCOVERY}", provider.discovery)
    app.router.add_post("/realm/token", provider.renew)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    provider.url = provider.url or f"http://127.0.0.1:{port}/realm"
    try:
        yield int(port)
    finally:
        await runner.cleanup()


def user(provider: Provider, folder: Path = Path(), **config: str | None) -> KubeconfigEntry:
    known = {
        "idp-issuer-url": provider.url + "/",
        "client-id": "podwire",
        "client-secret": provider.secret,
        "refresh-token": "refresh-1",
    }
    given = {k.replace("_", "-"): v for k, v in config.items()}
    chosen = {k: v for k, v in {**known, **given}.items() if v is not None}
    return KubeconfigEntry("u", {"auth-provider": {"name": "oidc", "config": chosen}}, folder)


async def logged_in(entry: KubeconfigEntry) -> Credentials:
    return await of_user(entry, CLUSTER, Impersonation())


async def sent(credentials: Credentials) -> str:
    return dict(await credentials.headers())["Authorization"].removeprefix("Bearer ")


async def test_a_token_that_is_valid_is_used_as_it_is() -> None:
    provider, valid = Provider(), token(600)
    async with running(provider):
        credentials = await logged_in(user(provider, id_token=valid))
        assert await sent(credentials) == valid and not provider.asked
        assert not await credentials.renew(), "a 401 is not asked about again and again"


@pytest.mark.parametrize("seconds", [-3600, 5])
async def test_one_that_expires_is_renewed_also_later_and_once_for_many(seconds: float) -> None:
    provider = Provider(rotates=True, lasts=11.0)
    async with running(provider):
        credentials = await logged_in(user(provider, id_token=token(seconds)))
        first = await sent(credentials)
        assert len(provider.asked) == 1 and credentials.oidc is not None
        assert credentials.oidc.rotated
        await asyncio.sleep(1.2)  # within the 10 s before it expires
        assert len({await one for one in [sent(credentials) for _ in range(5)]} - {first}) == 1
    assert [one["refresh_token"] for one in provider.asked] == ["refresh-1", "refresh-2"]


async def test_no_token_at_all_is_one_that_has_expired() -> None:
    provider = Provider()
    async with running(provider):
        assert await sent(await logged_in(user(provider)))
    assert provider.asked[0]["header"] == "True"


async def test_the_clients_secret_goes_by_header_or_form_or_there_is_none() -> None:
    for provider in (Provider(in_form=True), Provider(secret="")):
        async with running(provider):
            secret = provider.secret or None
            assert await sent(await logged_in(user(provider, client_secret=secret)))
        last = provider.asked[-1]
        assert (last["header"], last["client_id"]) == ("False", "podwire")


@pytest.mark.parametrize(
    ("changed", "answer", "says"),
    [
        ({"refresh_token": "old"}, None, r"did not renew the id-token \(HTTP 400: invalid_grant\)"),
        ({"client_secret": "x"}, None, r"did not renew the id-token \(HTTP 401: invalid_client\)"),
        ({"refresh_token": None}, None, "no valid id-token, and no refresh-token to renew it"),
        ({"client_id": None}, None, "needs idp-issuer-url and client-id"),
        ({"id_token": "a.b"}, None, "id-token that is not a JWT"),
        ({}, {"access_token": "x"}, "gave no id-token when it renewed"),
        ({}, {"id_token": "x"}, "id-token that is not a JWT"),
        ({"idp_issuer_url": "http://127.0.0.1:1"}, None, "at 127.0.0.1:1 cannot be reached"),
    ],
)
async def test_what_fails_is_a_sentence(
    changed: dict[str, str | None], answer: dict[str, Any] | None, says: str
) -> None:
    provider = Provider(answer=answer)
    async with running(provider):
        with pytest.raises(ConfigError, match=says) as failed:
            await logged_in(user(provider, Path(), **changed))
    assert "refresh-1" not in str(failed.value) and "secret-1" not in str(failed.value)


async def test_a_place_that_is_no_provider_is_a_sentence() -> None:
    provider = Provider()
    async with running(provider) as port:
        provider.url = f"http://127.0.0.1:{port}/elsewhere"
        with pytest.raises(ConfigError, match="does not say where tokens are renewed"):
            await logged_in(user(provider))


async def test_the_providers_certificate_is_verified(tmp_path: Path) -> None:
    """The library verifies none without an authority, and fails with one."""
    front, certificates, provider = Front(), Certificates(tmp_path), Provider()
    try:
        async with running(provider) as port:
            provider.url = f"https://127.0.0.1:{front.tls(certificates, 'server', port)}/realm"
            with pytest.raises(ConfigError, match=r"cannot be reached: .*certificate"):
                await logged_in(user(provider, tmp_path))
            assert not provider.asked, "no secret went to a stranger"
            data = base64.b64encode(certificates.text("ca.crt")).decode()
            for how in (
                {"idp_certificate_authority": "ca.crt"},
                {"idp_certificate_authority_data": data},
            ):
                assert await sent(await logged_in(user(provider, tmp_path, **how)))
    finally:
        front.close()
