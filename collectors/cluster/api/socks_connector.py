"""aiohttp's connections through a SOCKS proxy. Imported where there is one."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from socket import AF_INET, AddressFamily, socket
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from collectors.cluster.api.socks import SocksProxy

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler


class _Unresolved(AbstractResolver):
    """Leaves a name to the proxy."""

    async def resolve(
        self, host: str, port: int = 0, family: AddressFamily = AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=host, port=port, family=AF_INET, proto=0, flags=0)
        ]

    async def close(self) -> None:
        pass


class SocksConnector(aiohttp.TCPConnector):
    """`prepare` sets the options of each socket, as those of a connection without a proxy."""

    def __init__(
        self,
        proxy: SocksProxy,
        context: ssl.SSLContext,
        limit: int,
        prepare: Callable[[socket], None],
    ) -> None:
        super().__init__(ssl=context, limit=limit, resolver=_Unresolved(), use_dns_cache=False)
        self._socks = proxy
        self._prepare = prepare

    async def _wrap_create_connection(
        self, *arguments: Any, addr_infos: list[Any], timeout: Any, **options: Any
    ) -> tuple[Any, ResponseHandler]:
        """What aiohttp calls for each connection (3.14, connector.py); TLS is its own."""
        host, port = addr_infos[0][4][:2]
        made = await self._socks.connected(host, port, timeout.sock_connect)
        self._prepare(made)
        return await self._wrap_existing_connection(
            *arguments, timeout=timeout, sock=made, **options
        )
