"""What a pod resolves names with: resolv.conf, hosts and nsswitch.conf, as its kubelet writes
them."""

from __future__ import annotations

from pathlib import Path

from lab.api.metadata import namespace_of
from lab.api.store import Object
from lab.topology import CLUSTER_DOMAIN, DNS_SERVICE_IP

NDOTS = "5"
HOSTS = "127.0.0.1 localhost\n::1 localhost\n"
NSSWITCH = "passwd: files\ngroup: files\nhosts: files dns\n"


def resolver_files(pod: Object, files: Path) -> Path:
    """A directory in `files`; one for all pods of a namespace with the same options."""
    own = pod["spec"].get("dnsConfig") or {}
    options = {"ndots": NDOTS, **_given_options(own)}
    directory = files / _directory_name(namespace_of(pod), options)
    if not directory.exists():
        directory.mkdir()
        _write(directory, resolv_conf(namespace_of(pod), own, options))
    return directory


def _given_options(own: Object) -> dict[str, str]:
    return {option["name"]: str(option.get("value", "")) for option in own.get("options", ())}


def _directory_name(namespace: str, options: dict[str, str]) -> str:
    parts = ("etc", namespace, *sorted(f"{name}{value}" for name, value in options.items()))
    return "-".join(parts).replace("/", "_")


def _write(directory: Path, resolv: str) -> None:
    (directory / "resolv.conf").write_text(resolv)
    (directory / "hosts").write_text(HOSTS)
    (directory / "nsswitch.conf").write_text(NSSWITCH)


def resolv_conf(namespace: str, own: Object, options: dict[str, str]) -> str:
    """`own` is the pod's dnsConfig; its searches come first."""
    of_cluster = (f"{namespace}.svc.{CLUSTER_DOMAIN}", f"svc.{CLUSTER_DOMAIN}", CLUSTER_DOMAIN)
    search = " ".join((*own.get("searches", ()), *of_cluster))
    text = " ".join(map(_option, options.items()))
    return f"search {search}\nnameserver {DNS_SERVICE_IP}\noptions {text}\n"


def _option(item: tuple[str, str]) -> str:
    name, value = item
    return f"{name}:{value}" if value else name
