"""metav1.Status answers, with the words of a real API server (shared transcripts)."""

from __future__ import annotations

from typing import Any

from aiohttp import web


class ApiError(Exception):
    """An answer other than success; `body` is the Status object."""

    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "code": code,
        }
        if details:
            self.body["details"] = details


def not_found(resource: str, name: str) -> ApiError:
    return ApiError(404, "NotFound", f'{resource} "{name}" not found', {"name": name, "kind": resource})


def invalid(kind: str, name: str, field: str, message: str) -> ApiError:
    text = f'{kind} "{name}" is invalid: {field}: {message}'
    cause = {"reason": "FieldValueForbidden", "message": message, "field": field}
    return ApiError(422, "Invalid", text, {"name": name, "kind": kind, "causes": [cause]})


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")


@web.middleware
async def errors_as_status(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        response: web.StreamResponse = await handler(request)
    except ApiError as error:
        return web.json_response(error.body, status=error.code)
    except web.HTTPNotFound:
        body = ApiError(404, "NotFound", "the server could not find the requested resource").body
        return web.json_response(body, status=404)
    return response
