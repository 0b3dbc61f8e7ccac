"""How the API server is reached: TLS, proxy, server name; for requests and exec streams alike."""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from collectors.cluster.api.credentials import Certificate, data_or_file
from collectors.cluster.api.kubeconfig import KubeconfigEntry
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
    for name, value in KEEPALIVE:
        if hasattr(socket, name):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made


def connector(context: ssl.SSLContext, limit: int) -> aiohttp.TCPConnector:
    """For requests and exec streams; aiohttp switches keepalive on. Call on the event loop."""
    return aiohttp.TCPConnector(ssl=context, limit=limit, socket_factory=_socket)


def configure(cluster: KubeconfigEntry) -> Configuration:
    """The library's configuration of a kubeconfig's cluster, without credentials."""
    where = f"The cluster {sanitize(cluster.name, 80)!r} in the kubeconfig"
    host = cluster.text("server").rstrip("/")
    if urlsplit(host).scheme not in PROXIES or not urlsplit(host).hostname:
        raise ConfigError(f"{where} has no usable server address.")
    if urlsplit(host).password:
        hide(urlsplit(host).password or "")
    from kubernetes.aio.client.configuration import Configuration

    configuration = Configuration(host=host)
    configuration.disable_strict_ssl_verification = (
        True  # as Go: private authorities lack key identifiers
    )
    authority = data_or_file(cluster, "certificate-authority")
    if cluster.value.get("insecure-skip-tls-verify"):
        if authority:
            raise ConfigError(
                f"{where} has both a certificate authority and insecure-skip-tls-verify: "
                "choose one."
            )
        configuration.verify_ssl = False
    if authority:
        configuration.ca_cert_data = authority.decode("ascii", "replace")
        try:
            ssl.create_default_context(cadata=configuration.ca_cert_data)
        except (ssl.SSLError, ValueError):
            raise ConfigError(
                f"{where} has a certificate authority that is not a PEM certificate."
            ) from None
    configuration.tls_server_name = cluster.text("tls-server-name") or None
    configuration.proxy = _proxy(host, cluster.text("proxy-url"), where)
    configuration.client_session_kwargs = {
        "trust_env": False
    }  # the environment's proxy is already chosen
    return configuration


def _proxy(host: str, given: str, where: str) -> str | None:
    """`proxy-url`, else what HTTPS_PROXY and NO_PROXY say.

    This machine itself is never reached through a proxy of the environment: Go's rule, which
    kubectl follows.
    """
    parts = urlsplit(host)
    if not given:
        name = parts.hostname or ""
        if (
            name == "localhost"
            or _is_loopback(name)
            or urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2])
        ):
            return None
        given = urllib.request.getproxies().get(parts.scheme, "")
        where = "The environment's proxy"
    if not given:
        return None
    if "://" not in given:
        given = f"http://{given}"
    proxy = urlsplit(given)
    if proxy.password:
        hide(proxy.password)
    if proxy.scheme not in PROXIES:
        raise ConfigError(
            f"{where} is reached through a {sanitize(proxy.scheme, 20)} proxy; "
            "podwire knows http and https."
        )
    return given


def _is_loopback(name: str) -> bool:
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
    options: dict[str, Any] = {"proxy": configuration.proxy}
    if configuration.tls_server_name:
        options["server_hostname"] = configuration.tls_server_name
    return options
