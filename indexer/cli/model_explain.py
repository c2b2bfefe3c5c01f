"""`model explain`: what in a picture speaks for a class, or for a match."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import typer

from indexer.cli.options import AsJson, ModelReference, load, opened
from indexer.cli.output import print_facts, print_json
from indexer.errors import InputError
from indexer.runtime.terminal import echo
from indexer.settings import Settings
from indexer.types import ClassMap, MatchRegions, Part

_SHADES: Final = " .:-=+*#"  # from nothing to what speaks most for the class
_AGAINST: Final = "o"


def explain(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="The image.")],
    label: Annotated[
        str | None, typer.Option("--class", help="Class to explain; default: the likeliest.")
    ] = None,
    match: Annotated[
        int | None,
        typer.Option(metavar="ID", min=1, help="Explain the match with this stored image."),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also draw it to this PNG file.")
    ] = None,
    model: ModelReference = None,
    *,
    clear: Annotated[
        bool, typer.Option("--clear", help="Draw the pictures without a veil.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what explains a class score or a match.

    Without --match: covers the image region by region and shows how much the log-odds of the class
    fall, as a map of 8 by 8 cells. Takes about 50 forward passes. No index is needed.

    With --match: shows the parts of the image and of the stored image that match, and the local
    features that both have in the same arrangement.

    Example: lookalike model explain upload.jpg --class Porn --picture map.png
    """
    from indexer.sources import read

    if label is not None and match is not None:
        raise InputError("--class and --match exclude each other: a match has no class.")
    _check_picture(picture, clear=clear)
    settings = load(model)
    data = read(image, settings.max_image_bytes)
    explained: ClassMap | MatchRegions
    if match is None:
        explained, draw = _explain_class(settings, data, str(image), label)
    else:
        explained, draw = _explain_match(settings, data, str(image), match)
    if picture is not None:
        _write(picture, draw(not clear))
    if as_json:
        print_json(explained)
        return
    if isinstance(explained, ClassMap):
        _print_map(explained)
    else:
        _print_regions(explained)
    if picture is not None:
        echo()
        echo(f"Picture: {picture}")


def _check_picture(picture: Path | None, *, clear: bool) -> None:
    if clear and picture is None:
        raise InputError("--clear needs --picture FILE: nothing else shows the pictures.")
    if picture is None:
        return
    if picture.suffix.lower() != ".png":
        raise InputError(f"--picture writes a PNG, so {picture} must end in .png.")
    if not picture.parent.is_dir():
        raise InputError(f"There is no folder {picture.parent} to write {picture.name} to.")


def _explain_class(
    settings: Settings, data: bytes, name: str, label: str | None
) -> tuple[ClassMap, Callable[[bool], bytes]]:
    from indexer.attribution import draw_class_map, explain_class
    from indexer.embedding_space import find_model, open_encoder
    from indexer.runtime.cpu import Cores

    limits = settings.image_limits
    encoder = open_encoder(find_model(settings), settings, Cores())
    explained = explain_class(encoder, limits, data, name, label)
    return explained, lambda veiled: draw_class_map(explained, data, limits, is_veiled=veiled)


def _explain_match(
    settings: Settings, data: bytes, name: str, image_id: int
) -> tuple[MatchRegions, Callable[[bool], bytes]]:
    from indexer.attribution import draw_match, explain_match
    from indexer.matching import open_matcher
    from indexer.runtime.cpu import Cores

    limits = settings.image_limits
    with opened(settings) as store:
        matcher = open_matcher(store, settings, cores=Cores())
        explained = explain_match(matcher, store, limits, data, name, image_id)
        with store.reader() as catalog:
            thumbnail = catalog.thumbnails.get_many([image_id]).get(image_id)
    return explained, lambda veiled: draw_match(
        explained, data, thumbnail, limits, is_veiled=veiled
    )


def _write(path: Path, png: bytes) -> None:
    try:
        path.write_bytes(png)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from error


def _print_map(explained: ClassMap) -> None:
    """Print the cells as characters, two each so that a map of a square picture is square."""
    most = max(1.0, *(abs(cell) for row in explained.cells for cell in row))
    print_facts(
        explained.query,
        {"class": explained.label, "probability": f"{explained.probability:.4f}"}.items(),
    )
    echo()
    for row in explained.cells:
        shades = (
            _SHADES[round(cell / most * (len(_SHADES) - 1))]
            if cell > -most / (2 * len(_SHADES))
            else _AGAINST
            for cell in row
        )
        echo("  " + "".join(2 * shade for shade in shades).rstrip())
    echo()
    echo(f"# speaks most for {explained.label}, o against it. --json prints the numbers.")


def _print_regions(explained: MatchRegions) -> None:
    log_odds = explained.log_odds
    if explained.has_features:
        mirrored = " (the query mirrored)" if explained.is_mirrored else ""
        details = f"{len(explained.details)}{mirrored}"
    else:
        details = "unknown: no local features of this image are kept"
    print_facts(
        explained.query,
        {
            "image": explained.image_id,
            "tier": explained.tier,
            "log_odds": "not a candidate" if log_odds is None else f"{log_odds:.1f}",
            "query_part": _place(explained.query_part),
            "image_part": _place(explained.part),
            "details": details,
        }.items(),
    )


def _place(part: Part | None) -> str:
    if part is None:
        return "whole"
    if part.box is None:
        return f"{part.kind} {part.number}"
    left, top, width, height = part.box
    return f"{part.kind} {part.number}: {width} x {height} at {left}, {top}"
