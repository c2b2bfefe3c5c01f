"""Untrusted bytes to one upright RGB array, within limits."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import cast

import numpy as np
import structlog
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError, features

from indexer.errors import EmptyImage, ImageTooLarge, LookalikeError, UnreadableImage
from indexer.settings import ImageLimits
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
_MAX_16_BIT = 2**16 - 1
_PILLOW_MAX_PIXELS = 2 * (Image.MAX_IMAGE_PIXELS or 0)  # it warns from half of that


def decode(data: bytes, limits: ImageLimits) -> DecodedImage:
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

    Returns
    -------
    DecodedImage
        With `rgb` of shape (height, width, 3), uint8, C-contiguous and writable.

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
    if not data:
        raise EmptyImage("The file is empty (0 bytes). Fetch or export the picture again.")
    check_byte_size(len(data), limits.max_bytes)
    with _pillow_faults(limits), Image.open(BytesIO(data), formats=FORMATS) as image:
        _check_pixels(image, limits.max_pixels)
        frame_count = _count_frames(image, data, limits.max_frames)
        _check_frames(frame_count, limits.max_frames)
        name = cast("str", image.format)  # None only for pictures made in memory
        return DecodedImage(rgb=_to_rgb(image), format=name, frame_count=frame_count)


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


def _check_frames(frame_count: int, max_frames: int) -> None:
    if frame_count > max_frames:
        raise ImageTooLarge(
            f"The picture has more than {max_frames:,} frames, which is the limit. "
            "Cut the animation or raise LOOKALIKE_MAX_IMAGE_FRAMES."
        )


def _count_frames(image: ImageFile.ImageFile, data: bytes, max_frames: int) -> int:
    """Count the frames without decoding one, giving up at `max_frames` + 1.

    Pillow knows the number from the header, except for two formats that it walks to the end: a
    small file can keep it busy there for minutes, so these two have a count that stops.
    """
    if image.format == "GIF":
        return max(1, _count_gif_frames(data, max_frames))
    if image.format == "TIFF":
        return _count_tiff_pages(image, max_frames)
    return int(getattr(image, "n_frames", 1))


def _count_gif_frames(data: bytes, max_frames: int) -> int:
    """Walk the blocks of a GIF (GIF89a specification, section 17 on); stop where they end."""

    def palette_size(flags: int) -> int:
        return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0

    frames = 0
    try:
        at = 13 + palette_size(data[10])
        while frames <= max_frames:
            if data[at] == ord(","):  # image descriptor, its palette, the LZW code size
                frames += 1
                at += 11 + palette_size(data[at + 9])
            elif data[at] == ord("!"):  # extension and its label
                at += 2
            else:
                break
            while data[at]:  # sub-blocks, each led by its length; 0 ends them
                at += 1 + data[at]
            at += 1
    except IndexError:
        log.debug("GIF ends without its trailer", frames=frames)
    return frames


def _count_tiff_pages(image: ImageFile.ImageFile, max_frames: int) -> int:
    """Step through the page headers of a TIFF and go back to the first page."""
    pages = 1
    try:
        while pages <= max_frames:
            image.seek(pages)
            pages += 1
    except EOFError:
        pass  # Pillow's way to say that there are no more
    except Exception as error:  # noqa: BLE001 -- as in _pillow_faults
        # We only use the first page: a damaged later one must not lose the picture.
        log.debug("a later TIFF page cannot be read", page=pages, error=str(error))
    image.seek(0)
    return pages


def _to_rgb(image: ImageFile.ImageFile) -> Rgb:
    """Decode the current frame and bring it to RGB, whatever its mode."""
    image.load()
    upright = _turn_upright(image)
    if upright.mode == "F":
        raise UnreadableImage(
            "The picture holds floating-point values, and nothing says which of them is white. "
            "Export it with 8 or 16 bits a channel."
        )
    if upright.mode.startswith("I"):  # I, I;16, I;16B: Pillow would clip these, not scale them
        return _scale_grey(upright, *_grey_range(image))
    if upright.has_transparency_data:
        layer = upright.convert("RGBA")
        upright = Image.new("RGB", layer.size, "white")
        upright.paste(layer, mask=layer)
    return np.array(upright.convert("RGB"))  # a copy: PyTorch warns of read-only arrays


def _turn_upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception as error:  # noqa: BLE001 -- as in _pillow_faults
        # The pixels are there: a picture must not escape the index by a broken EXIF block.
        log.debug("EXIF block cannot be read, taken as upright", error=str(error))
        return image
    turn = _TO_UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


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
