"""The server's OpenAPI document, made from the routes alone: no index is opened for it."""

from typing import Any, cast

from indexer.matching import Matcher
from indexer.settings import Settings
from indexer.store import Store
from search_api.app import create_app
from search_api.settings import ServeSettings

DOCUMENT: dict[str, Any] = create_app(
    cast("Store", None), cast("Matcher", None), Settings(), ServeSettings()
).openapi()
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
