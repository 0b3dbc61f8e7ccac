"""metav1.Status answers, with the words of a real API server (recorded in
tests/lab/transcripts)."""

from __future__ import annotations

from lab.api.metadata import without_empty
from lab.api.resources import Resource
from lab.api.store import Object

FAILURE: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
REASONS = {
    "Forbidden": "FieldValueForbidden",
    "Not found": "FieldValueNotFound",
    "Duplicate value": "FieldValueDuplicate",
    "Required value": "FieldValueRequired",
    "Unsupported value": "FieldValueNotSupported",
}


class ApiError(Exception):
    """An answer other than success; `body` is the Status object."""

    def __init__(self, code: int, reason: str, message: str, details: Object | None = None) -> None:
        super().__init__(message)
        self.code = code
        said = {"message": message, "reason": reason}
        more = {} if details is None else {"details": details}
        self.body: Object = {**FAILURE, **said, **more, "code": code}


def details(resource: Resource, name: str) -> Object:
    return without_empty({"name": name, "group": resource.group, "kind": resource.plural})


def not_found(resource: Resource, name: str) -> ApiError:
    return ApiError(
        404, "NotFound", f'{resource.qualified()} "{name}" not found', details(resource, name)
    )


def no_such_path() -> ApiError:
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def exists(resource: Resource, name: str) -> ApiError:
    message = f'{resource.qualified()} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, details(resource, name))


def conflict(resource: Resource, name: str) -> ApiError:
    message = (
        f'Operation cannot be fulfilled on {resource.qualified()} "{name}": the object has '
        "been modified; "
        "please apply your changes to the latest version and try again"
    )
    return ApiError(409, "Conflict", message, details(resource, name))


def forbidden(resource: Resource, name: str, why: str) -> ApiError:
    what = f'{resource.qualified()} "{name}"' if name else resource.qualified()
    return ApiError(403, "Forbidden", f"{what} is forbidden: {why}", details(resource, name))


def invalid(kind: str, name: str, field: str, message: str) -> ApiError:
    """422. `message` begins with the kind of mistake (`Forbidden: …`), which also gives the cause
    its reason."""
    text = f'{kind} "{name}" is invalid: {field}: {message}'
    cause = {"reason": _reason_of(message), "message": message, "field": field}
    return ApiError(422, "Invalid", text, {"name": name, "kind": kind, "causes": [cause]})


def _reason_of(message: str) -> str:
    found = (reason for start, reason in REASONS.items() if message.startswith(start))
    return next(found, "FieldValueInvalid")


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")


def expired(message: str) -> ApiError:
    return ApiError(410, "Expired", message)
