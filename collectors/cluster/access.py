"""Opens a cluster as kubectl would: kubeconfig, context, namespace; says who we are there."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote as escape

from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config import kube_config
from kubernetes.aio.config.config_exception import ConfigException

from collectors.cluster.rest import Rest
from collectors.errors import ClusterError, ConfigError, Forbidden, NotFound
from collectors.safe import safe


@dataclass(frozen=True, slots=True)
class Cluster:
    """An open cluster. `namespace` is the context's, '' for all."""

    rest: Rest
    context: str
    namespace: str
    user: str
    version: str

    async def close(self) -> None:
        await self.rest.close()


def kubeconfig_paths(given: str | None) -> str:
    """The kubeconfig path list: the flag, else $KUBECONFIG (read now, not at import), else ~/.kube/config."""
    return given or os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")


def _merged(paths: str, explicit: bool) -> Any:
    named = [p for p in paths.split(os.pathsep) if p]
    if explicit and not any(Path(p).expanduser().exists() for p in named):
        raise ConfigError(f"There is no kubeconfig at {safe(paths)}. Check --kubeconfig or $KUBECONFIG.")
    try:
        config = kube_config.KubeConfigMerger(paths).config
    except Exception as error:  # yaml errors of every kind
        raise ConfigError(f"The kubeconfig {safe(paths)} cannot be read: {safe(error, 200)}") from None
    if config is None:
        raise ConfigError(
            f"There is no kubeconfig at {safe(paths)}. Give --kubeconfig, set $KUBECONFIG, or try `podwire lab`."
        )
    return config


def _loader(paths: str, explicit: bool, context: str | None) -> Any:
    config = _merged(paths, explicit)
    names = [str(c["name"]) for c in config.value.get("contexts") or ()]
    wanted = context or config.value.get("current-context")
    if not wanted:
        raise ConfigError(f"The kubeconfig names no current context. Give --context, one of: {_listed(names)}")
    if wanted not in names:
        raise ConfigError(f"There is no context {safe(wanted)!r} in the kubeconfig. Known: {_listed(names)}")
    try:
        return kube_config.KubeConfigLoader(config_dict=config, active_context=wanted, config_base_path=None)
    except (ConfigException, KeyError, TypeError) as error:
        raise ConfigError(f"The context {safe(wanted)!r} is incomplete: {safe(error, 200)}") from None


def _listed(names: list[str]) -> str:
    return ", ".join(safe(n, 60) for n in sorted(names)[:12]) or "none"


async def connect(kubeconfig: str | None = None, context: str | None = None, namespace: str | None = None) -> Cluster:
    """Open the cluster and check that it answers, that we are known there, and that the namespace exists.

    ConfigError for what is wrong on this side, ClusterError or Forbidden for what is wrong on that side.
    """
    explicit = bool(kubeconfig or os.environ.get("KUBECONFIG"))
    loader = _loader(kubeconfig_paths(kubeconfig), explicit, context)
    configuration = Configuration()
    try:
        await loader.load_and_set(configuration)
    except (ConfigException, KeyError, ValueError, OSError, TypeError) as error:
        raise ConfigError(f"The credentials of this context cannot be loaded: {safe(error, 200)}") from None
    rest = Rest(ApiClient(configuration))
    current = loader.current_context
    details = current.get("context") or {}
    try:
        version = await rest.get("/version", what="version")
        chosen = namespace if namespace is not None else str(details.get("namespace") or "")
        await _check_namespace(rest, chosen)
        user = await _who_am_i(rest) or str(details.get("user") or "?")
    except BaseException:
        await rest.close()
        raise
    return Cluster(rest, safe(current["name"], 80), chosen, safe(user, 80), safe(version.get("gitVersion", "?"), 40))


async def _check_namespace(rest: Rest, namespace: str) -> None:
    if not namespace:
        return
    try:
        await rest.get(f"/api/v1/namespaces/{quote(namespace)}", what=f"namespace {namespace}")
    except NotFound:
        raise ConfigError(
            f"There is no namespace {safe(namespace)!r} in this cluster. Check -n, or leave it out for all."
        ) from None
    except Forbidden:
        pass  # many may list pods in a namespace but not read it


async def _who_am_i(rest: Rest) -> str:
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        answer = await rest.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=review)
    except ClusterError as error:
        if error.status == 401:
            raise
        return ""
    return str(answer.get("status", {}).get("userInfo", {}).get("username") or "")


def quote(name: str) -> str:
    """A name as a path segment."""
    return escape(name, safe="")


def pod_path(namespace: str, pod: str) -> str:
    return f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(pod)}"
