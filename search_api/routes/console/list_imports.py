"""`/console/banks/{name}/import`: a list, first as a dry run."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from fastapi import File, Form, Response, UploadFile

from indexer.errors import InputError
from indexer.exchange import ImportOptions, ImportReport, import_lists
from search_api.auth import PrincipalDependency
from search_api.console.text_filters import counted
from search_api.dependencies import Service, ServiceDependency
from search_api.routes.console.screen import EDITING, screen_router, show

router = screen_router()


@router.get("/banks/{name}/import", dependencies=EDITING)
async def import_page(
    name: str, service: ServiceDependency, principal: PrincipalDependency
) -> Response:
    """Ask for a list."""
    bank = await service.read(lambda catalog: catalog.banks.get(name))
    return show("import.html", "Banks", principal, bank=bank)


@router.post("/banks/{name}/import", dependencies=EDITING)
async def import_list(
    name: str,
    service: ServiceDependency,
    principal: PrincipalDependency,
    file: Annotated[UploadFile, File()],
    *,
    full: Annotated[bool, Form()] = False,
    apply: Annotated[bool, Form()] = False,
) -> Response:
    """Say what a list would change, or carry it out."""
    if not file.filename:
        raise InputError("Choose a list: CSV, JSON Lines, or what NCMEC or StopNCII write.")
    data = await file.read()
    report = await service.write(
        _run, service, name, file.filename, data, full=full, dry_run=not apply
    )
    return show(
        "parts/import_report.html",
        "Banks",
        principal,
        report=report,
        list_name=file.filename,
        message=f"{counted(report.added, 'entry')} added to {name}." if apply else None,
        undo=None,
    )


def _run(
    service: Service, bank: str, filename: str, data: bytes, *, full: bool, dry_run: bool
) -> ImportReport:
    options = ImportOptions(service.settings.pdq_min_quality, full=full, dry_run=dry_run)
    suffixes = "".join(Path(filename).suffixes[-2:])
    with TemporaryDirectory(prefix="lookalike-list-") as folder:
        path = Path(folder, f"list{suffixes}")
        path.write_bytes(data)
        return import_lists(service.store, bank, [str(path)], options)
