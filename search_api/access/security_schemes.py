"""Security schemes for OpenAPI."""

from typing import Any, Final

from fastapi import FastAPI

from search_api.access.middleware import is_public
from search_api.auth import SESSION_COOKIE

_SCHEMES: Final = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key: `lk_<public id>_<secret>`.",
    },
    "header": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The same key.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": SESSION_COOKIE,
        "description": "The console's session; a request that changes something sends "
        "X-CSRF-Token, too.",
    },
}


class GuardedApp(FastAPI):
    """An application whose document says which routes need a key.

    As dependencies FastAPI would look for all three again at every request, when the middleware
    has long found who it is.
    """

    def openapi(self) -> dict[str, Any]:
        """Return the document, made at the first call."""
        if self.openapi_schema is None:
            self.openapi_schema = _guarded(super().openapi())
        return self.openapi_schema


def _guarded(document: dict[str, Any]) -> dict[str, Any]:
    document.setdefault("components", {})["securitySchemes"] = _SCHEMES
    for path, operations in document["paths"].items():
        for operation in () if is_public(path) else operations.values():
            operation["security"] = [{name: []} for name in _SCHEMES]
    return document
