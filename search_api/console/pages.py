"""HTML pages, rendered from templates/ with autoescape."""

from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from search_api.console import text_filters


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("search_api.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(text_filters.FILTERS)
    environment.globals["now"] = text_filters.now
    return environment


def render(
    template: str,
    status: HTTPStatus = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """Return a page."""
    page = _environment().get_template(template).render(values)
    return HTMLResponse(page, status, headers)
