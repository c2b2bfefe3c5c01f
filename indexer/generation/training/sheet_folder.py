"""Sheet folder: the validation sheets of a training, each with what it shows as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from indexer.errors import UnreadableSource
from indexer.generation.provenance import Provenance, save_png
from indexer.generation.training.nearest_picture import NearestPicture, TrainingPictureSearch
from indexer.generation.training.validation_sheet import Sheet, compose
from indexer.types import Tier

_NAME: Final = "step-{:06}.png"


@dataclass(frozen=True, slots=True)
class CheckedPicture:
    """A picture of a validation sheet, and the training picture nearest to it."""

    prompt: str
    seed: int
    flagged: bool
    nearest: NearestPicture


@dataclass(frozen=True, slots=True)
class CheckedSheet:
    """A validation sheet that was compared with the training pictures."""

    step: int
    file: Path
    pictures: tuple[CheckedPicture, ...]

    @property
    def near_copies(self) -> int:
        """Pictures that search would find as copies of training pictures."""
        return sum(each.nearest.near_copy for each in self.pictures)


class SheetFolder:
    """Writes and reads sheets.

    Parameters
    ----------
    folder : Path
        Made if it does not exist.
    search : TrainingPictureSearch
    base : str
        The pipeline that is trained, for the files' provenance.

    Raises
    ------
    UnreadableSource
        The folder cannot be made.
    """

    def __init__(self, folder: Path, search: TrainingPictureSearch, base: str) -> None:
        self._folder, self._search, self._base = folder, search, base
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise UnreadableSource(f"{folder} cannot be made: {error}.") from error

    def save(self, sheet: Sheet) -> CheckedSheet:
        """Compare a sheet with the training pictures, and write both.

        Raises
        ------
        UnreadableSource
            A file cannot be written.
        """
        file = self._folder / _NAME.format(sheet.step)
        nearest = self._search.nearest([each.rgb for each in sheet.pictures])
        pictures = tuple(
            CheckedPicture(each.prompt, each.seed, each.flagged, near)
            for each, near in zip(sheet.pictures, nearest, strict=True)
        )
        prompts = dict.fromkeys(each.prompt for each in sheet.pictures)
        provenance = Provenance(
            "validation sheet",
            self._base,
            seed=sheet.pictures[0].seed,
            prompt="; ".join(prompts),
            settings={"training_step": sheet.step},
        )
        save_png(file, compose(sheet), provenance, overwrite=True)
        try:
            stated = json.dumps([asdict(each) for each in pictures], indent=1)
            file.with_suffix(".json").write_text(stated, encoding="utf-8")
        except OSError as error:
            raise UnreadableSource(f"{file} cannot be written: {error}.") from error
        return CheckedSheet(sheet.step, file, pictures)

    def read(self, steps: Sequence[int]) -> tuple[CheckedSheet, ...]:
        """Return the sheets of some steps as they were saved.

        Raises
        ------
        UnreadableSource
            One is missing or damaged.
        """
        return tuple(self._read(step) for step in steps)

    def _read(self, step: int) -> CheckedSheet:
        file = self._folder / _NAME.format(step)
        try:
            stated = json.loads(file.with_suffix(".json").read_bytes())
            pictures = tuple(
                CheckedPicture(
                    each["prompt"], each["seed"], each["flagged"], _nearest(**each["nearest"])
                )
                for each in stated
            )
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise UnreadableSource(
                f"{file.with_suffix('.json')}, which an earlier part of the training wrote, cannot "
                f"be read ({error}). Delete the checkpoint to begin again."
            ) from error
        return CheckedSheet(step, file, pictures)


def _nearest(name: str, similarity: float, distance: int | None, tier: str) -> NearestPicture:
    return NearestPicture(name, similarity, distance, Tier(tier))
