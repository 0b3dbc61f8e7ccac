"""A pod's status as a kubelet reports it, computed from what its containers are doing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from secrets import token_hex

from lab.api.metadata import conditions_of, generation_of, without_empty
from lab.api.store import Object, now
from lab.images import Image

FIXED_STATUS: Object = {"qosClass": "BestEffort", "resources": {}}
PULL_REASONS = ("ErrImagePull", "ImagePullBackOff")
PULL_FAILS = "trying and failing to pull image"


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
        self.id = f"containerd://{token_hex(32)}"
        self.image, self.user, self.group = image, user, group
        self.state = {"running": {"startedAt": now()}}

    def end(self, code: int) -> None:
        self.state = {"terminated": self._termination(code)}
        self.ready = False

    def _termination(self, code: int) -> Object:
        return {
            "exitCode": code,
            "reason": "Error" if code else "Completed",
            "startedAt": self._started_at(),
            "finishedAt": now(),
            "containerID": self.id,
        }

    def _started_at(self) -> str:
        return str(self.state.get("running", {}).get("startedAt", now()))

    def wait(self, reason: str, message: str = "") -> None:
        self._keep_last()
        self.state = {"waiting": without_empty({"reason": reason, "message": message})}

    def _keep_last(self) -> None:
        if "terminated" in self.state:
            self.last = self.state

    def restart(self) -> None:
        self._keep_last()
        self.restarts += 1

    def as_status(self) -> Object:
        return {
            "name": self.name,
            "state": self.state,
            "lastState": self.last,
            "ready": self.ready,
            "restartCount": self.restarts,
            **self._image_status(),
            **self._container_status(),
            **self._permanent_status(),
        }

    def _image_status(self) -> Object:
        if image := self.image:
            return {"image": image.full_name or image.name, "imageID": image.id}
        return {"image": self.spec["image"], "imageID": ""}

    def _container_status(self) -> Object:
        """What is known once it was made."""
        if not self.id:
            return {}
        return {"containerID": self.id, "resources": {}, "user": self._user_status()}

    def _permanent_status(self) -> Object:
        """What an ephemeral container has not."""
        if self.ephemeral:
            return {}
        return {"started": "running" in self.state, **self._mounts_status()}

    def _mounts_status(self) -> Object:
        mounts = [_mount_status(mount) for mount in self.spec.get("volumeMounts", ())]
        return without_empty({"volumeMounts": mounts})

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


def _condition(kind: str, true: bool, pod: Object) -> Object:
    status = "True" if true else "False"
    return {
        "type": kind,
        "observedGeneration": generation_of(pod),
        "status": status,
        "lastProbeTime": None,
        "lastTransitionTime": _transition_time(pod, kind, status),
    }


def _transition_time(pod: Object, kind: str, status: str) -> str:
    """Since when a condition has that status."""
    for known in conditions_of(pod):
        if (known["type"], known["status"]) == (kind, status):
            return str(known["lastTransitionTime"])
    return now()


def _not_ready(unready: list[str]) -> Object:
    if not unready:
        return {}
    message = f"containers with unready status: [{' '.join(unready)}]"
    return {"reason": "ContainersNotReady", "message": message}


def phase_of(pod: Object, states: list[ContainerState]) -> str:
    if ended := _ended_phase(pod, states):
        return ended
    return "Running" if any(map(_has_started, states)) else "Pending"


def _ended_phase(pod: Object, states: list[ContainerState]) -> str:
    """Succeeded or Failed, where every container has ended for good; else empty."""
    policy, codes = pod["spec"].get("restartPolicy", "Always"), _exit_codes(states)
    if policy == "Always" or len(codes) < len(states):
        return ""
    failed = "Failed" if policy == "Never" else ""
    return failed if any(codes) else "Succeeded"


def _exit_codes(states: list[ContainerState]) -> list[int]:
    ends = (one.state["terminated"] for one in states if "terminated" in one.state)
    return [end["exitCode"] for end in ends]


def _has_started(container: ContainerState) -> bool:
    return bool("waiting" not in container.state or container.restarts or container.last)


def status_of(
    pod: Object, states: list[ContainerState], addresses: tuple[Sequence[str], Sequence[str]]
) -> Object:
    """`addresses`: the node's and the pod's, which are none until its network is there."""
    permanent = [one for one in states if not one.ephemeral]
    return {
        **_progress(pod, permanent, has_network=bool(addresses[1])),
        **_address_fields("host", addresses[0]),
        **_address_fields("pod", addresses[1]),
        "startTime": pod.get("status", {}).get("startTime") or now(),
        **_container_statuses(states),
        **FIXED_STATUS,
    }


def _progress(pod: Object, states: list[ContainerState], has_network: bool) -> Object:
    return {
        "observedGeneration": generation_of(pod),
        "phase": phase_of(pod, states),
        "conditions": _conditions(pod, states, has_network),
    }


def _address_fields(whose: str, addresses: Sequence[str]) -> Object:
    """`podIP` and `podIPs`, or those of the host; none without an address."""
    every = [{"ip": address} for address in addresses]
    return {f"{whose}IP": addresses[0], f"{whose}IPs": every} if every else {}


def _container_statuses(states: list[ContainerState]) -> Object:
    permanent = [one.as_status() for one in states if not one.ephemeral]
    ephemeral = [one.as_status() for one in states if one.ephemeral]
    ephemeral.sort(key=itemgetter("name"))
    more = {"ephemeralContainerStatuses": ephemeral} if ephemeral else {}
    return {"containerStatuses": permanent, **more}


def _conditions(pod: Object, states: list[ContainerState], has_network: bool) -> list[Object]:
    unready = [one.name for one in states if not one.ready]
    return [
        _condition("PodReadyToStartContainers", has_network, pod),
        _condition("Initialized", True, pod),
        {**_condition("Ready", not unready, pod), **_not_ready(unready)},
        {**_condition("ContainersReady", not unready, pod), **_not_ready(unready)},
        _condition("PodScheduled", True, pod),
    ]


def waiting_reason(pod: Object, container: str) -> str:
    """Why a container does not run yet, as the API server words it."""
    waiting = _waiting_state(pod, container)
    reason = waiting.get("reason", "ContainerCreating")
    return PULL_FAILS if reason in PULL_REASONS else str(waiting.get("message") or reason)


def _waiting_state(pod: Object, container: str) -> Object:
    for entry in _reported_statuses(pod["status"]):
        if entry["name"] == container:
            return dict(entry["state"].get("waiting", {}))
    return {}


def _reported_statuses(status: Object) -> Iterator[Object]:
    for key in ("containerStatuses", "ephemeralContainerStatuses"):
        yield from status.get(key, ())
