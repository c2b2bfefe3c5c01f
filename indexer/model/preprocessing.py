"""Preprocessing: pixels to the network's input, as timm's transform, without torch."""

import math
from typing import Final

import numpy as np
from PIL import Image

from indexer.errors import UnreadableImage
from indexer.model.card import ModelCard
from indexer.model.encoder import Prepared
from indexer.types import Rgb

_LONGEST_ASPECT: Final = 16
"""Length kept of a picture that is centre-cropped, in units of what the crop needs."""
_UNSET_CROP_PCT: Final = 0.875
"""What timm takes for 0."""
_DECODE_FACTOR: Final = 6
"""Pixels to decode for each pixel that the picture is resized to, along each side.

Decoding a JPEG at half its size is much quicker, and not quite what resizing does. With the shipped
model, the least cosine between the embeddings of a halved and a whole photo was 0.9985 where the
half had 3 pixels for each (120 photos), 0.9988 for 4 (120), 0.9989 for 5 (164), 0.9993 for 6 (419).
"""


class Preprocessor:
    """Resizes, crops and normalises pictures; safe to use from several threads.

    timm resizes with Pillow, so doing the same with Pillow and NumPy gives the same numbers, and a
    process that does not need torch is spared its import.
    """

    def __init__(self, card: ModelCard) -> None:
        _, height, width = card.input_size
        self._size = width, height
        crop_pct = card.crop_pct or _UNSET_CROP_PCT
        self._scale_size = math.floor(width / crop_pct), math.floor(height / crop_pct)
        self._mode = card.crop_mode if card.crop_mode in {"squash", "border"} else "center"
        self._filter = Image.Resampling[card.interpolation.upper()]
        # timm fills a border with the mean, and torchvision's crop with black.
        fill = card.mean if self._mode == "border" else (0.0,) * len(card.mean)
        self._fill = tuple(round(255 * value) for value in fill)
        self._mean = np.array(card.mean, np.float32)[:, np.newaxis, np.newaxis]
        self._std = np.array(card.std, np.float32)[:, np.newaxis, np.newaxis]

    @property
    def decode_size(self) -> tuple[int, int]:
        """Width and height from which more pixels of a picture change nothing that matters."""
        width, height = self._scale_size
        return width * _DECODE_FACTOR, height * _DECODE_FACTOR

    def __call__(self, rgb: Rgb) -> Prepared:
        """Make the network's input.

        Parameters
        ----------
        rgb : ndarray of shape (height, width, 3), uint8

        Returns
        -------
        ndarray of shape (3, h, w), float32, C-contiguous
            `h` and `w` are the card's input size.

        Raises
        ------
        UnreadableImage
            The picture is so thin that no pixel is left of its short side.
        """
        picture = Image.fromarray(rgb)
        if self._mode == "center":
            picture = self._without_long_ends(picture)
        resized = self._resized_to(picture.width, picture.height)
        try:
            if picture.size != resized:
                picture = picture.resize(resized, self._filter)
        except ValueError as error:
            raise UnreadableImage(
                f"An image of {picture.width} by {picture.height} pixels cannot be resized "
                f"for the model ({error}). Omit it, or crop it to a squarer shape."
            ) from error
        # Channels first, then arithmetic: NumPy is seven times faster on long rows than on triples.
        planes = np.asarray(self._crop(picture)).transpose(2, 0, 1)
        values = planes.astype(np.float32, order="C")
        values /= 255
        values -= self._mean
        values /= self._std
        return values

    def _resized_to(self, width: int, height: int) -> tuple[int, int]:
        """Return width and height before the crop, rounded as timm and torchvision do."""
        wide, high = self._scale_size
        if self._mode == "squash":
            return wide, high
        if self._mode == "center" and wide == high:
            if width <= height:
                return wide, int(wide * height / width)
            return int(wide * width / height), wide
        ratios = width / wide, height / high
        ratio = max(ratios) if self._mode == "border" else min(ratios)
        return round(width / ratio), round(height / ratio)

    def _crop(self, picture: Image.Image) -> Image.Image:
        """Take the middle; what it lacks is filled first."""
        width, height = self._size
        if picture.size == self._size:
            return picture
        if picture.width < width or picture.height < height:
            canvas = max(width, picture.width), max(height, picture.height)
            padded = Image.new("RGB", canvas, self._fill)
            left, top = (canvas[0] - picture.width) // 2, (canvas[1] - picture.height) // 2
            padded.paste(picture, (left, top))
            picture = padded
        left, top = round((picture.width - width) / 2), round((picture.height - height) / 2)
        return picture.crop((left, top, left + width, top + height))

    def _without_long_ends(self, picture: Image.Image) -> Image.Image:
        """Cut a very long picture to its middle before a centre crop.

        timm resizes the short side first and crops after: a legal picture of 1 by 60,000 pixels
        would become 384 by 23 million. The crop keeps the middle only, so cutting far outside of
        it changes the result by no more than the rounding of the resized length.
        """
        longest = min(picture.size) * _LONGEST_ASPECT * max(self._size) // min(self._size)
        if max(picture.size) <= longest:
            return picture
        new_width, new_height = min(picture.width, longest), min(picture.height, longest)
        left, top = (picture.width - new_width) // 2, (picture.height - new_height) // 2
        return picture.crop((left, top, left + new_width, top + new_height))
