"""Trained adapter: where it is, and what its training showed."""

from dataclasses import dataclass
from pathlib import Path

from indexer.generation.training.adapter_fit import Measurement
from indexer.generation.training.recipe import AdapterRecipe
from indexer.generation.training.sheet_folder import CheckedSheet
from indexer.types import SkippedSource


@dataclass(frozen=True, slots=True)
class TrainedAdapter:
    """The outcome of a training."""

    folder: Path
    base: str
    recipe: AdapterRecipe
    pictures: int
    data: str  # SHA-256 of pictures and captions, 64 hex digits
    skipped: tuple[SkippedSource, ...]
    duplicates: int
    timesteps: int  # of the pipeline's schedule
    history: tuple[Measurement, ...]
    losses: tuple[float, ...]  # of each step
    sheets: tuple[CheckedSheet, ...]  # one for each measurement
    seconds: float

    @property
    def last_sheet(self) -> CheckedSheet:
        """What the finished adapter draws."""
        return self.sheets[-1]
