"""Training pictures of a folder, with a caption each."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageOps

from indexer.errors import InputError, UnreadableSource
from indexer.images.decode import decoded
from indexer.images.fingerprints import sha256
from indexer.settings import Settings
from indexer.sources import open_sources
from indexer.types import Rgb, SkippedSource

FEWEST: Final = 3
_MOST_CAPTION_BYTES: Final = 10_000


@dataclass(frozen=True, slots=True)
class CaptionedPicture:
    """A picture as it is trained on."""

    name: str  # path within the folder
    rgb: Rgb  # (size, size, 3): its central square
    caption: str


@dataclass(frozen=True, slots=True)
class TrainingPictures:
    """The usable pictures of a folder; all are held in memory."""

    pictures: tuple[CaptionedPicture, ...]
    skipped: tuple[SkippedSource, ...]
    duplicates: int  # files left out because another has the same bytes

    @property
    def captions(self) -> list[str]:
        """The caption of each picture."""
        return [each.caption for each in self.pictures]

    @property
    def digest(self) -> str:
        """SHA-256 of pixels and captions, 64 hex digits."""
        digest = hashlib.sha256()
        for each in self.pictures:
            digest.update(sha256(each.rgb.tobytes()) + sha256(each.caption.encode()))
        return digest.hexdigest()


def read_pictures(
    folder: Path,
    size: int,
    prompt: str | None,
    settings: Settings,
    on_picture: Callable[[int], object] = lambda _done: None,
) -> TrainingPictures:
    """Read the pictures of a folder in the order of their names.

    The caption of `a.png` is the text of `a.txt` beside it, if there is one, else `prompt`. Of each
    picture the central square is kept, scaled to `size`. Pictures that cannot be read are left out
    and listed.

    Parameters
    ----------
    folder : Path
    size : int
        Pixels.
    prompt : str, optional
    settings : Settings
        The limits that pictures are held to.
    on_picture : callable
        Told the number of files done.

    Raises
    ------
    InputError
        Fewer than three different pictures can be read, or one has no caption.
    UnreadableSource
        There is no such folder, or a caption cannot be read.
    """
    check_folder(folder)
    root = folder.resolve()
    kept: dict[bytes, CaptionedPicture] = {}
    skipped: list[SkippedSource] = []
    duplicates = 0
    for done, found in enumerate(open_sources([str(root)], settings), 1):
        if isinstance(found, SkippedSource):
            skipped.append(found)
            continue
        path = Path(found.stamp.uri)
        try:
            data = found.read(settings.max_image_bytes)
            with decoded(data, settings.image_limits, at_least=(size, size)) as picture:
                rgb = _square(picture.rgb, size)
        except InputError as error:
            skipped.append(SkippedSource(str(path), error.code, str(error)))
            continue
        finally:
            on_picture(done)
        digest = sha256(data)
        duplicates += digest in kept
        name = str(path.relative_to(root)) if path.is_relative_to(root) else path.name
        kept.setdefault(digest, CaptionedPicture(name, rgb, _caption(path, prompt)))
    pictures = tuple(sorted(kept.values(), key=lambda each: each.name))
    if len(pictures) < FEWEST:
        raise InputError(_too_few(folder, len(pictures), skipped))
    return TrainingPictures(pictures, tuple(skipped), duplicates)


def check_folder(folder: Path) -> None:
    """Refuse a folder that is not there, before a model is loaded for it.

    Raises
    ------
    UnreadableSource
    """
    if not folder.is_dir():
        raise UnreadableSource(f"There is no folder {folder}. Name one with pictures to train on.")


def _square(rgb: Rgb, size: int) -> Rgb:
    picture = ImageOps.fit(Image.fromarray(rgb), (size, size), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def _caption(path: Path, prompt: str | None) -> str:
    sidecar = path.with_suffix(".txt")
    if sidecar.is_file():
        try:
            text = sidecar.read_bytes()[:_MOST_CAPTION_BYTES].decode("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UnreadableSource(
                f"{sidecar} is not a readable caption ({error}). Write it as UTF-8 text."
            ) from error
        if not text:
            raise InputError(f"{sidecar} is empty. Write the picture's caption into it.")
        return text
    if prompt is None:
        raise InputError(
            f"{path} has no caption. Write one to {sidecar.name} beside it, or name one for all "
            "pictures with --prompt."
        )
    return prompt


def _too_few(folder: Path, count: int, skipped: list[SkippedSource]) -> str:
    left_out = f" {len(skipped)} were left out; the first: {skipped[0].message}" if skipped else ""
    return (
        f"{folder} holds {count} usable pictures; training needs at least {FEWEST}, better 10 to "
        f"200.{left_out}"
    )
