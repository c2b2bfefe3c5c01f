"""Report on a trained adapter: one self-contained HTML file, and JSON."""

import json
from base64 import b64encode
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO, Final

from pydantic_core import to_jsonable_python

from indexer.errors import UnreadableSource
from indexer.generation.training.diffusion_loss import band_names
from indexer.generation.training.sheet_folder import CheckedSheet
from indexer.generation.training.trained_adapter import TrainedAdapter
from indexer.reports.html import page_environment
from indexer.reports.line_chart import SIDE, Line
from indexer.reports.report_writer import replace_file

_PAGE: Final = Path(__file__).with_name("page")
_WINDOWS: Final = 60  # points of the curve of training


def save_adapter_reports(trained: TrainedAdapter) -> Path:
    """Write `DIR.report.html` and `DIR.report.json` beside the adapter's folder; return the first.

    The page loads nothing else and runs no script. It shows the validation sheets as they were
    screened, and names training pictures without showing them.

    Raises
    ------
    UnreadableSource
        A file cannot be read or written.
    """
    page = trained.folder.with_name(f"{trained.folder.name}.report.html")
    text = json.dumps(to_jsonable_python(trained), indent=1)
    replace_file(page.with_suffix(".json"), lambda out: _write(out, text))
    names = band_names(trained.timesteps)
    html = (
        page_environment()
        .get_template("adapter.html.jinja")
        .render(
            trained=trained,
            facts=_facts(trained),
            style=(_PAGE / "report.css").read_text(encoding="utf-8"),
            side=SIDE,
            bands=names,
            lines=_lines(trained, names),
            sheets=[(each, _data_uri(each)) for each in trained.sheets],
        )
    )
    replace_file(page, lambda out: _write(out, html))
    return page


def _write(out: BinaryIO, text: str) -> None:
    out.write(text.encode("utf-8", "replace"))


def _facts(trained: TrainedAdapter) -> dict[str, object]:
    recipe = {name: value for name, value in asdict(trained.recipe).items() if value}
    return {
        "base": trained.base,
        "pictures": trained.pictures,
        "left out": f"{len(trained.skipped)} unusable files, {trained.duplicates} duplicates",
        "data": trained.data[:16],
        **{name.replace("_", " "): value for name, value in recipe.items()},
        "seconds": round(trained.seconds),
    }


def _lines(trained: TrainedAdapter, names: list[str]) -> list[Line]:
    """Return the fixed losses by band and the loss of training, by their largest."""
    steps, history = trained.recipe.steps, trained.history
    width = -(-len(trained.losses) // _WINDOWS)
    training = [
        ((start + width / 2) / steps, sum(some) / len(some))
        for start in range(0, len(trained.losses), width)
        for some in [trained.losses[start : start + width]]
    ]
    most = max(*(each for measured in history for each in measured.fixed), training[0][1])
    fixed = [
        Line.of(
            f"timesteps {name}",
            band,
            [(each.step / steps, each.fixed[band] / most) for each in history],
        )
        for band, name in enumerate(names)
    ]
    shown = [(x, min(y / most, 1.0)) for x, y in training]
    return [*fixed, Line.of("training, weighted, on noise that differs", len(names), shown)]


def _data_uri(sheet: CheckedSheet) -> str:
    try:
        data = sheet.file.read_bytes()
    except OSError as error:
        raise UnreadableSource(f"{sheet.file} cannot be read: {error}.") from error
    return f"data:image/png;base64,{b64encode(data).decode()}"
