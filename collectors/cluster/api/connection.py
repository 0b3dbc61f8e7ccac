"""Opens a cluster as kubectl would, by kubeconfig, context and namespace; says who we are there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import field
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote as escape, urlsplit

from collectors.cluster.api.credentials import Impersonation, of_user
from collectors.cluster.api.kubeconfig import (
    Kubeconfig,
    KubeconfigEntry,
    load,
    locate,
)
from collectors.cluster.api.rest import Json, Rest
from collectors.cluster.api.transport import configure
from collectors.errors import ConfigError, Forbidden, NotFound, RefusalsSuppressed
from collectors.frozen import frozen
from collectors.sanitize import sanitize
from collectors.secrets import redact

if TYPE_CHECKING:
    from kubernetes.aio.client.api_client import ApiClient
    from kubernetes.aio.client.configuration import Configuration

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
IN_CLUSTER = "in-cluster"
SELF_REVIEWS = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
SELF_REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}


@frozen
class Cluster:
    """An open cluster. `namespace` is the context's, '' for all.

    `kubeconfig` is where it was found, so that another process can clean up what was added to it.
    """

    rest: Rest
    context: str
    namespace: str
    user: str
    version: str
    groups: tuple[str, ...] = ()
    kubeconfig: str = ""

    async def close(self) -> None:
        await self.rest.close()

    @property
    def server(self) -> str:
        """The API server's address, fit to be written down."""
        return redact(str(self.rest.configuration.host))

    @property
    def server_end(self) -> str:
        """`address:port` of the API server where it is named by an address, '' otherwise."""
        parts = urlsplit(str(self.rest.configuration.host))
        try:
            address = ip_address(parts.hostname or "")
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            return ""
        return _end(str(address), port)


@frozen
class ConnectionRequest:
    """Which cluster to open, as the command line says it."""

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None  # '' for all
    impersonation: Impersonation = field(default_factory=Impersonation)


class ConnectionEntries(NamedTuple):
    """What a connection is made of, and the path list of the kubeconfig that has it."""

    context: KubeconfigEntry
    cluster: KubeconfigEntry
    user: KubeconfigEntry
    paths: str = ""


def _end(host: str, port: object) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _in_cluster() -> ConnectionEntries | None:
    """What a pod's service account gives; None outside of a pod."""
    host, port = (os.environ.get(f"KUBERNETES_SERVICE_{part}") for part in ("HOST", "PORT"))
    if not host or not port or not (SERVICE_ACCOUNT / "token").exists():
        return None
    server = f"https://{_end(host, port)}"
    return ConnectionEntries(
        _of_account(namespace=_own_namespace()),
        _of_account(server=server, certificate_authority="ca.crt"),
        _of_account(tokenFile="token"),
    )


def _of_account(**values: str) -> KubeconfigEntry:
    named = {key.replace("_", "-"): value for key, value in values.items()}
    return KubeconfigEntry(IN_CLUSTER, named, SERVICE_ACCOUNT)


def _own_namespace() -> str:
    path = SERVICE_ACCOUNT / "namespace"
    return path.read_text().strip() if path.exists() else ""


def _chosen(wanted: ConnectionRequest) -> ConnectionEntries:
    config: Kubeconfig = load(wanted.kubeconfig)
    if not config.contexts and not wanted.context:
        if entries := _in_cluster():
            return entries
        if not config.paths:
            raise _no_kubeconfig(wanted)
    context = config.context(wanted.context)
    return ConnectionEntries(
        context, config.cluster_of(context), config.user_of(context), _path_list(config)
    )


def _no_kubeconfig(wanted: ConnectionRequest) -> ConfigError:
    where = ", ".join(sanitize(path) for path in locate(wanted.kubeconfig))
    hint = "Give --kubeconfig, set $KUBECONFIG, or try `podwire lab`."
    return ConfigError(f"There is no kubeconfig at {where}. {hint}")


def _path_list(config: Kubeconfig) -> str:
    return os.pathsep.join(str(path.absolute()) for path in config.paths)


async def connect(
    kubeconfig: str | None = None, context: str | None = None, namespace: str | None = None
) -> Cluster:
    """Open a cluster by kubeconfig, context and namespace alone; see `open_cluster`."""
    return await open_cluster(ConnectionRequest(kubeconfig, context, namespace))


async def open_cluster(wanted: ConnectionRequest) -> Cluster:
    """Open the cluster; check that it answers, knows us, and has the namespace.

    ConfigError for what is wrong on this side, ClusterError or Forbidden for what is wrong there.
    """
    entries = _chosen(wanted)
    rest = await _rest(entries, wanted.impersonation)
    try:
        return await _checked(rest, entries, wanted.namespace)
    except BaseException:
        await rest.close()
        raise


async def _rest(entries: ConnectionEntries, impersonation: Impersonation) -> Rest:
    configuration = configure(entries.cluster)
    credentials = await of_user(entries.user, entries.cluster, impersonation)
    return Rest(_client(configuration), credentials)


async def open_unchecked(wanted: ConnectionRequest) -> tuple[Rest, str]:
    """The API server and the namespace of the context ('' for none); nothing is asked there yet.

    ConfigError for what is wrong on this side.
    """
    entries = _chosen(wanted)
    rest = await _rest(entries, wanted.impersonation)
    return rest, wanted.namespace or entries.context.text("namespace")


def _client(configuration: Configuration) -> ApiClient:
    from kubernetes.aio.client.api_client import ApiClient  # slow, and only needed with a cluster

    return ApiClient(configuration)


async def _checked(rest: Rest, entries: ConnectionEntries, namespace: str | None) -> Cluster:
    version = await _version(rest)
    chosen = namespace if namespace is not None else entries.context.text("namespace")
    await _check_namespace(rest, chosen)
    name, groups = await _who_am_i(rest)
    return Cluster(
        rest=rest,
        context=sanitize(entries.context.name, 80),
        namespace=chosen,
        user=sanitize(name or entries.user.name or "?", 80),
        version=sanitize(version, 40),
        groups=groups,
        kubeconfig=entries.paths,
    )


def every_context(kubeconfig: str | None) -> Sequence[str]:
    """The names of all contexts, sorted."""
    return sorted(load(kubeconfig).contexts)


async def _version(rest: Rest) -> str:
    try:
        answer = await rest.get("/version", what="version")
    except Forbidden:  # a server may hide it
        return "?"
    return str(answer.get("gitVersion") or "?")


async def _check_namespace(rest: Rest, namespace: str) -> None:
    if not namespace:
        return
    try:
        await rest.get(f"/api/v1/namespaces/{quote(namespace)}", what=f"namespace {namespace}")
    except NotFound:
        raise ConfigError(
            f"There is no namespace {sanitize(namespace)!r} in this cluster. "
            "Check -n, or leave it out for all."
        ) from None
    except Forbidden:
        pass  # many may list pods in a namespace but not read it


async def _who_am_i(rest: Rest) -> tuple[str, tuple[str, ...]]:
    """Our name and groups as the API server sees them; '' where it does not say (before 1.28)."""
    with RefusalsSuppressed():
        info = await _user_info(rest)
        groups = info.get("groups") or ()
        return str(info.get("username") or ""), tuple(str(group) for group in groups)
    return "", ()


async def _user_info(rest: Rest) -> Json:
    answer = await rest.request("POST", SELF_REVIEWS, body=SELF_REVIEW)
    info: Json = answer.get("status", {}).get("userInfo", {})
    return info


def quote(name: str) -> str:
    """A name as a path segment."""
    return escape(name, safe="")


def pod_path(namespace: str, pod: str) -> str:
    return f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(pod)}"
