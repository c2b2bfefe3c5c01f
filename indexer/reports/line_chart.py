"""Line chart of a report, as SVG of fixed size."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SIDE: Final = 240
"""Units of a chart's side, without its axes."""
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Line:
    """A curve of a chart."""

    name: str
    colour: int  # class of report.css: 0 to 35
    points: str  # of an SVG polyline

    @classmethod
    def of(cls, name: str, colour: int, points: Points) -> "Line":
        """Place points of the unit square."""
        return cls(name, colour, place(points))


def place(points: Points) -> str:
    """Place points of the unit square on a chart."""
    return " ".join(f"{x * SIDE:.1f},{(1 - y) * SIDE:.1f}" for x, y in points)
