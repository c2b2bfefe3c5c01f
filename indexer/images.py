"""Untrusted bytes to one upright RGB array, within limits."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import cast

import numpy as np
import structlog
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError, features

from indexer.errors import EmptyImage, ImageTooLarge, LookalikeError, UnreadableImage
from indexer.jpeg import decode_jpeg
from indexer.pixel_budget import decoding
from indexer.settings import ImageLimits
from indexer.stages import timed
from indexer.structure import examine
from indexer.types import DecodedImage, Rgb

log = structlog.get_logger(__name__)

# An allow-list: Pillow also opens formats that start other programs (EPS runs Ghostscript) or that
# nobody maintains. MPO, which many telephones write, comes in by way of JPEG.
_ALWAYS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
FORMATS = (*_ALWAYS, "AVIF") if features.check("avif") else _ALWAYS

_TO_UPRIGHT = {  # EXIF orientation to what undoes it; 1 is upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = {
    Image.Transpose.TRANSPOSE,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSVERSE,
    Image.Transpose.ROTATE_90,
}
_MAX_16_BIT = 2**16 - 1
_MOST_PIXEL_PASSES = 1_500_000_000
"""Pixels times scans of a JPEG: two to three seconds, and 23 scans of the largest picture."""
_BAND = 2_000_000
"""Pixels converted at a time, so that no conversion needs several copies of a large picture."""
_PILLOW_MAX_PIXELS = 2 * (Image.MAX_IMAGE_PIXELS or 0)  # it warns from half of that


@timed("decode")
def decode(
    data: bytes, limits: ImageLimits, *, at_least: tuple[int, int] | None = None
) -> DecodedImage:
    """Decode a picture of unknown origin into upright RGB pixels.

    The EXIF orientation is applied, transparency is laid on white, 16-bit grey is scaled to 8 bits,
    and an animation gives its first frame. Colour profiles are not applied. Safe to call from many
    threads at once.

    Parameters
    ----------
    data : bytes
        The whole file.
    limits : ImageLimits
        Each is checked before any pixel is decoded.
    at_least : (int, int), optional
        Width and height, upright, that are enough for the caller: a JPEG is decoded at half its
        size where both halves reach them. Without it every pixel is decoded.

    Returns
    -------
    DecodedImage
        With `rgb` of shape (height, width, 3), uint8, C-contiguous and writable. Its own `width`
        and `height` are those of the whole picture, upright, also where `rgb` has half of them.

    Raises
    ------
    EmptyImage
        There are no bytes.
    ImageTooLarge
        More bytes, pixels or frames than the limits allow, or than memory holds.
    UnreadableImage
        Not a picture of a format in `FORMATS`, a damaged one, or one whose values have no
        agreed-on brightness (floating point, integers beyond 16 bits).
    """
    with (
        _opened(data, limits) as (image, frame_count),
        decoding(image.width * image.height),
    ):
        name = cast("str", image.format)  # None only for pictures made in memory
        fast = _decode_jpeg(image, data, at_least)
        rgb, (width, height) = fast if fast is not None else _decode_any(image)
        return DecodedImage(rgb, width, height, name, frame_count)


def check(data: bytes, limits: ImageLimits) -> None:
    """Refuse what `decode` would refuse by the header alone, without decoding a pixel.

    Raises
    ------
    EmptyImage, ImageTooLarge, UnreadableImage
        As `decode`; a picture that is damaged further in passes.
    """
    with _opened(data, limits):
        pass


def decode_frames(
    data: bytes, numbers: Sequence[int], limits: ImageLimits
) -> Iterator[tuple[int, Rgb]]:
    """Decode some frames of a picture that `decode` has read, one at a time.

    Parameters
    ----------
    data : bytes
        The whole file.
    numbers : sequence of int
        The frames wanted, ascending; 0 is the first. To reach a frame, most formats decode all
        those before it.
    limits : ImageLimits
        As for `decode`; the pages of a TIFF differ in size.

    Yields
    ------
    number : int
    rgb : ndarray of shape (height, width, 3), uint8

    Raises
    ------
    ImageTooLarge, UnreadableImage
        A frame cannot be decoded; those before it were given.
    """
    with _pillow_faults(limits), Image.open(BytesIO(data), formats=FORMATS) as image:
        for number in numbers:
            image.seek(number)
            _check_pixels(image, limits.max_pixels)
            with decoding(image.width * image.height):
                rgb = _to_rgb(image)
            yield number, rgb


def check_byte_size(size: int, max_bytes: int) -> None:
    """Refuse a file of more bytes than the limit.

    Raises
    ------
    ImageTooLarge
        `size` is above `max_bytes`.
    """
    if size > max_bytes:
        raise ImageTooLarge(
            f"The file has {size:,} bytes or more; the limit is {max_bytes:,}. "
            "Shrink the picture or raise LOOKALIKE_MAX_IMAGE_BYTES."
        )


@contextmanager
def _opened(data: bytes, limits: ImageLimits) -> Iterator[tuple[ImageFile.ImageFile, int]]:
    """Open a picture that is within the limits by its header; give it and its frame count."""
    if not data:
        raise EmptyImage("The file is empty (0 bytes). Fetch or export the picture again.")
    check_byte_size(len(data), limits.max_bytes)
    structure = examine(data, limits.max_frames)
    with _pillow_faults(limits), Image.open(BytesIO(data), formats=FORMATS) as image:
        _check_pixels(image, limits.max_pixels)
        _check_passes(image, structure.passes)
        # Pillow knows the number from the header, but for the formats that `examine` walks
        frame_count = structure.frames or int(getattr(image, "n_frames", 1))
        _check_frames(frame_count, limits.max_frames)
        yield image, frame_count


@contextmanager
def _pillow_faults(limits: ImageLimits) -> Iterator[None]:
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
            f"The bytes are not a picture that we read ({', '.join(FORMATS)}), or its header is "
            "damaged. Check the file, or convert it to JPEG or PNG."
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLarge(
            f"The picture has more pixels than the limit of {limits.max_pixels:,} "
            f"(LOOKALIKE_MAX_IMAGE_PIXELS), or than Pillow's own of {_PILLOW_MAX_PIXELS:,}, which "
            "no setting raises. Shrink it."
        ) from error
    except MemoryError as error:
        raise ImageTooLarge(
            "There is not enough memory to decode the picture. Shrink it, or lower "
            "LOOKALIKE_WORKER_THREADS and try again."
        ) from error
    except Exception as error:  # Pillow's readers raise no closed set of types on bad data
        raise UnreadableImage(
            "The picture is damaged, cut short or of a rare kind that cannot be decoded "
            f"({str(error) or type(error).__name__}). Fetch or export it again."
        ) from error


def _check_pixels(image: ImageFile.ImageFile, max_pixels: int) -> None:
    pixels = image.width * image.height
    if not pixels:
        raise UnreadableImage("The picture has no pixels. Fetch or export it again.")
    if pixels > max_pixels:
        raise ImageTooLarge(
            f"The picture has {image.width:,} x {image.height:,} pixels; the limit is "
            f"{max_pixels:,} in all. Shrink it or raise LOOKALIKE_MAX_IMAGE_PIXELS."
        )


def _check_passes(image: ImageFile.ImageFile, passes: int) -> None:
    """Refuse a JPEG whose scans, each of which may be a few bytes, keep its decoder busy."""
    if image.width * image.height * passes > _MOST_PIXEL_PASSES:
        raise UnreadableImage(
            f"The picture of {image.width:,} x {image.height:,} pixels is stored in {passes:,} "
            "scans, where progressive JPEGs have about ten. Export it again with fewer scans."
        )


def _check_frames(frame_count: int, max_frames: int) -> None:
    if frame_count > max_frames:
        raise ImageTooLarge(
            f"The picture has more than {max_frames:,} frames, which is the limit. "
            "Cut the animation or raise LOOKALIKE_MAX_IMAGE_FRAMES."
        )


def _decode_jpeg(
    image: ImageFile.ImageFile, data: bytes, at_least: tuple[int, int] | None
) -> tuple[Rgb, tuple[int, int]] | None:
    """Decode an ordinary JPEG, halved where that leaves enough; None when it is no such JPEG.

    Besides the pixels it gives the upright width and height of the whole picture.
    """
    # An MPO begins with a JPEG. CMYK ones need what Pillow knows of Adobe's inversion.
    if image.format not in {"JPEG", "MPO"} or image.mode not in {"RGB", "L"}:
        return None
    turn = _turn_of(image)
    width, height = image.size[::-1] if turn in _SIDEWAYS else image.size
    halve = at_least is not None and width >= 2 * at_least[0] and height >= 2 * at_least[1]
    rgb = decode_jpeg(data, image.size, halve=halve)
    if rgb is None:
        return None
    if turn is not None:
        rgb = np.array(Image.fromarray(rgb).transpose(turn))
    return rgb, (width, height)


def _decode_any(image: ImageFile.ImageFile) -> tuple[Rgb, tuple[int, int]]:
    """Decode whatever it is with Pillow; likewise."""
    rgb = _to_rgb(image)
    height, width, _ = rgb.shape
    return rgb, (width, height)


def _to_rgb(image: ImageFile.ImageFile) -> Rgb:
    """Decode the current frame and bring it to RGB, whatever its mode."""
    image.load()
    turn = _turn_of(image)  # read behind load(), which turns a TIFF itself
    upright = image if turn is None else image.transpose(turn)
    if upright.mode == "F":
        raise UnreadableImage(
            "The picture holds floating-point values, and nothing says which of them is white. "
            "Export it with 8 or 16 bits a channel."
        )
    if upright.mode.startswith("I"):  # I, I;16, I;16B: Pillow would clip these, not scale them
        return _scale_grey(upright, *_grey_range(image))
    rgb = np.empty((upright.height, upright.width, 3), np.uint8)
    rows = max(1, _BAND // upright.width)
    for top in range(0, upright.height, rows):
        bottom = min(upright.height, top + rows)
        rgb[top:bottom] = np.asarray(_opaque(upright.crop((0, top, upright.width, bottom))))
    return rgb


def _opaque(image: Image.Image) -> Image.Image:
    """Bring pixels to RGB, on white where they are transparent."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    white = Image.new("RGB", layer.size, "white")
    white.paste(layer, mask=layer)
    return white


def _turn_of(image: Image.Image) -> Image.Transpose | None:
    """Read from EXIF what brings the stored pixels upright."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception as error:  # noqa: BLE001 -- as in _pillow_faults
        # The pixels are there: a picture must not escape the index by a broken EXIF block.
        log.debug("EXIF block cannot be read, taken as upright", error=str(error))
        return None
    return _TO_UPRIGHT.get(orientation) if isinstance(orientation, int) else None


def _grey_range(image: ImageFile.ImageFile) -> tuple[int, int]:
    """Return the values of a 16-bit grey picture that mean black and white.

    A TIFF says in its tags what Pillow leaves to the reader: samples of fewer bits (12, from
    scanners and medicine), and white as zero.
    """
    tags = getattr(image, "tag_v2", {})
    (bits, *_) = tags.get(ExifTags.Base.BitsPerSample, (16,))
    white = 2 ** min(bits, 16) - 1
    white_is_zero = tags.get(ExifTags.Base.PhotometricInterpretation) == 0
    return (white, 0) if white_is_zero else (0, white)


def _scale_grey(image: Image.Image, black: int, white: int) -> Rgb:
    """Map grey values to 0..255, `black` to 0 and `white` to 255, and repeat them as RGB."""
    values = np.asarray(image).astype(np.int32)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > _MAX_16_BIT:
        raise UnreadableImage(
            f"The picture holds grey values from {low:,} to {high:,}, beyond 16 bits, and nothing "
            "says which of them is white. Export it with 8 or 16 bits a channel."
        )
    every_value = np.arange(_MAX_16_BIT + 1)
    levels = np.clip((every_value - black) * (255 / (white - black)), 0, 255)
    grey = np.rint(levels).astype(np.uint8)[values]
    transparent = image.info.get("transparency")  # one grey value, from PNG's tRNS
    if isinstance(transparent, int):
        grey[values == transparent] = 255
    return np.repeat(grey[..., np.newaxis], 3, axis=2)
