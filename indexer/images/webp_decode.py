"""Large WebP decoding with OpenCV, in a quarter to half of the memory.

Pillow decodes any WebP as an animation, on two canvases of its own, and copies the result while
every other thread waits.
"""

from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile

from indexer.images.rgb import LARGE

_CHANNELS = {"RGB": 3, "RGBA": 4}


def decode_webp(image: ImageFile.ImageFile, data: bytes) -> NDArray[np.uint8] | None:
    """Decode the first frame of a WebP of more than 16 megapixels; leave any other to Pillow.

    Parameters
    ----------
    image : ImageFile
        The picture as Pillow opened it, found within the limits.
    data : bytes
        The whole file.

    Returns
    -------
    ndarray of shape (height, width, 3 or 4), uint8, or None
        RGB or RGBA as stored, not turned upright; the same values that Pillow gives. None where
        Pillow has to decide: the picture is smaller, of another format or damaged.
    """
    if image.format != "WEBP" or image.width * image.height <= LARGE:
        return None
    from indexer.runtime.opencv import cv2  # noqa: PLC0415 -- few pictures need it

    clear = image.mode == "RGBA"
    flags = cv2.IMREAD_UNCHANGED if clear else cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None
    if pixels is None or pixels.shape != (image.height, image.width, _CHANNELS[image.mode]):
        return None
    if clear:
        cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA, dst=pixels)
    return cast("NDArray[np.uint8]", pixels)
