"""Training by options: the pipeline, the pictures and the sheets that they lead to."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from PIL import Image

from indexer.classification.model_folder import check_new
from indexer.generation.diffusion import DiffusionModel
from indexer.generation.extra import quiet_libraries
from indexer.generation.picture_generator import PictureGenerator
from indexer.generation.pipelines import Task
from indexer.generation.sampling import Sampling, native_size
from indexer.generation.screening import Screener
from indexer.generation.training.adapter_fit import Measurement
from indexer.generation.training.adapter_run import AdapterRun, Base, OnStage
from indexer.generation.training.captioned_pictures import check_folder, read_pictures
from indexer.generation.training.pipeline_parts import check_trainable
from indexer.generation.training.recipe import AdapterRecipe
from indexer.generation.training.sheet_folder import CheckedSheet
from indexer.generation.training.trained_adapter import TrainedAdapter
from indexer.generation.training.validation_sheet import SheetPlan
from indexer.settings import Settings

_DEFAULT_PROMPTS = 2  # different captions that sheets show


@dataclass(frozen=True, slots=True)
class SheetRequest:
    """What validation sheets show."""

    prompts: tuple[str, ...] = ()  # by default the first two captions
    columns: int = 4  # pictures of each prompt
    steps: int | None = None  # of denoising; None is the pipeline's own


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """What is trained, on what, and where to."""

    folder: Path
    out: Path
    recipe: AdapterRecipe
    model: str  # as of `load_pipeline`
    prompt: str | None = None  # caption of pictures without a sidecar
    sheets: SheetRequest = field(default_factory=SheetRequest)


def train_adapter(
    request: TrainingRequest,
    screener: Screener,
    settings: Settings,
    *,
    on_stage: OnStage,
    on_measurement: Callable[[Measurement, CheckedSheet], object] = lambda _m, _sheet: None,
) -> TrainedAdapter:
    """Train an adapter of a pipeline; every picture of a sheet is screened.

    A training that was ended goes on when it is called again.

    Parameters
    ----------
    request : TrainingRequest
    screener : Screener
        Flagged pictures are black on sheets.
    settings : Settings
        Limits of pictures, the device, and the index whose model finds copies.
    on_stage, on_measurement
        As for `AdapterRun`.

    Raises
    ------
    InputError
        The folder, the pictures, the pipeline or an option cannot be used, or the state is of
        another training.
    MissingExtra
        The extra `generate` is not installed.
    """
    check_new(request.out)
    check_folder(request.folder)
    with quiet_libraries():
        on_stage("loading the model", 0, None, "")
        model = DiffusionModel(request.model, device=settings.device)
        pipeline = model.pipeline(Task.TEXT)
        check_trainable(pipeline, request.model)
        size = request.recipe.size or native_size(pipeline)
        sampling = Sampling(steps=request.sheets.steps, size=(size, size))
        sampling.check()
        pictures = read_pictures(
            request.folder,
            size,
            request.prompt,
            settings,
            lambda done: on_stage("reading pictures", done, None, ""),
        )
        captions = list(dict.fromkeys(pictures.captions))
        prompts = request.sheets.prompts or tuple(captions[:_DEFAULT_PROMPTS])
        run = AdapterRun(
            Base(request.model, pipeline, _Drawer(model, screener, sampling).draw),
            pictures,
            request.out,
            replace(request.recipe, size=size),
            SheetPlan(prompts, request.recipe.seed, request.sheets.columns, request.sheets.steps),
            settings,
            on_stage=on_stage,
            on_measurement=on_measurement,
        )
        return run.run()


class _Drawer:
    """Draws with the pipeline as it is at the moment."""

    def __init__(self, model: DiffusionModel, screener: Screener, sampling: Sampling) -> None:
        self._generator = PictureGenerator(screener, "black", model=model)
        self._sampling = sampling

    def draw(self, prompt: str, count: int, seed: int) -> Iterator[tuple[Image.Image, bool]]:
        found: Any = self._generator.text(prompt, count=count, seed=seed, sampling=self._sampling)
        for each in found:
            yield each.image, each.made.flagged
