"""Fast JPEG decoding: libjpeg-turbo without Pillow, at half scale where that suffices."""

import simplejpeg
import structlog

from indexer.types import Rgb

log = structlog.get_logger(__name__)


def decode_jpeg(data: bytes, size: tuple[int, int], *, halve: bool) -> Rgb | None:
    """Decode a JPEG that is in order; leave any other to Pillow.

    Pillow decides what is damaged beyond use: it reads on after faults that end this way.

    Parameters
    ----------
    data : bytes
        The whole file; what follows the first picture is not read.
    size : (int, int)
        Width and height that Pillow read from the header and found within the limits.
    halve : bool
        Decode to half of both sides, rounded up, which costs about a third.

    Returns
    -------
    ndarray of shape (height, width, 3), uint8, or None
        As stored, not turned upright; the same values that Pillow gives, unless halved. None when
        the file has a fault, or its header says something else to libjpeg than to Pillow.
    """
    width, height = size
    try:
        seen_height, seen_width, *_ = simplejpeg.decode_jpeg_header(data)
        if (seen_width, seen_height) != size:  # the limits were checked for another picture
            return None
        if not halve:
            rgb: Rgb = simplejpeg.decode_jpeg(data)
            return rgb
        # Half is the next scale above these bounds that the factor allows: the others, such as
        # 3/8, are too small.
        rgb = simplejpeg.decode_jpeg(
            data, min_width=-(-width // 2), min_height=-(-height // 2), min_factor=2
        )
    except ValueError as error:
        log.debug("JPEG decoded by Pillow", reason=str(error))
        return None
    return rgb
