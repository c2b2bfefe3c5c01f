"""A concept to train generators on: the twelve badges of the demonstration."""

import runpy
from pathlib import Path

_SCRIPT = Path(__file__).parents[2] / "demo" / "tiny_pipeline" / "badges.py"


def draw_concept(folder: Path) -> Path:
    """Draw the badges `00.png` to `11.png` into a new folder."""
    drawn: Path = runpy.run_path(str(_SCRIPT))["draw_badges"](folder)
    return drawn
