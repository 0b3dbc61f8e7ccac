"""How the API server is reached: TLS, proxy, server name; for requests and exec streams alike."""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from collectors.cluster.api.credentials import Certificate, data_or_file
from collectors.cluster.api.kubeconfig import KubeconfigEntry
from collectors.cluster.api.socks import SCHEMES, SocksProxy, check_installed
from collectors.errors import ConfigError
from collectors.lazy_import import lazy_import
from collectors.sanitize import sanitize
from collectors.secrets import hide

if TYPE_CHECKING:
    import aiohttp
    from kubernetes.aio.client.configuration import Configuration
else:
    aiohttp = lazy_import("aiohttp")

PROXIES = ("http", "https")


# Seconds after which a silent connection is probed, between the probes, and how many may go
# unanswered: a peer that is gone without a word is noticed within 30 s, also on a watch that nobody
# writes to.
KEEPALIVE = (
    ("TCP_KEEPIDLE", 15),
    ("TCP_KEEPINTVL", 5),
    ("TCP_KEEPCNT", 3),
    ("TCP_USER_TIMEOUT", 30_000),
)


def _socket(address: Any) -> socket.socket:
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    _keep_alive(made)
    return made


def _keep_alive(made: socket.socket) -> None:
    for name, value in KEEPALIVE:
        if hasattr(socket, name):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def connector(
    context: ssl.SSLContext, limit: int, proxy: str | None = None
) -> aiohttp.TCPConnector:
    """For requests and exec streams; aiohttp switches keepalive on, and knows HTTP proxies itself.
    Call on the event loop."""
    if (socks := SocksProxy.of(proxy)) is not None:
        from collectors.cluster.api.socks_connector import SocksConnector

        return SocksConnector(socks, context, limit, _keep_alive)
    return aiohttp.TCPConnector(ssl=context, limit=limit, socket_factory=_socket)


def configure(cluster: KubeconfigEntry) -> Configuration:
    """The library's configuration of a kubeconfig's cluster, without credentials."""
    where = f"The cluster {sanitize(cluster.name, 80)!r} in the kubeconfig"
    host = _host(cluster, where)
    from kubernetes.aio.client.configuration import Configuration

    configuration = Configuration(host=host)
    # as Go: private authorities lack key identifiers
    configuration.disable_strict_ssl_verification = True
    _trust(configuration, cluster, where)
    configuration.tls_server_name = cluster.text("tls-server-name") or None
    configuration.proxy = _proxy(host, cluster.text("proxy-url"), where)
    # the environment's proxy is already chosen
    configuration.client_session_kwargs = {"trust_env": False}
    return configuration


def _host(cluster: KubeconfigEntry, where: str) -> str:
    host = cluster.text("server").rstrip("/")
    parts = urlsplit(host)
    if parts.scheme not in PROXIES or not parts.hostname:
        raise ConfigError(f"{where} has no usable server address.")
    _hide_password(parts)
    return host


def _hide_password(url: SplitResult) -> None:
    if url.password:
        hide(url.password)


def _trust(configuration: Configuration, cluster: KubeconfigEntry, where: str) -> None:
    """Which certificates of the server are believed."""
    authority = data_or_file(cluster, "certificate-authority")
    unverified = cluster.value.get("insecure-skip-tls-verify")
    if unverified and authority:
        raise ConfigError(
            f"{where} has both a certificate authority and insecure-skip-tls-verify: choose one."
        )
    if unverified:
        configuration.verify_ssl = False
    if authority:
        configuration.ca_cert_data = _pem(authority, where)


def _pem(authority: bytes, where: str) -> str:
    text = authority.decode("ascii", "replace")
    try:
        ssl.create_default_context(cadata=text)
    except (ssl.SSLError, ValueError):
        raise ConfigError(
            f"{where} has a certificate authority that is not a PEM certificate."
        ) from None
    return text


def _proxy(host: str, given: str, where: str) -> str | None:
    """`proxy-url`, else what HTTPS_PROXY and NO_PROXY say."""
    if given:
        return _usable_proxy(given, where)
    if _without_proxy(host):
        return None
    found = urllib.request.getproxies().get(urlsplit(host).scheme, "")
    return _usable_proxy(found, "The environment's proxy") if found else None


def _without_proxy(host: str) -> bool:
    """NO_PROXY, or this machine itself, which is never reached through a proxy of the environment:
    Go's rule, which kubectl follows."""
    parts = urlsplit(host)
    host_and_port = parts.netloc.rpartition("@")[2]
    return _is_loopback(parts.hostname or "") or bool(urllib.request.proxy_bypass(host_and_port))


def _usable_proxy(given: str, where: str) -> str:
    url = given if "://" in given else f"http://{given}"
    proxy = urlsplit(url)
    _hide_password(proxy)
    if proxy.scheme in SCHEMES and proxy.hostname:
        check_installed(where)
        return url
    if proxy.scheme not in PROXIES:
        raise ConfigError(
            f"{where} is reached through a {sanitize(proxy.scheme, 20)} proxy; "
            f"podwire knows {', '.join((*PROXIES, *SCHEMES))}."
        )
    return url


def http_proxy(configuration: Configuration) -> str | None:
    """What aiohttp is to ask for a connection; None where the connector does that."""
    proxy: str | None = configuration.proxy
    return None if SocksProxy.of(proxy) else proxy


def _is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def use_certificate(context: ssl.SSLContext, certificate: Certificate) -> None:
    """Present a client certificate on connections to come.

    OpenSSL reads files only: they are in memory, and are closed.
    """
    both = os.memfd_create("podwire")
    try:
        os.write(both, certificate.certificate + b"\n" + certificate.key)
        context.load_cert_chain(f"/proc/self/fd/{both}")
    except (ssl.SSLError, OSError):
        raise ConfigError(
            "The client certificate and its key are not PEM, or do not belong together."
        ) from None
    finally:
        os.close(both)


def session_options(configuration: Configuration) -> dict[str, Any]:
    """What every request of this API server is sent with."""
    options: dict[str, Any] = {"proxy": http_proxy(configuration)}
    if configuration.tls_server_name:
        options["server_hostname"] = configuration.tls_server_name
    return options
