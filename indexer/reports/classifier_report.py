"""Report on a classifier: one self-contained HTML file, or JSON."""

import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from PIL import Image
from pydantic_core import to_jsonable_python

from indexer.classification.class_metrics import ClassFigures, Evaluation
from indexer.classification.mistakes import Mistake
from indexer.classification.trained_model import CurvePoint, TrainedModel
from indexer.errors import LookalikeError
from indexer.images.decode import decoded
from indexer.reports.html import page_environment
from indexer.reports.line_chart import SIDE, Line, Points, place
from indexer.reports.report_pictures import obscure
from indexer.reports.report_writer import replace_file
from indexer.runtime.terminal import printable
from indexer.settings import ImageLimits

_PAGE: Final = Path(__file__).with_name("page")
_COLOURS: Final = 36  # classes of report.css, c0 to c35


@dataclass(frozen=True, slots=True)
class ClassifierReport:
    """What a report says."""

    title: str
    about: str
    facts: dict[str, object]
    evaluation: Evaluation
    mistakes: list[Mistake]
    curve: list[CurvePoint] = field(default_factory=list)
    curve_unit: str = "images"


def report_on_training(trained: TrainedModel) -> ClassifierReport:
    """Return the report on a model that was trained."""
    data = trained.data
    return ClassifierReport(
        title=trained.classifier,
        about=f"Trained by lookalike model train --depth {trained.depth}.",
        facts={
            "images": f"{data.images:,} in {data.groups:,} groups",
            "left out": f"{data.skipped} unusable files, {data.duplicates} duplicates",
            "data": data.sha256[:16],
            "space": trained.space[:12],
            **trained.recipe,
        },
        evaluation=trained.evaluation,
        mistakes=trained.mistakes,
        curve=trained.curve,
        curve_unit=trained.curve_unit,
    )


def save_classifier_report(
    report: ClassifierReport, file: Path, limits: ImageLimits, *, pictures: bool = True
) -> None:
    """Write a report; the end of the name says whether as HTML (.html) or JSON.

    The HTML loads nothing else and runs no script. The mistakes are shown small, grey and blurred,
    where the images are files of this machine; JSON names them only.

    Parameters
    ----------
    report : ClassifierReport
    file : Path
        Replaced once the report is whole; only its owner may read it.
    limits : ImageLimits
    pictures : bool
        Whether the mistakes are shown at all.

    Raises
    ------
    UnreadableSource
        The file cannot be written.
    """
    if file.suffix.lower() != ".html":
        text = json.dumps(to_jsonable_python(report), indent=1)
        replace_file(file, lambda out: _write(out, text))
        return
    evaluation = report.evaluation
    shown = [(each, _picture(each, limits) if pictures else None) for each in report.mistakes]
    page = (
        page_environment()
        .get_template("classifier.html.jinja")
        .render(
            report=report,
            evaluation=evaluation,
            style=(_PAGE / "report.css").read_text(encoding="utf-8"),
            side=SIDE,
            precision=[_line(n, c, c.precision_curve) for n, c in enumerate(evaluation.classes)],
            roc=[_line(n, c, c.roc) for n, c in enumerate(evaluation.classes)],
            reliability=place([(b.confidence, b.accuracy) for b in evaluation.calibration.bins]),
            curves=_curves(report.curve),
            shown=shown,
            shade=_shade,
        )
    )
    replace_file(file, lambda out: _write(out, page))


def _write(out: BinaryIO, text: str) -> None:
    out.write(text.encode("utf-8", "replace"))


def _line(number: int, figures: ClassFigures, points: Points) -> Line:
    return Line.of(printable(figures.label), number % _COLOURS, points)


def _curves(curve: Sequence[CurvePoint]) -> list[Line]:
    """Return the accuracy and losses of a training, the losses by their largest."""
    if len(curve) < 2:  # noqa: PLR2004 -- a point is no curve
        return []
    first, last = curve[0].at, curve[-1].at
    xs = [(each.at - first) / max(last - first, 1) for each in curve]
    most = max(max(each.held_out_loss, each.loss or 0.0) for each in curve) or 1.0
    accuracy = [(x, each.held_out_accuracy) for x, each in zip(xs, curve, strict=True)]
    held_out = [(x, each.held_out_loss / most) for x, each in zip(xs, curve, strict=True)]
    training = [
        (x, each.loss / most) for x, each in zip(xs, curve, strict=True) if each.loss is not None
    ]
    return [
        Line.of("accuracy, held out", 0, accuracy),
        Line.of(f"loss, held out, of {most:.2f}", 1, held_out),
        Line.of(f"loss, training, of {most:.2f}", 2, training),
    ]


def _shade(count: int, row: Sequence[int]) -> str:
    """Return how strongly a cell of the confusion matrix is filled, as CSS."""
    return f"{100 * count / max(sum(row), 1):.0f}%"


def _picture(mistake: Mistake, limits: ImageLimits) -> str | None:
    """Return a veiled copy of an image as a data URI; None where it is no readable file here."""
    path = Path(mistake.uri)
    if not path.is_absolute():
        return None
    try:
        with decoded(path.read_bytes(), limits) as picture:
            jpeg = obscure(Image.fromarray(picture.rgb))
    except (OSError, ValueError, LookalikeError):
        return None
    return f"data:image/jpeg;base64,{b64encode(jpeg).decode()}"
