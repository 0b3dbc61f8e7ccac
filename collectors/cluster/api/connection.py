"""Opens a cluster as kubectl would, by kubeconfig, context and namespace; says who we are there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from urllib.parse import quote as escape

from collectors.cluster.api.credentials import Credentials, Impersonation, of_user
from collectors.cluster.api.kubeconfig import (
    Kubeconfig,
    KubeconfigEntry,
    load,
    locate,
)
from collectors.cluster.api.rest import Rest
from collectors.cluster.api.transport import configure
from collectors.errors import ClusterError, ConfigError, Forbidden, NotFound
from collectors.frozen import frozen
from collectors.sanitize import sanitize
from collectors.secrets import redact

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
IN_CLUSTER = "in-cluster"


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


@frozen
class ConnectionRequest:
    """Which cluster to open, as the command line says it."""

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None  # '' for all
    impersonation: Impersonation = field(default_factory=Impersonation)


def _in_cluster() -> tuple[KubeconfigEntry, KubeconfigEntry, KubeconfigEntry] | None:
    """The context, cluster and user that a pod's service account gives; None outside of a pod."""
    host, port = (os.environ.get(f"KUBERNETES_SERVICE_{part}") for part in ("HOST", "PORT"))
    if not host or not port or not (SERVICE_ACCOUNT / "token").exists():
        return None
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    cluster = {"server": f"https://{address}", "certificate-authority": "ca.crt"}
    namespace = SERVICE_ACCOUNT / "namespace"
    context = {"namespace": namespace.read_text().strip() if namespace.exists() else ""}
    return (
        KubeconfigEntry(IN_CLUSTER, context, SERVICE_ACCOUNT),
        KubeconfigEntry(IN_CLUSTER, cluster, SERVICE_ACCOUNT),
        KubeconfigEntry(IN_CLUSTER, {"tokenFile": "token"}, SERVICE_ACCOUNT),
    )


def _chosen(
    wanted: ConnectionRequest,
) -> tuple[KubeconfigEntry, KubeconfigEntry, KubeconfigEntry, str]:
    """Context, cluster, user, and the kubeconfig's path list."""
    config: Kubeconfig = load(wanted.kubeconfig)
    if not config.contexts and not wanted.context:
        entries = _in_cluster()
        if entries is not None:
            return (*entries, "")
        if not config.paths:
            where = ", ".join(sanitize(path) for path in locate(wanted.kubeconfig))
            hint = "Give --kubeconfig, set $KUBECONFIG, or try `podwire lab`."
            raise ConfigError(f"There is no kubeconfig at {where}. {hint}")
    context = config.context(wanted.context)
    paths = os.pathsep.join(str(path.absolute()) for path in config.paths)
    return context, config.cluster_of(context), config.user_of(context), paths


async def connect(
    kubeconfig: str | None = None, context: str | None = None, namespace: str | None = None
) -> Cluster:
    """Open a cluster by kubeconfig, context and namespace alone; see `open_cluster`."""
    return await open_cluster(ConnectionRequest(kubeconfig, context, namespace))


async def open_cluster(wanted: ConnectionRequest) -> Cluster:
    """Open the cluster; check that it answers, knows us, and has the namespace.

    ConfigError for what is wrong on this side, ClusterError or Forbidden for what is wrong there.
    """
    context, cluster, user, paths = _chosen(wanted)
    configuration = configure(cluster)
    credentials: Credentials = await of_user(user, cluster, wanted.impersonation)
    from kubernetes.aio.client.api_client import ApiClient  # slow, and only needed with a cluster

    rest = Rest(ApiClient(configuration), credentials)
    try:
        version = await _version(rest)
        chosen = wanted.namespace if wanted.namespace is not None else context.text("namespace")
        await _check_namespace(rest, chosen)
        name, groups = await _who_am_i(rest)
    except BaseException:
        await rest.close()
        raise
    return Cluster(
        rest=rest,
        context=sanitize(context.name, 80),
        namespace=chosen,
        user=sanitize(name or user.name or "?", 80),
        version=sanitize(version, 40),
        groups=groups,
        kubeconfig=paths,
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
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        answer = await rest.request(
            "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=review
        )
    except ClusterError as error:
        if error.status in (0, 401):
            raise
        return "", ()
    info = answer.get("status", {}).get("userInfo", {})
    return str(info.get("username") or ""), tuple(str(group) for group in info.get("groups") or ())


def quote(name: str) -> str:
    """A name as a path segment."""
    return escape(name, safe="")


def pod_path(namespace: str, pod: str) -> str:
    return f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(pod)}"
