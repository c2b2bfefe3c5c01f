import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from indexer.embedding_space import bind_space, load_bound_encoder
from indexer.errors import InputError, NotFoundError, UnreadableImage
from indexer.ingest import Ingest
from indexer.matching import Matcher, open_matcher, similar_images
from indexer.runtime.cpu import Cores
from indexer.settings import Settings
from indexer.sources import walk
from indexer.store import Store
from indexer.types import BankKind, Embeddings, Signal, Tier, Verdict
from indexer.vectors import KeySet
from indexer.vectors.faiss_index import FloatIndex
from support.extent import extent
from support.queries import match

pytestmark = pytest.mark.numeric

PHOTOS = Path(__file__).parents[1] / "photos"
BLOCKED = ("hedgehog.jpg", "coffee.jpg")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def ingest(store: Store, settings: Settings) -> Ingest:
    bind_space(store, settings)
    return Ingest(store, *load_bound_encoder(store, settings), settings)


@pytest.fixture
def matcher(store: Store, settings: Settings, ingest: Ingest) -> Matcher:
    """Index a few photos, two of them in the block bank `known`."""
    with store.writer() as writer:
        bank = writer.banks.create("known", BankKind.BLOCK)
    ingest.run(walk([PHOTOS / name for name in BLOCKED]), bank_id=bank.id)
    ingest.run(walk([PHOTOS / name for name in ("koala.jpg", "crab.jpg", "bee.jpg")]))
    return open_matcher(store, settings)


@pytest.mark.usefixtures("matcher")
@pytest.mark.parametrize("views", ["none", "crops"])
def test_a_verdict_is_the_same_with_any_cores(store: Store, settings: Settings, views: str) -> None:
    chosen = settings.model_copy(update={"query_views": views})
    one, two = (open_matcher(store, chosen, cores=Cores(count)) for count in (1, 2))
    for name in extent(["moose.jpg", *BLOCKED[:1]], ["moose.jpg", "koala.jpg", *BLOCKED]):
        data = altered(name, crop)
        assert match(one, data, name) == match(two, data, name)
        with two.cores.caller(), two.cores.caller():
            assert match(one, data, name) == match(two, data, name)


def saved(image: Image.Image, quality: int = 90) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def altered(name: str, change: Callable[[Image.Image], Image.Image]) -> bytes:
    with Image.open(PHOTOS / name) as photo:
        return saved(change(photo.convert("RGB")))


def crop(image: Image.Image, share: float = 0.05) -> Image.Image:
    width, height = image.size
    dx, dy = int(width * share), int(height * share)
    return image.crop((dx, dy, width - dx, height - dy))


def test_the_same_bytes_are_exact(matcher: Matcher) -> None:
    verdict = match(matcher, (PHOTOS / "hedgehog.jpg").read_bytes(), "upload")

    best = verdict.matches[0]
    assert (verdict.tier, verdict.banks) == (Tier.EXACT, ("known",))
    assert (best.decided_by, best.threshold, best.bank) == (Signal.SHA256, None, "known")
    assert best.source == str(PHOTOS / "hedgehog.jpg")
    assert best.similarity == pytest.approx(1, abs=1e-5)
    assert best.pdq_distance == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image,
        ImageOps.mirror,
        lambda image: image.transpose(Image.Transpose.ROTATE_90),
        lambda image: image.resize((image.width // 2, image.height // 2)),
        ImageOps.grayscale,
    ],
    ids=["saved again", "mirrored", "turned", "half size", "grey"],
)
def test_an_edit_that_pdq_survives_is_a_near_duplicate(
    matcher: Matcher, change: Callable[[Image.Image], Image.Image]
) -> None:
    verdict = match(matcher, altered("hedgehog.jpg", change), "upload")

    best = verdict.matches[0]
    assert verdict.tier is Tier.NEAR_DUPLICATE
    assert best.decided_by is Signal.PDQ
    assert best.pdq_distance is not None
    assert best.pdq_distance <= 31 == best.threshold
    assert best.threshold_source == "settings"


def test_a_cropped_and_mirrored_copy_is_found_though_its_fingerprint_is_far(
    matcher: Matcher,
) -> None:
    verdict = match(
        matcher, altered("coffee.jpg", lambda image: ImageOps.mirror(crop(image))), "upload"
    )

    best = verdict.matches[0]
    assert verdict.banks == ("known",)
    assert (best.decided_by, best.threshold_source) == (Signal.FUSED, "model")
    assert best.log_odds is not None
    assert best.threshold is not None
    assert best.log_odds >= best.threshold
    assert best.log_odds == pytest.approx(sum(each.log_odds for each in best.evidence))
    assert best.pdq_distance is not None
    assert best.pdq_distance > 31


def test_a_stranger_matches_nothing(matcher: Matcher) -> None:
    verdict = match(matcher, (PHOTOS / "aqueduct.jpg").read_bytes(), "upload")

    assert (verdict.tier, verdict.banks, verdict.matches) == (Tier.NONE, (), ())
    assert max(verdict.probabilities, key=verdict.probabilities.__getitem__) == "Neutral"


def test_an_image_in_no_bank_is_found_and_accuses_nobody(matcher: Matcher) -> None:
    verdict = match(matcher, (PHOTOS / "koala.jpg").read_bytes(), "upload")

    assert (verdict.tier, verdict.banks) == (Tier.EXACT, ())
    assert (verdict.matches[0].bank, verdict.matches[0].entry_id) == (None, None)


def test_a_choice_of_banks_leaves_the_gallery_out(matcher: Matcher) -> None:
    data = (PHOTOS / "koala.jpg").read_bytes()

    assert match(matcher, data, "upload", banks=["known"]).tier is Tier.NONE
    every = match(matcher, data, "upload", banks=["known"], min_log_odds=-100)
    assert {match.bank for match in every.matches} == {"known"}
    assert len(every.matches) == len(BLOCKED)


def test_an_unknown_bank_is_refused(matcher: Matcher) -> None:
    with pytest.raises(NotFoundError, match="knwon"):
        match(matcher, (PHOTOS / "koala.jpg").read_bytes(), "upload", banks=["knwon"])


def test_least_log_odds_of_the_request_replace_the_lookalike_bound(matcher: Matcher) -> None:
    data = (PHOTOS / "aqueduct.jpg").read_bytes()

    verdict = match(matcher, data, "upload", min_log_odds=-100)

    assert verdict.tier is Tier.LOOKALIKE
    assert {match.threshold_source for match in verdict.matches} == {"request"}
    assert match(matcher, data, "upload", min_log_odds=100).matches == ()


def test_least_log_odds_that_are_not_finite_are_refused(matcher: Matcher) -> None:
    with pytest.raises(InputError, match="finite number, got nan"):
        match(matcher, (PHOTOS / "koala.jpg").read_bytes(), "upload", min_log_odds=float("nan"))


def test_k_bounds_the_matches_but_not_the_verdict(matcher: Matcher) -> None:
    data = (PHOTOS / "coffee.jpg").read_bytes()

    assert len(match(matcher, data, "upload", k=1, min_log_odds=-100).matches) == 1
    assert len(match(matcher, data, "upload", k=50, min_log_odds=-100).matches) == 5


def test_an_allow_entry_suppresses_what_is_not_stronger(
    matcher: Matcher, store: Store, ingest: Ingest, tmp_path: Path
) -> None:
    benign = tmp_path / "benign.jpg"
    benign.write_bytes(altered("hedgehog.jpg", lambda image: image))
    with store.writer() as writer:
        bank = writer.banks.create("press", BankKind.ALLOW)
    ingest.run(walk([benign]), bank_id=bank.id)
    matcher.catch_up()

    verdict = match(matcher, altered("hedgehog.jpg", ImageOps.mirror), "upload")

    assert (verdict.tier, verdict.banks) == (Tier.NONE, ())
    by_bank = {match.bank: match for match in verdict.matches}
    assert by_bank["press"].suppressed_by is None
    suppressed_by = by_bank["known"].suppressed_by
    assert suppressed_by is not None
    assert (suppressed_by.bank, suppressed_by.entry_id) == ("press", by_bank["press"].entry_id)
    # the very bytes that the block bank holds are a stronger match than the allow entry's
    exact = match(matcher, (PHOTOS / "hedgehog.jpg").read_bytes(), "upload")
    assert (exact.tier, exact.banks) == (Tier.EXACT, ("known",))


def test_a_removed_image_does_not_match_even_while_the_views_lag(
    matcher: Matcher, store: Store
) -> None:
    data = (PHOTOS / "hedgehog.jpg").read_bytes()
    image_id = match(matcher, data, "upload").matches[0].image_id
    with store.writer() as writer:
        writer.images.remove([image_id])

    assert match(matcher, data, "upload").tier is Tier.NONE
    matcher.catch_up()
    assert match(matcher, data, "upload").tier is Tier.NONE
    with pytest.raises(NotFoundError, match=str(image_id)):
        similar_images(matcher, image_id)


def test_what_is_added_later_is_found_after_catching_up(matcher: Matcher, ingest: Ingest) -> None:
    data = altered("swans.jpg", ImageOps.mirror)
    assert match(matcher, data, "upload").tier is Tier.NONE

    ingest.run(walk([PHOTOS / "swans.jpg"]))
    matcher.catch_up()

    assert match(matcher, data, "upload").tier is Tier.NEAR_DUPLICATE


def test_an_index_of_banks_alone_is_searched_once(
    store: Store, settings: Settings, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.writer() as writer:
        bank = writer.banks.create("known", BankKind.BLOCK)
    ingest.run(walk([PHOTOS / name for name in BLOCKED]), bank_id=bank.id)
    matcher = open_matcher(store, settings)
    index = matcher.views.embeddings.index
    searched: list[KeySet | None] = []

    def search(
        queries: Embeddings, k: int, within: KeySet | None = None, *, exact: bool = False
    ) -> Any:
        assert exact is (within is not None)  # banks may miss nothing
        searched.append(within)
        return FloatIndex.search(index, queries, k, within, exact=exact)

    monkeypatch.setattr(index, "search", search)
    alone = match(matcher, (PHOTOS / BLOCKED[0]).read_bytes(), "upload")
    assert [len(within) for within in searched if within] == [len(BLOCKED)]
    assert None not in searched

    ingest.run(walk([PHOTOS / "koala.jpg"]))
    matcher.catch_up()
    among_others = match(matcher, (PHOTOS / BLOCKED[0]).read_bytes(), "upload")
    assert None in searched
    assert among_others.matches == alone.matches
    assert match(matcher, (PHOTOS / "koala.jpg").read_bytes(), "upload").tier is Tier.EXACT


def test_a_crowd_in_the_gallery_does_not_hide_a_bank_entry(
    matcher: Matcher, ingest: Ingest, tmp_path: Path
) -> None:
    for quality in range(40, 90, 5):
        with Image.open(PHOTOS / "coffee.jpg") as photo:
            (tmp_path / f"{quality}.jpg").write_bytes(saved(photo.convert("RGB"), quality))
    ingest.run(walk([tmp_path]))
    matcher.catch_up()
    query = altered("coffee.jpg", lambda image: image.resize((200, 150)))

    assert match(matcher, query, "upload", k=1).banks == ("known",)


def test_a_flat_picture_is_not_compared_by_pdq(matcher: Matcher) -> None:
    verdict = match(matcher, saved(Image.new("RGB", (64, 64), "white")), "flat", min_log_odds=-100)

    assert verdict.pdq_quality < 50
    assert {match.pdq_distance for match in verdict.matches} == {None}


def test_the_neighbours_of_a_stored_image_leave_itself_out(matcher: Matcher) -> None:
    image_id = match(matcher, (PHOTOS / "bee.jpg").read_bytes(), "upload").matches[0].image_id

    neighbours = similar_images(matcher, image_id, k=10).matches

    log_odds = [match.log_odds for match in neighbours]
    assert len(neighbours) == 4
    assert image_id not in {match.image_id for match in neighbours}
    assert log_odds == sorted(log_odds, key=lambda nats: -(nats or 0))


def test_the_similarity_is_the_cosine_of_the_two_embeddings(
    matcher: Matcher, store: Store, settings: Settings
) -> None:
    settings = settings.model_copy(update={"query_views": "none"})
    matcher = open_matcher(store, settings)
    encoder, space = load_bound_encoder(store, settings)
    data = (PHOTOS / "crab.jpg").read_bytes()
    with Image.open(PHOTOS / "bee.jpg") as bee, Image.open(PHOTOS / "crab.jpg") as crab:
        vectors = encoder.encode([np.array(bee.convert("RGB")), np.array(crab.convert("RGB"))])

    verdict = match(matcher, data, "crab.jpg", min_log_odds=-100)

    by_name = {Path(match.source or "").name: match for match in verdict.matches}
    expected = float(vectors.embeddings[0] @ vectors.embeddings[1])
    assert by_name["bee.jpg"].similarity == pytest.approx(expected, abs=1e-5)
    assert verdict.model == space.fingerprint
    assert verdict.probabilities["Neutral"] == pytest.approx(vectors.probabilities[1][2], abs=1e-5)


def test_an_unreadable_query_says_why(matcher: Matcher) -> None:
    with pytest.raises(UnreadableImage, match="not an image"):
        match(matcher, b"no picture", "upload")


def test_one_matcher_answers_many_threads_alike(matcher: Matcher) -> None:
    names = [*BLOCKED, "koala.jpg", "crab.jpg", "aqueduct.jpg"] * extent(1, 4)
    data = {name: (PHOTOS / name).read_bytes() for name in names}
    alone = {name: match(matcher, data[name], name) for name in data}

    def together(name: str) -> tuple[str, Verdict]:
        return name, match(matcher, data[name], name)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(together, names))

    for name, verdict in answers:
        assert (verdict.query, verdict.tier) == (name, alone[name].tier)
        assert [m.image_id for m in verdict.matches] == [m.image_id for m in alone[name].matches]


def test_a_matcher_publishes_at_most_eleven_members(matcher: Matcher) -> None:
    members = {name for name in dir(matcher) if not name.startswith("_")}

    assert len(members) <= 11, members
