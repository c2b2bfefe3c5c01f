"""Training of an adapter, from a folder of pictures to a folder that diffusers loads."""

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Final
from uuid import uuid4

from indexer.errors import UnreadableSource
from indexer.generation.training.adapter import Adapter
from indexer.generation.training.adapter_card import write_adapter_card
from indexer.generation.training.adapter_fit import AdapterFit, Measurement
from indexer.generation.training.captioned_pictures import TrainingPictures
from indexer.generation.training.diffusion_loss import DiffusionLoss
from indexer.generation.training.lora import LoraAdapter
from indexer.generation.training.nearest_picture import TrainingPictureSearch
from indexer.generation.training.pipeline_parts import encode_pictures
from indexer.generation.training.recipe import AdapterRecipe, Method
from indexer.generation.training.sheet_folder import CheckedSheet, SheetFolder
from indexer.generation.training.textual_inversion import TokenAdapter
from indexer.generation.training.trained_adapter import TrainedAdapter
from indexer.generation.training.validation_sheet import Draw, SheetPlan, draw_sheet
from indexer.model.training.checkpoints import Checkpoint
from indexer.settings import Settings

CHECKPOINT: Final = "checkpoint.pt"
OnStage = Callable[[str, int, int | None, str], object]
"""Told what is being done, how much of it is, of how much, and a detail."""


@dataclass(frozen=True, slots=True)
class Base:
    """The pipeline that is trained, and how its pictures are drawn."""

    reference: str
    pipeline: Any  # of diffusers
    draw: Draw  # draws with the pipeline, and screens


class AdapterRun:
    """One training; its state is in `OUT.training`, its validation sheets are in `OUT.sheets`.

    Parameters
    ----------
    base : Base
    pictures : TrainingPictures
    out : Path
        Folder to make.
    recipe : AdapterRecipe
    plan : SheetPlan
    settings : Settings
        Name the index whose model the memorisation check uses.
    on_stage : callable
    on_measurement : callable
        Told each measurement and its sheet.
    """

    def __init__(  # noqa: PLR0913 -- what, on what, where to, and how
        self,
        base: Base,
        pictures: TrainingPictures,
        out: Path,
        recipe: AdapterRecipe,
        plan: SheetPlan,
        settings: Settings,
        *,
        on_stage: OnStage,
        on_measurement: Callable[[Measurement, CheckedSheet], object] = lambda _m, _sheet: None,
    ) -> None:
        self._base, self._pictures, self._out = base, pictures, out.absolute()
        self._recipe, self._plan, self._settings = recipe, plan, settings
        self._on_stage, self._on_measurement = on_stage, on_measurement

    def run(self) -> TrainedAdapter:
        """Train, or go on with a training that was ended, and write the folder.

        Raises
        ------
        InputError
            The pictures cannot be trained on, or the state is of another training.
        UnreadableSource
            A file cannot be written.
        """
        begun = perf_counter()
        recipe, pipeline = self._recipe, self._base.pipeline
        adapter = _new_adapter(pipeline, self._pictures.captions, recipe)
        self._on_stage("encoding pictures", 0, None, "")
        search = TrainingPictureSearch(self._pictures.pictures, self._settings)
        sheets = SheetFolder(_beside(self._out, "sheets"), search, self._base.reference)
        state = _beside(self._out, "training")
        state.mkdir(exist_ok=True)
        loss = DiffusionLoss(pipeline.scheduler, recipe.min_snr)
        fit = AdapterFit(
            pipeline.unet,
            adapter,
            encode_pictures(pipeline, self._pictures.pictures),
            loss,
            recipe,
            self._checkpoint(state / CHECKPOINT),
        )
        fit.run(
            lambda measured: self._show(measured, sheets),
            lambda done, loss: self._on_stage("training", done, recipe.steps, f"loss {loss:.3f}"),
        )
        trained = TrainedAdapter(
            folder=self._out,
            base=self._base.reference,
            recipe=recipe,
            pictures=len(self._pictures.pictures),
            data=self._pictures.digest,
            skipped=self._pictures.skipped,
            duplicates=self._pictures.duplicates,
            timesteps=loss.timesteps,
            history=tuple(fit.history),
            losses=tuple(fit.losses),
            sheets=sheets.read([each.step for each in fit.history]),
            seconds=perf_counter() - begun,
        )
        _write(adapter, trained)
        shutil.rmtree(state)
        return trained

    def _checkpoint(self, file: Path) -> Checkpoint:
        training = {
            **asdict(self._recipe),
            "data": self._pictures.digest,
            "base": self._base.reference,
            "sheets": asdict(self._plan),
        }
        return Checkpoint(file, training)

    def _show(self, measured: Measurement, sheets: SheetFolder) -> None:
        self._on_stage("drawing a validation sheet", 0, None, f"step {measured.step}")
        sheet = draw_sheet(self._base.draw, self._plan, measured.step)
        self._on_measurement(measured, sheets.save(sheet))


def _new_adapter(pipeline: Any, captions: list[str], recipe: AdapterRecipe) -> Adapter:
    if recipe.method is Method.LORA:
        return LoraAdapter(pipeline, captions, recipe.rank, recipe.seed)
    return TokenAdapter(pipeline, captions, recipe.token, recipe.initial_words)


def _beside(out: Path, what: str) -> Path:
    return out.with_name(f"{out.name}.{what}")


def _write(adapter: Adapter, trained: TrainedAdapter) -> None:
    """Write the folder whole or not at all."""
    out = trained.folder
    unfinished = out.with_name(f".{out.name}-{uuid4().hex[:8]}")
    try:
        unfinished.mkdir()
        adapter.save(unfinished)
        write_adapter_card(trained, unfinished)
        unfinished.rename(out)
    except OSError as error:
        raise UnreadableSource(f"{out} cannot be written: {error}.") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
