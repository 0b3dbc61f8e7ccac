"""A pod's status as a kubelet reports it, computed from what its containers are doing."""

from __future__ import annotations

from dataclasses import dataclass, field
from secrets import token_hex

from lab.api.store import Object, now
from lab.images import Image


@dataclass(slots=True)
class ContainerState:
    """What one container does now and did last."""

    spec: Object
    ephemeral: bool = False
    state: Object = field(default_factory=lambda: {"waiting": {"reason": "ContainerCreating"}})
    last: Object = field(default_factory=dict)
    ready: bool = False
    restarts: int = 0
    id: str = ""
    image: Image | None = None
    user: int = 0
    group: int = 0

    @property
    def name(self) -> str:
        return str(self.spec["name"])

    def start(self, image: Image, user: int, group: int) -> None:
        self.id, self.image, self.user, self.group = (
            f"containerd://{token_hex(32)}",
            image,
            user,
            group,
        )
        self.state = {"running": {"startedAt": now()}}

    def end(self, code: int) -> None:
        started = self.state.get("running", {}).get("startedAt", now())
        self.state = {
            "terminated": {
                "exitCode": code,
                "reason": "Completed" if code == 0 else "Error",
                "startedAt": started,
                "finishedAt": now(),
                "containerID": self.id,
            }
        }
        self.ready = False

    def wait(self, reason: str, message: str = "") -> None:
        if "terminated" in self.state:
            self.last = self.state
        self.state = {"waiting": {"reason": reason, **({"message": message} if message else {})}}

    def as_status(self) -> Object:
        named = self.image.full_name or self.image.name if self.image else self.spec["image"]
        entry: Object = {
            "name": self.name,
            "state": self.state,
            "lastState": self.last,
            "ready": self.ready,
            "restartCount": self.restarts,
            "image": named,
            "imageID": self.image.id if self.image else "",
        }
        if self.id:
            entry["containerID"] = self.id
        if not self.ephemeral:
            entry["started"] = "running" in self.state
        if self.id:
            entry["resources"] = {}
        mounts = self.spec.get("volumeMounts", ())
        if mounts and not self.ephemeral:
            entry["volumeMounts"] = [_mount_status(mount) for mount in mounts]
        if self.id:
            entry["user"] = self._user_status()
        return entry

    def _user_status(self) -> Object:
        groups = [self.group]
        return {"linux": {"uid": self.user, "gid": self.group, "supplementalGroups": groups}}


def _mount_status(mount: Object) -> Object:
    return {
        "name": mount["name"],
        "mountPath": mount["mountPath"],
        "readOnly": True,
        "recursiveReadOnly": "Disabled",
    }


def _condition(
    kind: str, true: bool, generation: int, unready: list[str], before: dict[str, Object]
) -> Object:
    old = before.get(kind, {})
    word = "True" if true else "False"
    found: Object = {
        "type": kind,
        "observedGeneration": generation,
        "status": word,
        "lastProbeTime": None,
        "lastTransitionTime": old["lastTransitionTime"] if old.get("status") == word else now(),
    }
    if not true and kind in ("Ready", "ContainersReady"):
        found["reason"] = "ContainersNotReady"
        found["message"] = f"containers with unready status: [{' '.join(unready)}]"
    return found


def phase_of(pod: Object, states: list[ContainerState]) -> str:
    codes = [s.state["terminated"]["exitCode"] for s in states if "terminated" in s.state]
    policy = pod["spec"].get("restartPolicy", "Always")
    if policy != "Always" and len(codes) == len(states):
        if not any(codes):
            return "Succeeded"
        if policy == "Never":
            return "Failed"
    return "Running" if any(map(_has_started, states)) else "Pending"


def _has_started(container: ContainerState) -> bool:
    return bool("waiting" not in container.state or container.restarts or container.last)


def status_of(
    pod: Object,
    states: list[ContainerState],
    ephemeral: list[ContainerState],
    addresses: tuple[str, str],
) -> Object:
    """`addresses`: the node's and the pod's, which is empty until its network is there."""
    host, own = addresses
    found: Object = {
        "observedGeneration": pod["metadata"].get("generation", 1),
        "phase": phase_of(pod, states),
        "conditions": _conditions(pod, states, has_network=bool(own)),
        "hostIP": host,
        "hostIPs": [{"ip": host}],
    }
    if own:
        found.update(podIP=own, podIPs=[{"ip": own}])
    found["startTime"] = pod.get("status", {}).get("startTime") or now()
    found["containerStatuses"] = [s.as_status() for s in states]
    found["qosClass"] = "BestEffort"
    if ephemeral:
        by_name = sorted(ephemeral, key=lambda s: s.name)
        found["ephemeralContainerStatuses"] = [s.as_status() for s in by_name]
    found["resources"] = {}
    return found


def _conditions(pod: Object, states: list[ContainerState], has_network: bool) -> list[Object]:
    before = {c["type"]: c for c in pod.get("status", {}).get("conditions", ())}
    generation = pod["metadata"].get("generation", 1)
    unready = [s.name for s in states if not s.ready]
    truths = {
        "PodReadyToStartContainers": has_network,
        "Initialized": True,
        "Ready": not unready,
        "ContainersReady": not unready,
        "PodScheduled": True,
    }
    return [_condition(kind, true, generation, unready, before) for kind, true in truths.items()]


def waiting_reason(pod: Object, container: str) -> str:
    """Why a container does not run yet, as the API server words it."""
    fields = ("containerStatuses", "ephemeralContainerStatuses")
    entries = [entry for field in fields for entry in pod["status"].get(field, ())]
    entry: Object = next((e for e in entries if e["name"] == container), {"state": {}})
    waiting = entry["state"].get("waiting", {})
    reason: str = waiting.get("reason", "ContainerCreating")
    if reason in ("ErrImagePull", "ImagePullBackOff"):
        return "trying and failing to pull image"
    return str(waiting.get("message") or reason)
