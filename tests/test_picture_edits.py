"""Edits of one picture: which there are, how strong they are, and that they repeat."""

import numpy as np
import pytest
from PIL import Image

from indexer.errors import InputError
from indexer.generation.edits import EditKind, inpaint, picture_edits


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    """Return a picture in which no two places are alike."""
    values = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    return Image.fromarray(values)


def changed(one: Image.Image, other: Image.Image) -> float:
    """Return the share of pixels that differ."""
    return float((np.asarray(one) != np.asarray(other)).any(axis=2).mean())


def test_every_edit_has_a_recipe_of_its_own_and_repeats_itself(picture: Image.Image) -> None:
    edits = picture_edits(
        EditKind,
        [0.5, 1],
        styles=["mist", "mosaic"],
        paintings=[("red", Image.new("RGB", (40, 40), "red"))],
        pipelines=[("dimmed", lambda p, strength: p.point(lambda v: int(v * (1 - strength))))],
    )

    assert len({edit.recipe for edit in edits}) == len(edits)
    assert {edit.kind for edit in edits} == {*EditKind}
    assert "style:mist@0.5" in {edit.recipe for edit in edits}
    for edit in edits:
        edited = edit.make(picture)
        assert edited.mode == "RGB"
        assert edited == edit.make(picture), edit.recipe
        assert edited != picture, edit.recipe


def test_a_removed_region_grows_with_the_strength(picture: Image.Image) -> None:
    third = inpaint(picture, region="middle", strength=0.5)
    whole = inpaint(picture, region="middle", strength=1)

    assert changed(third, picture) == pytest.approx(1 / 9, abs=0.02)
    assert changed(whole, picture) == pytest.approx(4 / 9, abs=0.02)
    assert changed(third.crop((0, 0, 20, 48)), picture.crop((0, 0, 20, 48))) == 0


@pytest.mark.parametrize("strengths", [[], [0], [1.5], [float("nan")]])
def test_strengths_out_of_range_are_refused(strengths: list[float]) -> None:
    with pytest.raises(InputError, match="strength"):
        picture_edits([EditKind.INPAINT], strengths)


def test_a_kind_that_has_nothing_to_work_with_is_refused() -> None:
    with pytest.raises(InputError, match="img2img need a pipeline"):
        picture_edits([EditKind.IMG2IMG], [0.5])
    with pytest.raises(InputError, match="no style 'monet'"):
        picture_edits([EditKind.STYLE], [0.5], styles=["monet"])
