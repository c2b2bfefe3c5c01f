"""Pictures as a caller gives them, and as a form carries them."""

from collections.abc import Iterable
from os import PathLike
from pathlib import Path

Picture = bytes | bytearray | memoryview | str | PathLike[str]
"""A picture's bytes, or the path of its file."""


def form_of(images: Iterable[tuple[str, Picture]]) -> list[tuple[str, tuple[str, bytes]]]:
    """Return named pictures as the fields of a form; text is a path, never a picture."""
    return [("image", (name, _bytes_of(image))) for name, image in images]


def named(image: Picture, name: str | None) -> tuple[str, Picture]:
    """Name a picture: by its file's name when nothing else is said."""
    of_file = Path(image).name if isinstance(image, str | PathLike) else ""
    return name or of_file or "upload", image


def _bytes_of(image: Picture) -> bytes:
    """Return a picture's bytes; text is a path, never a picture.

    Raises
    ------
    OSError
        Its file cannot be read.
    TypeError
        It is neither bytes nor a path.
    """
    match image:
        case bytes() | bytearray() | memoryview():
            return bytes(image)
        case str() | PathLike():
            return Path(image).read_bytes()
    raise TypeError(f"An image must be bytes or a file path, not {type(image).__name__}.")
