"""Plot of an evaluation: recall of each signal by transform."""

from pathlib import Path
from typing import Final

from indexer.errors import InputError, UnreadableSource
from indexer.evaluation.benchmark_run import Evaluation
from indexer.types import Signal

_COLOURS: Final = {  # of the palette of Okabe and Ito, told apart by everybody
    Signal.GEOMETRY: "#009e73",
    Signal.FUSED: "#0072b2",
    Signal.EMBEDDING: "#e69f00",
    Signal.PDQ: "#999999",
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
    try:
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise UnreadableSource(f"{path} cannot be written: {error}.") from error
