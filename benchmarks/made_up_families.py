"""Made-up families: unit vectors in clusters of power-law sizes, among strangers."""

import numpy as np
from numpy.typing import NDArray

DIMENSION = 384
NOISE = 0.4  # share of strangers
SMALLEST, LARGEST = 3, 5_000  # members of a family; sizes s are drawn with p(s) ~ s ** -2
INTRINSIC = 15  # dimensions of the surface that all vectors lie on
SPREAD = 0.12  # of a family, half to one and a half times
_HIDDEN = 96
_ROWS = 65_536


def made_up_families(n: int, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return vectors and the family of each.

    Families lie around points of a 15-dimensional sphere, strangers anywhere on it; a random curved
    surface (a layer of tanh) carries the sphere into 384 dimensions, with a little noise in all.

    Returns
    -------
    vectors : ndarray of shape (n, 384), float32, unit rows
    families : ndarray of shape (n,), int64
        -1 for a stranger.
    """
    random = np.random.default_rng(seed)
    sizes = _sizes(int(n * (1 - NOISE)), random)
    families = np.concatenate(
        [np.repeat(np.arange(len(sizes)), sizes), np.full(n - sum(sizes), -1)]
    )
    members = families >= 0
    places = _on_sphere(random.standard_normal((n, INTRINSIC)))
    centres = _on_sphere(random.standard_normal((len(sizes), INTRINSIC)))
    spreads = SPREAD * random.uniform(0.5, 1.5, len(sizes)) / INTRINSIC**0.5
    offsets = random.standard_normal((members.sum(), INTRINSIC))
    own = families[members]
    places[members] = centres[own] + spreads[own, np.newaxis] * offsets
    order = random.permutation(n)
    return _carry(places[order], random), families[order]


def _sizes(total: int, random: np.random.Generator) -> list[int]:
    sizes = []
    while total >= SMALLEST:
        largest = min(LARGEST, total)
        share = random.random()
        size = int(1 / (1 / SMALLEST - share * (1 / SMALLEST - 1 / (largest + 1))))
        sizes.append(min(max(size, SMALLEST), total))
        total -= sizes[-1]
    return sizes


def _carry(places: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float32]:
    into = random.standard_normal((INTRINSIC, _HIDDEN)).astype(np.float32)
    out_of = random.standard_normal((_HIDDEN, DIMENSION)).astype(np.float32)
    vectors = np.empty((len(places), DIMENSION), np.float32)
    for start in range(0, len(places), _ROWS):
        part = slice(start, start + _ROWS)
        carried = np.tanh(places[part].astype(np.float32) @ into) @ out_of
        noise = random.standard_normal(carried.shape, np.float32)
        carried += 0.02 * np.abs(carried).mean() * noise
        vectors[part] = carried / np.linalg.norm(carried, axis=1, keepdims=True)
    return vectors


def _on_sphere(places: NDArray[np.float64]) -> NDArray[np.float64]:
    return places / np.linalg.norm(places, axis=1, keepdims=True)
