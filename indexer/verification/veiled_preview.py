"""Veiled preview of a template: where its frame is, without what any image shows."""

from io import BytesIO
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from indexer.verification.cell_grid import GRID

_BLUR: Final = 4.0  # pixels, standard deviation: letters and faces are gone
_VEIL: Final = (96, 96, 96)
_OUTLINE: Final = (214, 40, 40)


def draw_preview(thumbnail: bytes, mask: bytes) -> bytes:
    """Draw the frame of an image blurred and grey, its content covered and outlined.

    Parameters
    ----------
    thumbnail : bytes
        JPEG of an image that has the frame, as `make_thumbnail` wrote it.
    mask : bytes
        32 bytes: 16 rows of 16 cells, 1 where the frame is.

    Returns
    -------
    bytes
        A PNG of the thumbnail's size.
    """
    with Image.open(BytesIO(thumbnail), formats=["JPEG"]) as image:
        blurred = image.convert("L").filter(ImageFilter.GaussianBlur(_BLUR)).convert("RGB")
    frame = np.unpackbits(np.frombuffer(mask, np.uint8)).reshape(GRID, GRID).astype(bool)
    draw = ImageDraw.Draw(blurred)
    xs = [round(blurred.width * step / GRID) for step in range(GRID + 1)]
    ys = [round(blurred.height * step / GRID) for step in range(GRID + 1)]
    for row, column in np.argwhere(~frame).tolist():
        draw.rectangle((xs[column], ys[row], xs[column + 1], ys[row + 1]), fill=_VEIL)
    around = np.pad(frame, 1, constant_values=True)
    for row, column in np.argwhere(~frame).tolist():
        left, top, right, bottom = xs[column], ys[row], xs[column + 1], ys[row + 1]
        sides = (
            (around[row, column + 1], (left, top, right, top)),
            (around[row + 2, column + 1], (left, bottom, right, bottom)),
            (around[row + 1, column], (left, top, left, bottom)),
            (around[row + 1, column + 2], (right, top, right, bottom)),
        )
        for is_frame, line in sides:
            if is_frame:
                draw.line(line, fill=_OUTLINE, width=2)
    buffer = BytesIO()
    blurred.save(buffer, "PNG")
    return buffer.getvalue()
