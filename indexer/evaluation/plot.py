"""Plots of an evaluation: recall by transform, and curves over all bounds."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from indexer.errors import InputError, UnreadableSource
from indexer.evaluation.benchmark_run import Evaluation, GalleryResult
from indexer.types import Signal

if TYPE_CHECKING:  # it is optional
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS: Final = {  # of the palette of Okabe and Ito, told apart by everybody
    Signal.GEOMETRY: "#009e73",
    Signal.FUSED: "#0072b2",
    Signal.EMBEDDING: "#e69f00",
    Signal.PDQ: "#999999",
}
_NAMES: Final = {
    Signal.GEOMETRY: "fused, verified",
    Signal.FUSED: "fused",
    Signal.EMBEDDING: "embedding",
    Signal.PDQ: "PDQ",
}
_SUFFIXES: Final = (".png", ".svg", ".pdf")
_ROW: Final = 0.36  # inches
_BARS: Final = 0.8  # of the distance between two rows


def check_drawable(path: Path) -> None:
    """Refuse a picture that could not be written, before any work is done for it.

    Raises
    ------
    InputError
        matplotlib is not installed, or the name does not end as a picture's.
    UnreadableSource
        There is no such folder.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise InputError(f"{path} is not a valid plot name: it must end in {', '.join(_SUFFIXES)}.")
    if not path.absolute().parent.is_dir():
        raise UnreadableSource(f"There is no folder {path.absolute().parent}. Create it first.")
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise InputError("Plots need matplotlib: pip install 'lookalike[plots]'.") from error
    del mpl


def draw(evaluation: Evaluation, path: Path) -> None:
    """Write recall@1 of each transform by each signal as bars, the best found first.

    Raises
    ------
    UnreadableSource
        The file cannot be written.
    """
    from matplotlib.figure import Figure

    leading = next(iter(evaluation.scores.values())).by_transform
    names = sorted(leading, key=lambda name: leading[name].recall_at_1)
    height = _BARS / len(evaluation.scores)
    figure = Figure(figsize=(8, 1.6 + _ROW * len(names)), layout="constrained")
    axes = figure.add_subplot()
    for place, (signal, score) in enumerate(evaluation.scores.items()):
        label = (
            f"{signal}: recall@1 {score.overall.recall_at_1:.3f}, muAP {score.overall.mu_ap:.3f}"
        )
        axes.barh(
            [row + _BARS / 2 - (place + 0.5) * height for row in range(len(names))],
            [score.by_transform[name].recall_at_1 for name in names],
            height=height,
            color=_COLOURS[signal],
            label=label,
        )
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlim(0, 1)
    axes.set_xlabel("recall@1: share of copies whose first match is right")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper left", frameon=False)
    _save(figure, path)


def draw_curves(evaluation: Evaluation, path: Path) -> None:
    """Write precision, and false matches per upload, each against recall, by ranking.

    A row for each gallery. A point marks the bounds in force, with the 95 % intervals of its false
    matches and its recall. The second kind is left out where every query has a reference.

    Raises
    ------
    UnreadableSource
        The file cannot be written.
    """
    from matplotlib.figure import Figure

    galleries = evaluation.galleries
    columns = 2 if galleries[0].at_bounds.strangers else 1
    figure = Figure(figsize=(4.6 * columns, 0.5 + 3.4 * len(galleries)), layout="constrained")
    grid = figure.subplots(len(galleries), columns, squeeze=False)
    for gallery, row in zip(galleries, grid, strict=True):
        _draw_precision(gallery, row[0], _name_gallery(evaluation, gallery))
        if columns > 1:
            _draw_false_matches(gallery, row[1])
    handles, labels = grid[0, -1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", frameon=False, ncols=3)
    _save(figure, path)


def _name_gallery(evaluation: Evaluation, gallery: GalleryResult) -> str:
    made_up = f" and {gallery.made_up:,} made-up strangers" if gallery.made_up else ""
    return f"{evaluation.references:,} references{made_up}"


def _draw_precision(gallery: GalleryResult, axes: "Axes", title: str) -> None:
    for signal, curve in gallery.curves.items():
        axes.plot(curve.recall, curve.precision, color=_COLOURS[signal], label=_NAMES[signal])
    axes.set_title(title, loc="left", fontsize="medium")
    axes.set_ylim(0, 1.02)
    axes.set_ylabel("precision: right pairs of all")
    _finish(axes)


def _draw_false_matches(gallery: GalleryResult, axes: "Axes") -> None:
    """Draw on a logarithmic scale that ends at half an upload; below that there is nothing."""
    point = gallery.at_bounds
    if point.strangers is None:
        return
    uploads = point.strangers.overall.uploads
    least = 0.5 / uploads.queries
    for signal, curve in gallery.curves.items():
        rates = [max(rate, least) for rate in curve.false_matches]
        axes.plot(curve.recall, rates, color=_COLOURS[signal], label=_NAMES[signal])
    share = max(uploads.share, least)
    axes.errorbar(
        point.recall.share,
        share,
        xerr=[[point.recall.share - point.recall.low], [point.recall.high - point.recall.share]],
        yerr=[[share - max(uploads.low, least)], [uploads.high - share]],
        fmt="o",
        color="black",
        label="the bounds in force",
    )
    axes.set_yscale("log")
    axes.set_ylim(0.9 * least, 1.1)
    axes.set_ylabel("uploads with a false match")
    _finish(axes)


def _finish(axes: "Axes") -> None:
    axes.set_xlim(0, 1.01)
    axes.set_xlabel("recall: copies whose right pair reaches the bound")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _save(figure: "Figure", path: Path) -> None:
    try:
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise UnreadableSource(f"{path} cannot be written: {error}.") from error
