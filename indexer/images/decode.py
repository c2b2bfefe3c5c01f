"""Decoding of untrusted bytes to one upright RGB array, within limits."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import cast

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError, features

from indexer.errors import (
    CostlyImage,
    EmptyImage,
    ImageTooLarge,
    LookalikeError,
    UnreadableImage,
)
from indexer.images.file_structure import Structure, examine
from indexer.images.jpeg_decode import decode_jpeg
from indexer.images.pixel_budget import decoding
from indexer.images.rgb import LARGE, is_sideways, reduction, stated_orientation, to_rgb, upright
from indexer.images.webp_decode import decode_webp
from indexer.runtime.timing import stage
from indexer.settings import ImageLimits
from indexer.types import DecodedImage, Rgb

# An allow-list: Pillow also opens formats that start other programs (EPS runs Ghostscript) or that
# nobody maintains. MPO, which many telephones write, comes in by way of JPEG.
_ALWAYS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
FORMATS = (*_ALWAYS, "AVIF") if features.check("avif") else _ALWAYS

_MOST_SECONDS = 2.2
"""Time on one core that decoding may take by estimate; what is done with the pixels adds some."""
_MOST_SECONDS_ALONE = 0.09
"""Time for which decoding may keep every other thread waiting: `/healthz` has 100 ms."""
_AFTER_DECODING = 12e-9
"""Seconds that each pixel of a later frame takes besides its decoding."""
_PILLOW_MAX_PIXELS = 2 * (Image.MAX_IMAGE_PIXELS or 0)  # it warns from half of that


def decode(
    data: bytes, limits: ImageLimits, *, at_least: tuple[int, int] | None = None
) -> DecodedImage:
    """Decode a picture as `decoded` does, without holding pixels of the budget afterwards."""
    with decoded(data, limits, at_least=at_least) as picture:
        return picture


@contextmanager
def decoded(
    data: bytes, limits: ImageLimits, *, at_least: tuple[int, int] | None = None
) -> Iterator[DecodedImage]:
    """Decode a picture of unknown origin into upright RGB pixels, to be worked on in the block.

    The EXIF orientation is applied, transparency is laid on white, 16-bit grey is scaled to 8 bits,
    and an animation gives its first frame. Colour profiles are not applied. The pixels count
    against this process's budget until the block ends, those of later frames included. Safe to
    call from many threads at once, but not within a block of the same thread.

    Parameters
    ----------
    data : bytes
        The whole file.
    limits : ImageLimits
        Each is checked before any pixel is decoded.
    at_least : (int, int), optional
        Width and height, upright, that are enough for the caller: a JPEG is decoded at half its
        size where both halves reach them.

    Yields
    ------
    DecodedImage
        With `rgb` of shape (height, width, 3), uint8, C-contiguous and writable. Its own `width`
        and `height` are those of the whole picture, upright, also where `rgb` has fewer: of a
        picture of more than 16 megapixels, each pixel is the mean of several.

    Raises
    ------
    EmptyImage
        There are no bytes.
    ImageTooLarge
        More bytes, pixels or frames than the limits allow, or than memory holds; or decoding it
        would take too long.
    UnreadableImage
        Not a picture of a format in `FORMATS`, a damaged one, or one whose values have no
        agreed-on brightness (floating point, integers beyond 16 bits).
    """
    with ExitStack() as held:
        with stage("decode"), _faults(limits):
            opened = _open(data, limits)
            with opened.image:
                held.enter_context(decoding(min(opened.most_pixels, limits.max_pixels)))
                picture = _decode(opened, data, at_least)
                opened.image.close()  # and let go of the pixels that Pillow holds
        yield picture


def check(data: bytes, limits: ImageLimits) -> None:
    """Refuse what `decoded` would refuse by the header alone, without decoding a pixel.

    Raises
    ------
    EmptyImage, ImageTooLarge, UnreadableImage
        As `decode`; a picture that is damaged further in passes.
    """
    with _faults(limits):
        _open(data, limits).image.close()


def decode_frames(
    data: bytes, numbers: Sequence[int], limits: ImageLimits
) -> Iterator[tuple[int, Rgb]]:
    """Decode some frames of a picture one at a time, within the block of its `decoded`.

    Parameters
    ----------
    data : bytes
        The whole file.
    numbers : sequence of int
        The frames wanted, ascending; 0 is the first. To reach a frame, most formats decode all
        those before it.
    limits : ImageLimits
        As for `decoded`; the pages of a TIFF differ in size.

    Yields
    ------
    number : int
    rgb : ndarray of shape (height, width, 3), uint8

    Raises
    ------
    ImageTooLarge, UnreadableImage
        A frame cannot be decoded; those before it were given.
    """
    structure = examine(data, limits.max_frames)
    with _faults(limits), Image.open(BytesIO(structure.data), formats=FORMATS) as image:
        for number in numbers:
            image.seek(number)
            _check_size(image, limits)
            rgb = to_rgb(image)
            # Pillow turns the later pages of a TIFF itself
            turn = None if image.format == "TIFF" else stated_orientation(image)
            yield number, upright(rgb, turn)


def check_byte_size(size: int, max_bytes: int) -> None:
    """Refuse a file of more bytes than the limit.

    Raises
    ------
    ImageTooLarge
        `size` is above `max_bytes`.
    """
    if size > max_bytes:
        raise ImageTooLarge(
            f"The file has at least {size:,} bytes; the limit is {max_bytes:,}. Shrink the "
            "image, or raise LOOKALIKE_MAX_IMAGE_BYTES."
        )


@dataclass(frozen=True, slots=True)
class _Opened:
    """A picture that is within the limits by its header."""

    image: ImageFile.ImageFile
    structure: Structure
    frame_count: int

    @property
    def pixels(self) -> int:
        """Those that the decoder works on for the first frame."""
        return max(self.image.width * self.image.height, self.structure.pixels)

    @property
    def most_pixels(self) -> int:
        """Those of its largest frame."""
        return max(self.pixels, self.structure.largest)

    @property
    def seconds(self) -> float:
        """How long the first frame takes on one core, if all bytes are its own."""
        return self.structure.seconds(self.pixels)

    @property
    def reachable_frames(self) -> int:
        """How many frames can be decoded in the time that a picture has."""
        pixels, frames = self.most_pixels, self.frame_count
        first = self.structure.seconds(self.pixels, frames)
        each = self.structure.seconds(pixels, frames) + pixels * _AFTER_DECODING
        return 1 + int((_MOST_SECONDS - first) / each)


def _open(data: bytes, limits: ImageLimits) -> _Opened:
    """Open a picture that is within the limits by its header."""
    if not data:
        raise EmptyImage("The file is empty (0 bytes). Fetch or export the image again.")
    check_byte_size(len(data), limits.max_bytes)
    structure = examine(data, limits.max_frames)
    image = Image.open(BytesIO(structure.data), formats=FORMATS)
    try:
        _check_size(image, limits)
        # Pillow knows the number from the header, but for the formats that `examine` walks
        frame_count = structure.frames or int(getattr(image, "n_frames", 1))
        _check_frames(frame_count, limits.max_frames)
        opened = _Opened(image, structure, frame_count)
        _check_cost(opened)
    except BaseException:
        image.close()
        raise
    return opened


@contextmanager
def _faults(limits: ImageLimits) -> Iterator[None]:
    """Turn whatever Pillow raises on bad data into our errors, in plain words.

    Pillow has a guard of its own against decompression bombs: a warning from 89 million pixels and
    an error from twice that. The warning is no limit (turning it into an error goes through the
    `warnings` module, whose filters all threads share), so we keep our own, lower cap. Pillow's
    stays on as the second line: it also covers sizes that only appear inside the file, such as
    TIFF tiles and the frames of a GIF.
    """
    try:
        yield
    except LookalikeError:
        raise
    except UnidentifiedImageError as error:
        raise UnreadableImage(
            f"The bytes are not an image in a supported format ({', '.join(FORMATS)}), or "
            "its header is damaged. Check the file, or convert it to JPEG or PNG."
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLarge(
            f"The image has more pixels than the limit of {limits.max_pixels:,} "
            "(LOOKALIKE_MAX_IMAGE_PIXELS), or than Pillow's fixed limit of "
            f"{_PILLOW_MAX_PIXELS:,}. Shrink it."
        ) from error
    except MemoryError as error:
        raise ImageTooLarge(
            "There is not enough memory to decode the image. Shrink it, or lower "
            "LOOKALIKE_WORKER_THREADS and try again."
        ) from error
    except Exception as error:  # Pillow's readers raise no closed set of types on bad data
        raise UnreadableImage(
            "The image is damaged, truncated or of an unsupported variant "
            f"({str(error) or type(error).__name__}). Fetch or export it again."
        ) from error


def _check_size(image: ImageFile.ImageFile, limits: ImageLimits) -> None:
    width, height = image.size
    if not width * height:
        raise UnreadableImage("The image has no pixels. Fetch or export it again.")
    size = f"The picture has {width:,} x {height:,} pixels"
    if width * height > limits.max_pixels:
        raise ImageTooLarge(
            f"{size}; the limit is {limits.max_pixels:,}. Shrink it, or raise "
            "LOOKALIKE_MAX_IMAGE_PIXELS."
        )
    if max(width, height) > limits.max_side:
        raise ImageTooLarge(
            f"{size}; the limit per side is {limits.max_side:,}. Shrink or cut it, or raise "
            "LOOKALIKE_MAX_IMAGE_SIDE."
        )
    if max(width, height) > limits.max_aspect * min(width, height):
        raise ImageTooLarge(
            f"{size}; the longer side may be at most {limits.max_aspect:g} times the "
            "shorter. Cut it, or raise LOOKALIKE_MAX_IMAGE_ASPECT."
        )


def _check_cost(opened: _Opened) -> None:
    """Refuse what would keep a core busy for seconds, such as a JPEG of very many scans.

    So is what other threads would wait for, such as a very large AVIF.
    """
    image, structure = opened.image, opened.structure
    alone = structure.seconds_alone(opened.pixels)
    if opened.seconds > _MOST_SECONDS:
        takes = f"take some {opened.seconds:.1f} s of a core"
    elif alone > _MOST_SECONDS_ALONE:
        takes = f"keep everything else waiting for some {alone:.2f} s"
    else:
        return
    scans = f" in {structure.passes:,} scans" if structure.passes > 1 else ""
    raise CostlyImage(
        f"Decoding the picture ({image.width:,} x {image.height:,} pixels{scans}, "
        f"{len(structure.data):,} bytes of {image.format}) would {takes}. "
        "Shrink it, or export it again as a JPEG or PNG."
    )


def _check_frames(frame_count: int, max_frames: int) -> None:
    if frame_count > max_frames:
        raise ImageTooLarge(
            f"The image has more than {max_frames:,} frames, the limit. Cut the animation, "
            "or raise LOOKALIKE_MAX_IMAGE_FRAMES."
        )


def _decode(opened: _Opened, data: bytes, at_least: tuple[int, int] | None) -> DecodedImage:
    image, orientation = opened.image, opened.structure.orientation
    size = image.size
    rgb = _decode_jpeg(image, data, orientation, at_least)
    if rgb is None:
        rgb = to_rgb(image, decode_webp(image, data))
        orientation = orientation or stated_orientation(image)
    width, height = size[::-1] if is_sideways(orientation) else size
    return DecodedImage(
        upright(rgb, orientation),
        width,
        height,
        format=cast("str", image.format),  # None only for pictures made in memory
        frame_count=opened.frame_count,
        reachable_frames=opened.reachable_frames,
    )


def _decode_jpeg(
    image: ImageFile.ImageFile,
    data: bytes,
    orientation: int | None,
    at_least: tuple[int, int] | None,
) -> Rgb | None:
    """Decode an ordinary JPEG, halved where that leaves enough; None when it is no such JPEG.

    The pixels are as they are stored, not yet upright.
    """
    # An MPO begins with a JPEG. CMYK ones need what Pillow knows of Adobe's inversion.
    if image.format not in {"JPEG", "MPO"} or image.mode not in {"RGB", "L"}:
        return None
    width, height = image.size[::-1] if is_sideways(orientation) else image.size
    enough = at_least is not None and width >= 2 * at_least[0] and height >= 2 * at_least[1]
    rgb = decode_jpeg(data, image.size, halve=enough or width * height > LARGE)
    if rgb is None:
        return None
    factor = reduction(rgb.shape[1] * rgb.shape[0])
    return rgb if factor == 1 else np.array(Image.fromarray(rgb).reduce(factor))
