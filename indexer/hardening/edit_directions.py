"""Edit directions: what an edit does to every picture's embedding, whatever the picture shows.

A network that tells copies apart puts two photos in the style of one painting closer together than
a photo and its own copy in that style. Stored as they are, variants would match whatever is painted
in their style. The direction that all pictures take in an edit says nothing of any of them, so it
is taken out of a variant's embedding.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from indexer.types import Embeddings

CONTROLS: Final = 8
_SIZE: Final = (320, 240)  # pixels
_SLOPE: Final = 1.3  # of the spectrum: amplitudes of photos fall with about the first power
_SHAPES: Final = (3, 9)  # at least, and below


def control_pictures(count: int = CONTROLS) -> list[Image.Image]:
    """Return made-up pictures with the spectrum of photos, and shapes in plain colours on them.

    Their edited copies show the direction of an edit as well as those of photos do, and no stranger
    has to be looked at. They are the same each time.
    """
    return [_draw(np.random.default_rng([8, number])) for number in range(count)]


def mean_direction(embeddings: Sequence[Embeddings]) -> Embeddings:
    """Return the mean of some unit vectors (d,), of unit length; zeros where it has none."""
    mean = np.mean(embeddings, axis=0)
    length = np.linalg.norm(mean)
    direction: Embeddings = (mean / length if length else mean).astype(np.float32)
    return direction


def without_direction(embedding: Embeddings, direction: Embeddings) -> Embeddings:
    """Return a unit vector (d,) orthogonal to a direction; the vector itself if nothing is left."""
    rest = embedding - float(embedding @ direction) * direction
    length = np.linalg.norm(rest)
    if length < np.finfo(np.float32).eps:
        return embedding
    left: Embeddings = (rest / length).astype(np.float32)
    return left


def _draw(random: np.random.Generator) -> Image.Image:
    width, height = _SIZE
    frequencies = np.hypot(np.fft.fftfreq(height)[:, np.newaxis], np.fft.rfftfreq(width))
    falling = np.maximum(frequencies, 1 / width) ** -_SLOPE
    noise = random.standard_normal((3, height, width))
    planes = np.fft.irfft2(np.fft.rfft2(noise) * falling, s=(height, width))
    planes /= planes.std(axis=(1, 2), keepdims=True)
    mixing = random.normal(0, 0.6, (3, 3))  # of the colours, mostly alike in brightness
    mixing[:, 0] += 1.2
    rgb = np.einsum("phw,cp->hwc", planes, mixing)
    rgb = rgb / rgb.std() * random.uniform(35, 60) + random.uniform(70, 180, 3)
    picture = Image.fromarray(np.clip(rgb, 0, 255).astype(np.uint8))
    drawing = ImageDraw.Draw(picture)
    for _ in range(random.integers(*_SHAPES)):
        x, y = random.uniform(0, width), random.uniform(0, height)
        wide, high = random.uniform(15, 90, 2)
        shape = (drawing.ellipse, drawing.rectangle)[random.integers(2)]
        red, green, blue = (int(value) for value in random.integers(0, 256, 3))
        shape((x - wide, y - high, x + wide, y + high), fill=(red, green, blue))
    return picture
