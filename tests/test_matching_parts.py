"""Matching by parts: what is small in a picture or late in an animation is found, and named."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st
from PIL import Image, ImageOps

from indexer.matching import similar_images
from indexer.matching.comparison import compare_images
from indexer.matching.picture_pieces import encode_picture
from indexer.matching.pieces import Pieces
from indexer.matching.query import EncodedQuery
from indexer.model import Encoder, Prepared, load_encoder
from indexer.opinions import Opinions
from indexer.runtime.cpu import Cores
from indexer.settings import Settings
from indexer.store import Store
from indexer.types import (
    Embeddings,
    Encoding,
    ImageRecord,
    Part,
    PartKind,
    Pdq,
    Signal,
    StoredPart,
    Tier,
)
from support.commands import Index
from support.fusion import SIMPLE, TRAITS
from support.layouts import PANEL, animation, collage, page
from support.pictures import encode
from support.queries import match
from support.shelf import Shelf

pytestmark = pytest.mark.numeric

PHOTOS = Path(__file__).parents[1] / "photos"
UNSAFE = "hedgehog.jpg"
OTHERS = ("koala.jpg", "crab.jpg", "bee.jpg", "moose.jpg", "swans.jpg", "sheep.jpg")


@cache
def photo(name: str) -> Image.Image:
    with Image.open(PHOTOS / name) as opened:
        return opened.convert("RGB")


def photo_bytes(name: str) -> bytes:
    return (PHOTOS / name).read_bytes()


def jpeg(image: Image.Image) -> bytes:
    return encode(image, "JPEG", quality=85)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder("shipped", "cpu")


@pytest.fixture
def shelf(store: Store, encoder: Encoder, tmp_path: Path) -> Shelf:
    """Index a few harmless photos."""
    made = Shelf(store, encoder, Settings(home=tmp_path, query_views="trim"))
    for name in OTHERS:
        made.add(photo_bytes(name))
    return made


def assert_box(part: Part | None, expected: tuple[int, int, int, int], pixels: int = 4) -> None:
    assert part is not None
    assert part.kind is PartKind.TILE
    assert part.box is not None
    assert np.abs(np.subtract(part.box, expected)).max() <= pixels, part.box


# --- tiles ---------------------------------------------------------------------------------------


def test_a_small_unsafe_photo_on_a_long_screenshot_is_found_with_tiles_only(shelf: Shelf) -> None:
    unsafe = shelf.add(photo_bytes(UNSAFE), bank="known")
    query = jpeg(page(photo(UNSAFE)))

    best = shelf.find(query, tiles=True)[0]

    assert (best.image_id, best.tier, best.bank) == (unsafe, Tier.NEAR_DUPLICATE, "known")
    assert best.part is None
    assert_box(best.query_part, PANEL)
    assert unsafe not in [match.image_id for match in shelf.find(query)]


def test_a_page_in_the_index_is_found_by_the_photo_on_it_when_it_was_tiled(shelf: Shelf) -> None:
    untiled = shelf.add(jpeg(page(photo(UNSAFE), "black")), bank="known")
    tiled = shelf.add(jpeg(page(photo(UNSAFE))), bank="known", tiled=True)

    found = {match.image_id: match for match in shelf.find(photo_bytes(UNSAFE))}

    assert untiled not in found
    assert found[tiled].tier is Tier.NEAR_DUPLICATE
    assert found[tiled].query_part is None
    assert_box(found[tiled].part, PANEL)


def test_two_pages_that_share_a_photo_are_found_by_their_tiles(shelf: Shelf) -> None:
    stored = shelf.add(jpeg(page(photo(UNSAFE), "black")), bank="known", tiled=True)
    mirrored = jpeg(page(ImageOps.mirror(photo(UNSAFE))))

    best = shelf.find(mirrored, tiles=True)[0]

    assert (best.image_id, best.decided_by) == (stored, Signal.PDQ)
    assert_box(best.part, PANEL)
    assert_box(best.query_part, PANEL)


@pytest.mark.parametrize("gap", [0, 12])
def test_a_cell_of_a_collage_is_found_with_and_without_a_gap(shelf: Shelf, gap: int) -> None:
    unsafe = shelf.add(photo_bytes(UNSAFE), bank="known")
    query = jpeg(
        collage([photo(name) for name in ("moose.jpg", "sheep.jpg", "crab.jpg", UNSAFE)], gap)
    )

    found = {match.image_id: match for match in shelf.find(query, tiles=True)}

    assert_box(found[unsafe].query_part, (600 + 2 * gap, 450 + 2 * gap, 600, 450))
    assert unsafe not in [match.image_id for match in shelf.find(query)]


def test_each_image_is_reported_once_however_many_tiles_match(shelf: Shelf) -> None:
    shelf.add(photo_bytes(UNSAFE), bank="known")
    shelf.add(jpeg(collage([photo(UNSAFE)] * 4, 12)), tiled=True)

    found = shelf.find(jpeg(collage([photo(UNSAFE)] * 4, 20)), tiles=True)

    assert len(found) >= 2
    assert len(found) == len({match.image_id for match in found})


# --- crops ---------------------------------------------------------------------------------------


def test_a_copy_in_a_frame_is_found_by_what_is_inside(shelf: Shelf) -> None:
    unsafe = shelf.add(photo_bytes(UNSAFE), bank="known")
    query = jpeg(ImageOps.expand(photo(UNSAFE), (150, 90), "white"))

    best = shelf.find(query)[0]

    width, height = photo(UNSAFE).size
    assert (best.image_id, best.tier) == (unsafe, Tier.NEAR_DUPLICATE)
    assert best.query_part is not None
    assert best.query_part.kind is PartKind.CROP
    assert best.query_part.box is not None
    assert np.abs(np.subtract(best.query_part.box, (150, 90, width, height))).max() <= 6


def test_what_a_tile_shows_is_not_cut_out_again(encoder: Encoder, tmp_path: Path) -> None:
    framed = ImageOps.expand(photo(UNSAFE).resize((1200, 900)), (200, 150), "white")

    def kinds(*, tiled: bool) -> list[PartKind]:
        settings = Settings(home=tmp_path, query_views="trim")
        pieces = encode_picture(
            jpeg(framed),
            encoder,
            Opinions(),
            settings,
            Cores(1),
            tiled=tiled,
            settled=lambda _: False,
        ).pieces
        return [part.kind for part in pieces.parts if part]

    assert kinds(tiled=False) == [PartKind.CROP]
    assert set(kinds(tiled=True)) == {PartKind.TILE}


# --- frames --------------------------------------------------------------------------------------


def test_the_fifth_frame_of_an_animation_is_found(shelf: Shelf) -> None:
    unsafe = shelf.add(photo_bytes(UNSAFE), bank="known")
    query = animation([photo(name) for name in (*OTHERS[:4], UNSAFE)])

    verdict = match(shelf.matcher, query, "query.gif")

    found = {match.image_id: match for match in verdict.matches}
    assert (verdict.tier, verdict.banks) == (Tier.NEAR_DUPLICATE, ("known",))
    assert found[unsafe].query_part == Part(PartKind.FRAME, 4, None)
    assert len(verdict.matches) == 5  # the other frames are in the gallery
    assert found.keys() == {match.image_id for match in verdict.matches}


def test_an_animation_in_a_bank_is_found_by_a_still_of_a_frame(shelf: Shelf) -> None:
    stills = [photo(name) for name in ("aqueduct.jpg", "camels.jpg", UNSAFE, "earthrise.jpg")]
    stored = shelf.add(animation(stills), bank="known")

    best = shelf.find(photo_bytes(UNSAFE))[0]

    assert (best.image_id, best.tier) == (stored, Tier.NEAR_DUPLICATE)
    assert (best.part, best.query_part) == (Part(PartKind.FRAME, 2, None), None)


def test_an_animation_whose_frames_came_in_another_order_is_found(shelf: Shelf) -> None:
    names = ("aqueduct.jpg", "camels.jpg", UNSAFE)
    stored = shelf.add(animation([photo(name) for name in names]), bank="known")
    query = animation([photo(UNSAFE), photo("dandelions.jpg"), photo("clownfish.jpg")])

    best = shelf.find(query)[0]

    assert (best.image_id, best.part) == (stored, Part(PartKind.FRAME, 2, None))
    assert best.query_part is None


def test_the_very_bytes_are_exact_as_a_whole(shelf: Shelf) -> None:
    data = animation([photo(name) for name in OTHERS[:3]])
    shelf.add(data, bank="known")

    best = shelf.find(data)[0]

    assert (best.tier, best.part, best.query_part) == (Tier.EXACT, None, None)


def test_the_neighbours_of_an_animation_are_those_of_all_its_frames(shelf: Shelf) -> None:
    unsafe = shelf.add(photo_bytes(UNSAFE))
    stored = shelf.add(animation([photo("camels.jpg"), photo("aqueduct.jpg"), photo(UNSAFE)]))

    nearest = similar_images(shelf.matcher, stored, k=1).matches[0]
    back = similar_images(shelf.matcher, unsafe, k=1).matches[0]

    assert (nearest.image_id, nearest.query_part) == (unsafe, Part(PartKind.FRAME, 2, None))
    assert (back.image_id, back.part) == (stored, Part(PartKind.FRAME, 2, None))


# --- what allow entries excuse -------------------------------------------------------------------


def test_a_benign_frame_does_not_excuse_an_unsafe_one(shelf: Shelf) -> None:
    unsafe = shelf.add(photo_bytes(UNSAFE), bank="known")
    shelf.add(photo_bytes("camels.jpg"), bank="press")

    verdict = match(shelf.matcher, animation([photo("camels.jpg"), photo(UNSAFE)]), "query.gif")

    assert (verdict.tier, verdict.banks) == (Tier.NEAR_DUPLICATE, ("known",))
    assert {m.image_id: m.suppressed_by for m in verdict.matches}[unsafe] is None


def test_a_benign_panel_does_not_excuse_an_unsafe_one(shelf: Shelf) -> None:
    shelf.add(photo_bytes(UNSAFE), bank="known")
    shelf.add(photo_bytes("camels.jpg"), bank="press")
    query = jpeg(collage([photo(n) for n in ("camels.jpg", UNSAFE, "crab.jpg", "bee.jpg")], 12))

    assert match(shelf.matcher, query, "query", tiles=True).banks == ("known",)


def test_an_animation_that_shares_a_benign_frame_is_still_found_by_another(shelf: Shelf) -> None:
    stored = shelf.add(animation([photo("camels.jpg"), photo(UNSAFE)]), bank="known")
    shelf.add(photo_bytes("camels.jpg"), bank="press")
    query = animation([photo("camels.jpg"), photo(UNSAFE).rotate(1)])

    found = {match.image_id: match for match in shelf.find(query)}

    assert found[stored].query_part == Part(PartKind.FRAME, 1, None)


def test_the_very_bytes_of_an_allow_entry_excuse_every_frame(shelf: Shelf) -> None:
    data = animation([photo("camels.jpg"), photo(UNSAFE)])
    shelf.add(photo_bytes(UNSAFE), bank="known")
    shelf.add(data, bank="press")

    verdict = match(shelf.matcher, data, "query.gif")

    assert (verdict.tier, verdict.banks) == (Tier.NONE, ())


# --- cost ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "tiles", "passes"),
    [
        (lambda: photo_bytes(UNSAFE), False, 1),
        (lambda: photo_bytes(UNSAFE), True, 1),
        (lambda: jpeg(photo(UNSAFE).resize((1600, 1200))), False, 1),
        (lambda: jpeg(ImageOps.expand(photo(UNSAFE), 60, "black")), False, 2),
        (lambda: animation([photo(name) for name in (UNSAFE, *OTHERS[:2])]), False, 3),
    ],
    ids=["small", "small, tiles asked for", "large", "with a border", "three frames"],
)
def test_a_query_costs_a_forward_pass_for_each_part_and_no_more(
    shelf: Shelf,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[], bytes],
    *,
    tiles: bool,
    passes: int,
) -> None:
    full: list[int] = []
    short: list[int] = []
    forward, embed = shelf.encoder.forward, shelf.encoder.embed

    def counted(prepared: list[Prepared]) -> Encoding:
        full.append(len(prepared))
        return forward(prepared)

    def counted_short(prepared: list[Prepared]) -> Embeddings:
        short.append(len(prepared))
        return embed(prepared)

    monkeypatch.setattr(shelf.encoder, "forward", counted)
    monkeypatch.setattr(shelf.encoder, "embed", counted_short)
    match(shelf.matcher, make(), "query", tiles=tiles)

    assert (sum(full), sum(short)) == (1, passes - 1)  # the classes of the whole are asked for


# --- comparing each with each --------------------------------------------------------------------

MIN_QUALITY = 50
qualities = st.lists(st.sampled_from([0, 100]), min_size=1, max_size=4)
"""Of the whole first frame and of each part: 0 is too flat to hash."""


def tile(number: int) -> Part:
    return Part(PartKind.TILE, number, (0, number, 10, 10))


def record_of(random: np.random.Generator, quality: list[int]) -> ImageRecord:
    stored = [
        StoredPart(tile(n), Pdq(random.bytes(32), q), unit(random), {})
        for n, q in enumerate(quality)
    ]
    return ImageRecord(
        id=1,
        sha256=b"",
        md5=b"",
        pdq=stored[0].pdq,
        width=1,
        height=1,
        format="PNG",
        frame_count=1,
        byte_size=1,
        created_at=datetime.now(UTC),
        sources=(),
        entries=(),
        embedding=stored[0].embedding,
        probabilities={},
        parts=tuple(stored[1:]),
    )


def unit(random: np.random.Generator) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    vector = random.standard_normal(4).astype(np.float32)
    return vector / np.float32(np.linalg.norm(vector))


@trials(deadline=None)
@given(st.integers(0, 2**32), qualities, qualities)
def test_each_piece_of_a_query_is_compared_with_each_of_the_image(
    seed: int, asked: list[int], stored: list[int]
) -> None:
    random = np.random.default_rng(seed)
    record = record_of(random, stored)
    pieces = [
        (
            tile(n) if n else None,
            random.integers(0, 256, (8 if quality else 0, 32), np.uint8),
            unit(random),
        )
        for n, quality in enumerate(asked)
    ]

    query = EncodedQuery.of(b"other", b"", Pieces.of(pieces), TRAITS)
    beside = [record_of(random, [100, 0, 100]), replace(record, embedding=None)]
    _, unembedded, comparisons = compare_images(query, [*beside, record], MIN_QUALITY, SIMPLE)
    assert all(each.evidence.similarity is None for each in unembedded)

    whole = StoredPart(tile(0), record.pdq, record.embedding, {})
    for (part, bits, embedding), comparison in zip(pieces, comparisons, strict=True):
        cosines = {p.part.number: float(embedding @ p.embedding) for p in (whole, *record.parts)}
        hashed = {
            p.part.number: int(
                np.bitwise_count(bits ^ np.frombuffer(p.pdq.bits, np.uint8)).sum(1).min()
            )
            for p in (whole, *record.parts)
            if len(bits) and p.pdq.quality >= MIN_QUALITY
        }
        evidence, nearest = comparison.evidence, comparison.nearest
        assert comparison.query_part == part
        assert evidence.similarity == pytest.approx(max(cosines.values()), abs=1e-6)
        assert evidence.pdq_distance == (min(hashed.values()) if hashed else None)
        by_cosine = nearest[Signal.EMBEDDING]
        assert cosines[by_cosine.number if by_cosine else 0] == pytest.approx(
            max(cosines.values()), abs=1e-6
        )  # BLAS rounds one vector otherwise than several
        if hashed:
            by_pdq = nearest[Signal.PDQ]
            assert hashed[by_pdq.number if by_pdq else 0] == min(hashed.values())


def test_an_image_without_an_embedding_in_the_space_is_compared_by_its_hashes() -> None:
    random = np.random.default_rng(0)
    record = replace(record_of(random, [100, 100]), embedding=None, sha256=random.bytes(32))

    def compared(bits: bytes, sha256: bytes = b"") -> list[tuple[bool, int | None, float | None]]:
        hashes = np.frombuffer(bits, np.uint8).reshape(-1, 32)
        query = EncodedQuery.of(
            sha256, b"", Pieces.of([(None, hashes, np.ones(4, np.float32))]), TRAITS
        )
        [found] = compare_images(query, [record], MIN_QUALITY, SIMPLE)
        every = [each.evidence for each in found]
        return [(each.same_bytes, each.pdq_distance, each.similarity) for each in every]

    assert compared(record.pdq.bits) == [(False, 0, None)]
    assert compared(record.parts[0].pdq.bits) == [(False, 0, None)]
    assert compared(record.pdq.bits, record.sha256) == [(True, 0, None)]
    assert compared(b"", record.sha256) == [(True, None, None)]
    assert compared(b"") == []


# --- the command and the route -------------------------------------------------------------------


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Index one photo."""
    made = Index(tmp_path_factory.mktemp("home"))
    made.run_here("init")
    made.run_here("index", "add", PHOTOS / UNSAFE)
    return made


@pytest.fixture(scope="module")
def screenshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a long page that holds the photo."""
    file = tmp_path_factory.mktemp("queries") / "screenshot.jpg"
    file.write_bytes(jpeg(page(photo(UNSAFE))))
    return file


def test_the_command_says_which_part_matched(index: Index, screenshot: Path) -> None:
    verdict = index.run_here("search", screenshot, "--tiles", "--json").json
    shown = index.run_here("search", screenshot, "--tiles").stdout

    (match,) = verdict["matches"]
    left, top, width, height = match["query_part"]["box"]
    assert (match["part"], match["query_part"]["kind"]) == (None, "tile")
    assert f"tile {width}x{height}+{left}+{top} of the query, whole of the image" in shown
    assert index.run_here("search", screenshot, "--json").json["matches"] == []


@pytest.mark.slow
def test_the_route_answers_as_the_command_does(index: Index, screenshot: Path) -> None:
    upload = {"image": ("screenshot.jpg", screenshot.read_bytes())}
    with index.serve() as client:
        with_tiles = client.post("/v1/search", files=upload, params={"tiles": True})
        without = client.post("/v1/search", files=upload)

    assert with_tiles.status_code == without.status_code == HTTPStatus.OK
    from_command = index.run_here("search", screenshot, "--tiles", "--json").json
    assert with_tiles.json() == from_command | {"query": "screenshot.jpg"}
    assert without.json()["matches"] == []
