"""What a pod resolves names with: resolv.conf, hosts and nsswitch.conf, as its kubelet writes
them."""

from __future__ import annotations

from pathlib import Path

from lab.api.store import Object
from lab.topology import CLUSTER_DOMAIN, DNS_SERVICE_IP

NDOTS = "5"
HOSTS = "127.0.0.1 localhost\n::1 localhost\n"
NSSWITCH = "passwd: files\ngroup: files\nhosts: files dns\n"


def resolver_files(pod: Object, files: Path) -> Path:
    """A directory in `files`; one for all pods of a namespace with the same options."""
    namespace = pod["metadata"]["namespace"]
    own = pod["spec"].get("dnsConfig") or {}
    given = {option["name"]: str(option.get("value", "")) for option in own.get("options", ())}
    options = {"ndots": NDOTS, **given}
    name = "-".join(("etc", namespace, *sorted(f"{k}{v}" for k, v in options.items())))
    directory = files / name.replace("/", "_")
    if not directory.exists():
        directory.mkdir()
        (directory / "resolv.conf").write_text(resolv_conf(namespace, own, options))
        (directory / "hosts").write_text(HOSTS)
        (directory / "nsswitch.conf").write_text(NSSWITCH)
    return directory


def resolv_conf(namespace: str, own: Object, options: dict[str, str]) -> str:
    """`own` is the pod's dnsConfig; its searches come first."""
    of_cluster = (f"{namespace}.svc.{CLUSTER_DOMAIN}", f"svc.{CLUSTER_DOMAIN}", CLUSTER_DOMAIN)
    search = " ".join((*own.get("searches", ()), *of_cluster))
    text = " ".join(f"{name}:{value}" if value else name for name, value in options.items())
    return f"search {search}\nnameserver {DNS_SERVICE_IP}\noptions {text}\n"
