from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageOps

from indexer.ingest.encoding import PictureEncoder
from indexer.model import load_encoder
from indexer.settings import Settings
from indexer.store import Store
from indexer.types import Rgb
from indexer.verification import make_thumbnail, read_thumbnail, shrink
from indexer.verification.geometry import find_inliers
from indexer.verification.local_features import (
    find_features,
    find_in_query,
    pack_features,
    unpack_features,
)
from indexer.verification.thumbnails import SIDE
from support.catalog import add, arrival, bind, new_image
from support.commands import PHOTOS

pytestmark = pytest.mark.numeric

PHOTO, OTHERS = "hedgehog.jpg", ("bee.jpg", "castle-front.jpg", "koala.jpg", "two-dogs.jpg")
FEW = 8  # details that strangers may agree on by chance


def photo(name: str) -> Image.Image:
    with Image.open(PHOTOS / name) as image:
        return image.convert("RGB")


def pixels(image: Image.Image) -> Rgb:
    return np.asarray(image)


def pasted(image: Image.Image) -> Image.Image:
    """Show a picture small, on a page with other things."""
    page = Image.new("RGB", (900, 1200), "#dde3ea")
    page.paste("#1d2a3a", (0, 0, 900, 90))
    page.paste(image.resize((600, 600 * image.height // image.width)), (60, 300))
    return page


def middle(image: Image.Image) -> Image.Image:
    """Keep the middle quarter of a picture."""
    width, height = image.size
    return image.crop((width // 4, height // 4, 3 * width // 4, 3 * height // 4))


def inliers(query: Image.Image, stored: Image.Image) -> int:
    """Count as the matcher does: a query in both hands, a stored image by its thumbnail."""
    theirs = find_features(make_thumbnail(pixels(stored)))
    return max(find_inliers(hand, theirs).count for hand in find_in_query(shrink(pixels(query))))


# --- geometry ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "edit",
    [
        lambda image: image,
        pasted,
        middle,
        ImageOps.mirror,
        lambda image: ImageOps.mirror(middle(image)),
        lambda image: image.rotate(17, expand=True),
        lambda image: image.transpose(Image.Transpose.ROTATE_90),
        lambda image: pasted(ImageOps.grayscale(image).convert("RGB")),
    ],
    ids=["same", "pasted", "cropped", "mirrored", "both", "turned", "on its side", "grey, pasted"],
)
def test_the_details_of_a_copy_agree(edit: Callable[[Image.Image], Image.Image]) -> None:
    assert inliers(edit(photo(PHOTO)), photo(PHOTO)) > 2 * FEW


@pytest.mark.parametrize("other", OTHERS)
def test_the_details_of_strangers_do_not(other: str) -> None:
    assert inliers(photo(other), photo(PHOTO)) <= FEW
    assert inliers(pasted(photo(other)), photo(PHOTO)) <= FEW


@pytest.mark.parametrize("name", [PHOTO, *OTHERS])
def test_a_query_is_mirrored_as_if_its_pixels_were(name: str) -> None:
    grey = shrink(pixels(photo(name)))
    expected, _ = find_in_query(np.ascontiguousarray(grey[:, ::-1]))

    _, mirrored = find_in_query(grey)

    apart = np.abs(expected.points[:, np.newaxis] - mirrored.points).max(axis=2)
    same_place = apart < 1  # pixel; a place may have several directions
    cosines = np.where(same_place, expected.descriptors @ mirrored.descriptors.T, -1).max(axis=1)
    assert same_place.any(axis=1).mean() > 0.75
    assert np.median(cosines[same_place.any(axis=1)]) > 0.99


def test_counting_twice_gives_the_same() -> None:
    assert len({inliers(middle(photo(PHOTO)), photo(PHOTO)) for _ in range(5)}) == 1


@pytest.mark.parametrize("name", [PHOTO, *OTHERS])
def test_packed_features_are_those_found_anew(name: str) -> None:
    thumbnail = make_thumbnail(pixels(photo(name)))

    packed, found = unpack_features(pack_features(thumbnail)), find_features(thumbnail)

    assert packed is not None
    assert np.array_equal(packed.points, found.points)
    assert np.array_equal(packed.descriptors, found.descriptors)
    assert np.allclose(np.linalg.norm(found.descriptors, axis=1), 1, atol=1e-5)
    assert found.size == read_thumbnail(thumbnail).shape


@pytest.mark.parametrize("name", [PHOTO, *OTHERS])
def test_two_bits_of_each_value_tell_features_apart(name: str) -> None:
    grey = read_thumbnail(make_thumbnail(pixels(photo(name).resize((288, 216)))))
    exact, _ = find_in_query(grey)
    packed = find_features(make_thumbnail(pixels(photo(name).resize((288, 216)))))

    apart = np.abs(exact.points[:, np.newaxis] - packed.points).max(axis=2)
    cosines = exact.descriptors @ packed.descriptors.T

    same = np.where(apart < 0.5, cosines, -1).max(axis=1)
    assert (apart.min(axis=1) < 0.5).sum() > 50
    assert np.median(same[same > -1]) > np.quantile(cosines[apart > 20], 0.999)


@example(b"")
@given(st.binary(max_size=200))
def test_what_is_no_packed_features_is_none(data: bytes) -> None:
    packed = pack_features(make_thumbnail(pixels(photo(PHOTO))))

    assert unpack_features(b"\0" + data) is None
    assert unpack_features(packed + b"\0" + data) is None
    assert unpack_features(packed[:-1]) is None


def test_a_flat_picture_has_no_details() -> None:
    flat = Image.new("RGB", (300, 200), "navy")

    assert inliers(flat, photo(PHOTO)) == inliers(photo(PHOTO), flat) == 0


@example(np.zeros((1, 1, 3), np.uint8))
@example(np.zeros((1, 300, 3), np.uint8))
@given(arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))))
def test_any_picture_can_be_checked_against_itself(rgb: Rgb) -> None:
    image = Image.fromarray(rgb)

    assert inliers(image, image) >= 0


# --- thumbnails ----------------------------------------------------------------------------------


def test_a_thumbnail_is_a_small_jpeg_of_the_same_shape() -> None:
    jpeg = make_thumbnail(pixels(photo(PHOTO).resize((1600, 800))))

    with Image.open(BytesIO(jpeg)) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("JPEG", (SIDE, SIDE // 2))
    assert len(jpeg) < 60_000
    assert read_thumbnail(jpeg).shape == (SIDE // 2, SIDE)


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (SIDE, 3)])
def test_a_picture_of_any_shape_has_a_thumbnail(size: tuple[int, int]) -> None:
    grey = read_thumbnail(make_thumbnail(pixels(Image.new("RGB", size))))

    assert max(grey.shape) == min(SIDE, max(size))
    assert min(grey.shape) >= 1


@pytest.mark.parametrize("thumbnail", [True, False])
@pytest.mark.parametrize("features", [True, False])
def test_only_what_the_settings_say_is_kept(*, thumbnail: bool, features: bool) -> None:
    settings = Settings(keep_thumbnails=thumbnail, keep_features=features)
    preparer = PictureEncoder(load_encoder("shipped"), settings, tiled=False)
    jpeg = make_thumbnail(pixels(photo(PHOTO)))

    picture = preparer.prepare((PHOTOS / PHOTO).read_bytes(), b"\0" * 32)

    assert picture.thumbnail == (jpeg if thumbnail else None)
    assert picture.features == (pack_features(jpeg) if features else None)


# --- in the catalog ------------------------------------------------------------------------------


def add_with_thumbnail(
    store: Store, seed: int, jpeg: bytes | None, features: bytes | None = b"packed"
) -> int:
    space = bind(store)
    image = replace(new_image(seed), thumbnail=jpeg, features=features)
    with store.writer() as writer:
        writer.images.add([(image, arrival(f"{seed}.jpg"))], space.id)
        return writer.images.ids_by_sha256([image.sha256])[image.sha256]


def thumbnails(store: Store, *ids: int) -> dict[int, bytes]:
    with store.reader() as catalog:
        return catalog.thumbnails.get_many(ids)


def features(store: Store, *ids: int) -> dict[int, bytes]:
    with store.reader() as catalog:
        return catalog.local_features.get_many(ids)


def test_a_thumbnail_is_kept_with_its_image(store: Store) -> None:
    with_one = add_with_thumbnail(store, 1, b"one")
    [without] = add(store, bind(store), 2)

    assert thumbnails(store, with_one, without, 99) == {with_one: b"one"}


def test_an_image_that_is_known_gains_the_thumbnail_that_it_lacks(store: Store) -> None:
    [image_id] = add(store, bind(store), 1)
    add_with_thumbnail(store, 1, b"first")
    add_with_thumbnail(store, 1, b"second")

    assert thumbnails(store, image_id) == {image_id: b"first"}


def test_an_image_whose_features_were_not_kept_gains_them(store: Store) -> None:
    image_id = add_with_thumbnail(store, 1, b"first", None)
    assert features(store, image_id) == {}

    add_with_thumbnail(store, 1, b"second", b"found")
    add_with_thumbnail(store, 1, b"third", b"again")

    assert thumbnails(store, image_id) == {image_id: b"first"}
    assert features(store, image_id) == {image_id: b"found"}


@pytest.mark.postgres
def test_features_are_kept_without_a_thumbnail(store: Store) -> None:
    image_id = add_with_thumbnail(store, 1, None)

    assert features(store, image_id) == {image_id: b"packed"}
    assert thumbnails(store, image_id) == {}
    with store.reader() as catalog:
        assert catalog.local_features.ids([image_id, 99]) == {image_id}
        assert catalog.thumbnails.ids([image_id]) == set()


@pytest.mark.postgres
@pytest.mark.parametrize("purged", [True, False])
def test_a_thumbnail_goes_with_its_image_and_comes_back_with_it(
    store: Store, *, purged: bool
) -> None:
    image_id = add_with_thumbnail(store, 1, b"first")
    with store.writer() as writer:
        if purged:
            writer.images.purge([image_id])
        else:
            writer.images.remove([image_id])
    assert thumbnails(store, image_id) == features(store, image_id) == {}

    add_with_thumbnail(store, 1, b"again")

    assert thumbnails(store, image_id) == {image_id: b"again"}
