"""`/docs` and `/openapi.json`: API documentation, without external assets."""

from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse

from search_api.auth import PrincipalDependency, Scope, requires
from search_api.console.pages import render
from search_api.middleware.security_headers import DOCS_POLICY

router = APIRouter(include_in_schema=False, dependencies=[requires(*Scope)])
SWAGGER = ("swagger-ui-bundle.js", "swagger-ui.css")


@router.get("/openapi.json")
@router.get("/openapi/openapi.json")  # where HMA has it
async def openapi(request: Request) -> JSONResponse:
    """Return the OpenAPI document."""
    document: dict[str, Any] = request.app.openapi()
    return JSONResponse(document)


@router.get("/docs")
async def docs(principal: PrincipalDependency) -> HTMLResponse:
    """Show the routes."""
    headers = {"Content-Security-Policy": DOCS_POLICY}
    return render("docs.html", headers=headers, csrf=principal.csrf)


def _swagger(name: str) -> FileResponse:
    # of the package its files of swagger-ui alone
    return FileResponse(str(files("fastapi_swagger") / "resources" / name))


@router.get("/docs/swagger-ui-bundle.js")
async def swagger_script() -> FileResponse:
    """Return swagger-ui's script."""
    return _swagger("swagger-ui-bundle.js")


@router.get("/docs/swagger-ui.css")
async def swagger_style() -> FileResponse:
    """Return swagger-ui's style sheet."""
    return _swagger("swagger-ui.css")
