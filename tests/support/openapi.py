"""The server's OpenAPI document, made from the routes alone: no index is opened for it."""

from typing import Any

from support.serving import app_of_routes

DOCUMENT: dict[str, Any] = app_of_routes(metrics_open=False).openapi()
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
"""HMA's routes, by name."""
IMPERATIVES = (
    "Add Cancel Check Classify Compare Confirm Create Decide Delete Disable Dismiss Edit Embed "
    "Enable End Get Hash Lease List Preview Record Reject Release Rename Renew Replace Retry "
    "Reveal Revoke Search Send Set Skip Start Undo Upload"
)


def assert_imperative(summary: str) -> None:
    """Check that a route's summary is an order of at most 60 characters: `Delete an image`."""
    assert summary.split(maxsplit=1)[0] in IMPERATIVES.split(), summary
    assert len(summary) <= 60, summary
    assert summary[-1] not in ".?", summary
