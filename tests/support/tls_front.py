"""What stands before a real API server, for tests: TLS with certificates of our own, and a proxy that counts."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
import subprocess
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest


class Certificates:
    """An authority, a server certificate for `lab.example` and 127.0.0.1 (or the name alone), a client's."""

    def __init__(self, folder: Path) -> None:
        if not shutil.which("openssl"):
            pytest.skip("NO OPENSSL: install openssl for the tests of TLS")
        self.folder = folder
        self._run(
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=lab authority",
            "-keyout",
            "ca.key",
            "-out",
            "ca.crt",
        )
        self._issue("server", "subjectAltName=DNS:lab.example,IP:127.0.0.1")
        self._issue("named", "subjectAltName=DNS:lab.example")
        self._issue("client", "extendedKeyUsage=clientAuth")

    def _run(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

    def _issue(self, name: str, extension: str) -> None:
        (self.folder / f"{name}.ext").write_text(extension + "\n")
        self._run(
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            f"/CN={name}",
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.csr",
        )
        self._run(
            "x509",
            "-req",
            "-in",
            f"{name}.csr",
            "-CA",
            "ca.crt",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-out",
            f"{name}.crt",
            "-extfile",
            f"{name}.ext",
        )

    def text(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()


class Front:
    """Servers on an event loop of their own, so that programs under test may block."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.connects: list[str] = []

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def tls(
        self, certificates: Certificates, name: str, port: int, ask_client: bool = False
    ) -> int:
        """Terminate TLS and pass on to a local port; returns the port that it listens on."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(
            certificates.folder / f"{name}.crt", certificates.folder / f"{name}.key"
        )
        if ask_client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(certificates.folder / "ca.crt")

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await _join(reader, writer, *(await asyncio.open_connection("127.0.0.1", port)))

        return self._do(self._listen(serve, context))  # type: ignore[no-any-return]

    def proxy(self) -> int:
        """An HTTP proxy that knows CONNECT; what was asked for is in `connects`."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            method, target, _ = (await reader.readline()).decode().split()
            while (await reader.readline()).strip():
                pass
            self.connects.append(f"{method} {target}")
            host, _, port = target.rpartition(":")
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await _join(reader, writer, *(await asyncio.open_connection(host, int(port))))

        return self._do(self._listen(serve, None))  # type: ignore[no-any-return]

    @staticmethod
    async def _listen(serve: Any, context: ssl.SSLContext | None) -> int:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        return int(server.sockets[0].getsockname()[1])


async def _join(*streams: Any) -> None:
    reader, writer, there, back = streams

    async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            while data := await source.read(65_536):
                target.write(data)
                await target.drain()
        with contextlib.suppress(OSError):
            target.close()

    await asyncio.gather(copy(reader, back), copy(there, writer))
