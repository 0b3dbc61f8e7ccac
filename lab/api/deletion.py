"""What a deletion asks for, and what it is answered: grace periods, preconditions, Statuses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lab.api import status
from lab.api.metadata import generation_of, name_of, uid_of
from lab.api.resources import Resource
from lab.api.status import ApiError
from lab.api.store import Object

SUCCESS: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}


def grace_period(pod: Object, options: Object) -> int:
    """Seconds; a second deletion may shorten the grace period, never extend it."""
    asked = _asked_grace(pod, options)
    return min(asked, int(pod["metadata"].get("deletionGracePeriodSeconds", asked)))


def _asked_grace(pod: Object, options: Object) -> int:
    asked = options.get("gracePeriodSeconds")
    if asked in (None, ""):
        asked = pod["spec"].get("terminationGracePeriodSeconds", 30)
    return int(asked)


def begin_deletion(pod: Object, grace: int) -> None:
    """Mark a pod as terminating, for its kubelet to end."""
    ends = datetime.now(UTC) + timedelta(seconds=grace)
    pod["metadata"].update(
        deletionTimestamp=f"{ends:%Y-%m-%dT%H:%M:%SZ}",
        deletionGracePeriodSeconds=grace,
        generation=generation_of(pod) + 1,
    )


def check_precondition(options: Object, resource: Resource, item: Object) -> None:
    """ApiError 409 where the object is another than the one that was meant."""
    expected = (options.get("preconditions") or {}).get("uid")
    if expected and expected != uid_of(item):
        raise _conflict(resource, item, expected)


def _conflict(resource: Resource, item: Object, expected: str) -> ApiError:
    name = name_of(item)
    message = (
        f'Operation cannot be fulfilled on {resource.qualified()} "{name}": Precondition failed: '
        f"UID in precondition: {expected}, UID in object meta: {uid_of(item)}"
    )
    return ApiError(409, "Conflict", message, status.details(resource, name))


def deleted(resource: Resource, item: Object) -> Object:
    details = {**status.details(resource, name_of(item)), "uid": uid_of(item)}
    return {**SUCCESS, "details": details}


def deleted_list(resource: Resource, items: list[Object], version: int) -> Object:
    return {
        "kind": f"{resource.kind}List",
        "apiVersion": resource.group_version,
        "metadata": {"resourceVersion": str(version)},
        "items": items,
    }
