"""The API server through a SOCKS5 proxy (kubeconfig `proxy-url: socks5://…`, or HTTPS_PROXY).

The proxy resolves the server's name, for socks5 and socks5h alike, as in Go (net/http, which
kubectl uses), and the port is 1080 where none is said. The protocol is python-socks', which is
installed by `podwire[socks]`: without it that is said.
"""

from __future__ import annotations

from importlib.util import find_spec
from socket import socket
from urllib.parse import unquote, urlsplit

from collectors.errors import ConfigError
from collectors.frozen import frozen
from collectors.sanitize import sanitize

SCHEMES = ("socks5", "socks5h")
PORT = 1080
LIBRARY = "python_socks"
CONNECT_S = 20.0
INSTALL = "install podwire[socks] (pipx: `pipx inject podwire python-socks`)"


class SocksFailed(OSError):
    """The proxy is not there, or did not connect; its text says which."""


@frozen
class SocksProxy:
    host: str
    port: int
    user: str = ""
    password: str = ""

    @classmethod
    def of(cls, url: str | None) -> SocksProxy | None:
        """None for a proxy of another kind, or none at all."""
        if not url or urlsplit(url).scheme not in SCHEMES:
            return None
        parts = urlsplit(url)
        user, password = (unquote(text or "") for text in (parts.username, parts.password))
        return cls(parts.hostname or "", parts.port or PORT, user, password)

    @property
    def name(self) -> str:
        return f"The SOCKS proxy at {sanitize(self.host, 80)}:{self.port}"

    async def connected(self, host: str, port: int, seconds: float | None) -> socket:
        """A socket that is connected to the host. SocksFailed where there is none to be had."""
        from python_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError, ProxyType
        from python_socks.async_.asyncio import Proxy

        proxy = Proxy(
            ProxyType.SOCKS5,
            host=self.host,
            port=self.port,
            username=self.user or None,
            password=self.password or None,
            rdns=True,
        )
        try:
            made: socket = await proxy.connect(host, port, timeout=seconds or CONNECT_S)
        except ProxyConnectionError:
            raise SocksFailed(f"{self.name} cannot be reached") from None
        except ProxyTimeoutError:
            raise SocksFailed(f"{self.name} did not answer in time") from None
        except (ProxyError, OSError) as error:
            raise SocksFailed(f"{self.name} did not connect: {sanitize(error, 160)}") from None
        return made


def check_installed(where: str) -> None:
    """ConfigError where the library for it is not there."""
    if find_spec(LIBRARY) is None:
        raise ConfigError(f"{where} is reached through a SOCKS proxy: {INSTALL} for that.")
