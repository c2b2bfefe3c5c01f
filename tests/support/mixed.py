"""A folder of mixed pictures: many kinds of files, copies under other names, and bad ones."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from PIL import Image

from support import pictures
from support.commands import PHOTOS

_COPY_EVERY = 10  # one file in ten is a copy of the one before
_BAD: dict[str, Callable[[], bytes]] = {
    "empty.jpg": bytes,
    "text.jpg": pictures.text,
    "truncated.jpg": lambda: pictures.truncated(pictures.plain_jpeg()),
    "bomb.png": pictures.png_bomb,
}
_ENCODERS: tuple[tuple[str, Callable[[Image.Image], bytes]], ...] = (
    ("jpg", lambda image: pictures.encode(image, "JPEG", quality=85)),
    ("png", lambda image: pictures.encode(image, "PNG")),
    ("gif", lambda image: pictures.encode(image.quantize(256), "GIF")),
    ("webp", lambda image: pictures.encode(image, "WEBP", quality=80)),
    ("grey.jpg", lambda image: pictures.encode(image.convert("L"), "JPEG", quality=85)),
    ("palette.png", lambda image: pictures.encode(image.quantize(64), "PNG")),
    ("cmyk.jpg", lambda image: pictures.encode(image.convert("CMYK"), "JPEG", quality=85)),
    ("alpha.png", lambda image: pictures.encode(image.convert("LA"), "PNG")),
)


@dataclass(frozen=True)
class Mixed:
    """What the folder holds."""

    folder: Path
    good: dict[str, bytes]  # SHA-256 by path, copies included
    bad: frozenset[str]  # paths

    @property
    def images(self) -> set[bytes]:
        """SHA-256 of each picture, copies counted once."""
        return set(self.good.values())


def make_mixed(folder: Path, count: int) -> Mixed:
    """Fill a folder with `count` files of 160 to 320 pixels; the same bytes at every call."""
    photos = [*sorted(PHOTOS.glob("*.jpg")), pictures.photo_path()]
    folder.mkdir(parents=True)
    good: dict[str, bytes] = {}
    data = b""
    for number in range(count - len(_BAD)):
        suffix, encode = _ENCODERS[number % len(_ENCODERS)]
        if number % _COPY_EVERY == _COPY_EVERY - 1:
            suffix = "copy"  # of the bytes before; the name does not have to tell the format
        else:
            round_, photo = divmod(number, len(photos))
            data = encode(_variant(photos[photo], round_))
        path = folder / (f"{number:04d}" if suffix == "copy" else f"{number:04d}.{suffix}")
        path.write_bytes(data)
        good[str(path)] = sha256(data).digest()
    for name, make in _BAD.items():
        (folder / name).write_bytes(make())
    return Mixed(folder, good, frozenset(str(folder / name) for name in _BAD))


def _variant(path: Path, number: int) -> Image.Image:
    """Cut another part out of the photo for each number, 160 to 320 pixels on its long side."""
    with Image.open(path) as opened:
        photo = opened.convert("RGB")
    shift = (number % 5) / 10
    box = (
        int(photo.width * shift),
        int(photo.height * shift / 2),
        int(photo.width * (shift + 0.5)),
        int(photo.height * (shift / 2 + 0.7)),
    )
    part = photo.crop(box)
    side = 160 + 40 * (number % 5)
    part.thumbnail((side, side))
    return part
