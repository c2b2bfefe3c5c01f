"""The server's OpenAPI document, made from the routes alone: no index is opened for it."""

from typing import Any

from support.serving import app_of_routes

DOCUMENT: dict[str, Any] = app_of_routes().openapi()
OPERATIONS: dict[str, dict[str, Any]] = {
    f"{method.upper()} {path}": operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
    if operation["tags"] != ["hma"]
}
"""By name, such as `POST /v1/search`; HMA's routes have shapes of their own."""
HMA_OPERATIONS: dict[str, dict[str, Any]] = {
    f"{method.upper()} {path}": operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
    if operation["tags"] == ["hma"]
}
"""Likewise: those of HMA."""
