"""`model export`: a model for ONNX Runtime here, or as files for other programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from indexer.cli.options import AsJson, ModelReference, load
from indexer.cli.output import counted, print_facts, print_json
from indexer.errors import InputError
from indexer.runtime.terminal import echo
from indexer.settings import Settings
from indexer.types import ExportFormat

if TYPE_CHECKING:  # they load NumPy
    from indexer.model.parity import Parity
    from indexer.types import Rgb

_MOST_PHOTOS: Final = 500


def export(
    model: ModelReference = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="New folder for the files.")
    ] = None,
    form: Annotated[
        ExportFormat | None, typer.Option("--format", help="Format of the files; default: onnx.")
    ] = None,
    photos: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Images to compare the answers on.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Export a model for other programs.

    Without --out: keeps the export that other commands use, which they make when they first need
    it. The folder may be deleted at any time.

    With --out: writes the graph and model.json, which describes it, for programs in any language.
    The graph gives class probabilities and unit embeddings. Its answers are compared with torch's,
    on --photos if given; an export that differs is refused. int8 is calibrated on --photos, and
    its differences are only reported.

    Example: lookalike model export --format onnx --out exported --photos photos
    """
    settings = load(model)
    facts: dict[str, Any]
    if out is None:
        if form is not None or photos is not None:
            raise InputError("--format and --photos need --out FOLDER.")
        facts = _keep(settings)
    else:
        facts = _write(settings, out, form or ExportFormat.ONNX, photos)
    if as_json:
        print_json(facts)
        return
    parity = facts.pop("parity")
    print_facts("Export", [*facts.items(), ("parity", _say(parity))])


def _say(parity: "Parity") -> str:
    return (
        f"{counted(parity.pictures, 'image', 'images')}: probabilities differ by at most "
        f"{parity.probability_difference:.2g}, cosines are at least {parity.cosine:.4f}"
    )


def _keep(settings: Settings) -> dict[str, Any]:
    from indexer.embedding_space import find_model
    from indexer.model import export_model

    folder, exported = export_model(find_model(settings), settings.resolved_model_cache)
    return {
        "folder": folder.absolute(),
        "bytes": len(exported.graph),
        "fingerprint": exported.card.fingerprint,
        "parity": exported.parity,
    }


def _write(
    settings: Settings, out: Path, form: ExportFormat, photos: Path | None
) -> dict[str, Any]:
    from dataclasses import asdict

    from indexer.embedding_space import find_model
    from indexer.model import export_portable

    pictures = _read_photos(photos, settings) if photos else []
    written = export_portable(find_model(settings), form, out.expanduser().absolute(), pictures)
    return asdict(written) | {"parity": written.parity}


def _read_photos(folder: Path, settings: Settings) -> "list[Rgb]":
    """Decode the first images of a folder; unreadable ones are reported and left out."""
    from indexer.images.decode import decode
    from indexer.sources import open_sources
    from indexer.types import SkippedSource

    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder of images.")
    pictures: list[Rgb] = []
    for found in open_sources([str(folder)], settings):
        if isinstance(found, SkippedSource):
            echo(f"{found.uri}: {found.message} ({found.code})", err=True)
            continue
        try:
            data = found.read(settings.max_image_bytes)
            pictures.append(decode(data, settings.image_limits).rgb)
        except InputError as error:
            echo(f"{found.stamp.uri}: {error} ({error.code})", err=True)
        if len(pictures) == _MOST_PHOTOS:
            break
    if not pictures:
        raise InputError(f"{folder} holds no readable images.")
    return pictures
