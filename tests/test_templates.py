"""A frame that images share is no evidence: their content decides."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from indexer.embedding_space import bound_space
from indexer.store import Store, open_store
from indexer.template_discovery import TemplateLearner, TemplateReport
from indexer.vector_views import open_views
from indexer.verification import make_thumbnail, read_thumbnail, shrink
from indexer.verification.cell_agreement import find_shared_frame
from indexer.verification.cell_grid import CellGrid, Extent
from indexer.verification.detail_agreement import DetailAgreement, Hands
from indexer.verification.frame_groups import LEAST_IMAGES
from indexer.verification.known_frame import find_known_frame, share_content, shows_frame
from indexer.verification.local_features import find_in_query, pack_features, unpack_features
from indexer.verification.recurring_details import RecurringDetails
from indexer.verification.veiled_preview import draw_preview
from support.commands import PHOTOS, Index
from support.extent import extent
from support.pictures import encode
from support.running import until
from support.screens import CHAT_PHOTO, PHOTO, chat, feed, player, story

pytestmark = pytest.mark.numeric

BANKED = ("castle-front.jpg", "clownfish.jpg", "two-dogs.jpg", "forest-stream.jpg")
OTHERS = ("bee.jpg", "coffee.jpg", "windmills-at-the-water.jpg")
FRAME = b"\xff\xff" * 4 + b"\xc0\x03" * 6 + b"\xff\xff" * 6


@cache
def photo(name: str) -> Image.Image:
    with Image.open(PHOTOS / name) as image:
        return image.convert("RGB")


def cells(stored: Image.Image) -> CellGrid:
    return CellGrid.of(read_thumbnail(make_thumbnail(np.asarray(stored))))


def details(query: Image.Image, stored: Image.Image, *, in_place: bool = False) -> DetailAgreement:
    packed = pack_features(make_thumbnail(np.asarray(stored)))
    theirs = unpack_features(packed)
    assert theirs is not None
    return DetailAgreement(
        lambda: find_in_query(shrink(np.asarray(query))), lambda: theirs, in_place=in_place
    )


def shared(query: Image.Image, stored: Image.Image, *pictures: Extent) -> Extent | None:
    """Return the content that differs within a frame that both share."""
    ours = CellGrid.of(shrink(np.asarray(query)))
    frame = find_shared_frame(ours, cells(stored), pictures)
    return frame.content if frame else None


# --- cells ---------------------------------------------------------------------------------------


def test_screens_of_one_application_share_its_frame_around_the_photo() -> None:
    content = shared(feed(photo("bee.jpg"), 1), feed(photo("castle-front.jpg"), 2))

    assert content is not None
    left, top, width, height = PHOTO
    inside = Extent(left / 540, top / 800, (left + width) / 540, (top + height) / 800)
    assert content.shared(inside) >= 0.8 * inside.area


def test_a_conversation_whose_texts_differ_is_a_frame_around_the_photos_at_one_place() -> None:
    left, top, width, height = CHAT_PHOTO
    place = Extent(left / 540, top / 800, (left + width) / 540, (top + height) / 800)
    ours, others = cells(chat(photo("bee.jpg"), 1)), cells(chat(photo("castle-front.jpg"), 2))
    again = cells(chat(photo("bee.jpg"), 2))

    frame = find_shared_frame(ours, others, [place], [place])

    assert frame is not None
    assert frame.content.shared(place) >= 0.5 * place.area
    assert find_shared_frame(ours, again, [place], [place]) is None


def test_controls_over_other_photos_are_a_frame_if_details_lie_at_the_same_places() -> None:
    for name in ("bee.jpg", "castle-front.jpg", "forest-stream.jpg"):
        query, stored = story(photo(name), 1), story(photo("koala.jpg"), 2)
        same = story(photo(name), 2)

        for screen, is_frame in ((stored, True), (same, False)):
            agreement = details(query, screen, in_place=True)
            frame = find_shared_frame(cells(query), cells(screen), details=agreement)
            assert (frame is not None) is is_frame, name


def test_controls_over_other_photos_are_told_by_their_own_details() -> None:
    query = story(photo("castle-front.jpg"), 1)
    for name, is_frame in (("bee.jpg", True), ("two-dogs.jpg", True), ("castle-front.jpg", False)):
        screen = story(photo(name), 2)

        frame = find_shared_frame(cells(query), cells(screen), details=details(query, screen))

        assert (frame is not None) is is_frame, name


def test_details_of_a_region_tell_copies_from_strangers() -> None:
    left, other = np.zeros((16, 16), np.bool_), np.zeros((16, 16), np.bool_)
    left[:, :8], other[:, 8:] = True, True
    castle, bee, stream = (
        photo(name).resize((300, 400))
        for name in ("castle-front.jpg", "bee.jpg", "forest-stream.jpg")
    )
    query, stored = Image.new("RGB", (600, 400)), Image.new("RGB", (600, 400))
    for image, second in ((query, bee), (stored, stream)):
        image.paste(castle, (0, 0))
        image.paste(second, (300, 0))
    mirrored = ImageOps.mirror(query.crop((0, 0, 300, 400)))
    query.paste(mirrored.resize((240, 320)), (30, 40))

    agreement = details(query, stored)

    assert agreement.compare(left) is True
    assert agreement.compare(other) is False
    assert details(query, Image.new("RGB", (600, 400))).compare(left) is None


def test_a_picture_elsewhere_is_another_one_by_its_details() -> None:
    query, stored = Image.new("RGB", (600, 400), "white"), Image.new("RGB", (600, 400), "white")
    for image, second in ((query, "bee.jpg"), (stored, "forest-stream.jpg")):
        left = 0 if image is query else 300
        image.paste(photo("castle-front.jpg").resize((300, 200)), (left, 0))
        image.paste(photo(second).resize((300, 200)), (left, 200))
    agreement = details(query, stored)
    upper, lower = Extent(0, 0, 0.5, 0.5), Extent(0, 0.5, 0.5, 1)

    assert agreement.compare_places(upper, Extent(0.5, 0, 1, 0.5)) is True
    assert agreement.compare_places(lower, Extent(0.5, 0.5, 1, 1)) is False
    assert agreement.compare_places(upper, Extent(0, 0, 0.5, 0.5)) is None


def test_a_line_of_text_is_no_content_wherever_it_is() -> None:
    everywhere = np.ones((16, 16), np.bool_)

    def page(top: int, lines: int) -> Image.Image:
        image = Image.new("RGB", (600, 400), "white")
        for line in range(lines):
            text = "quick river", "LAMP 4 SALE", "garden zoo", "Bx 927 kWh", "magic fjord", "PONY"
            ImageDraw.Draw(image).text((20, top + 44 * line), text[line], "black", font_size=36)
        return image

    assert details(page(40, 1), page(300, 1)).compare(everywhere) is None
    assert details(page(20, 6), page(120, 6)).compare(everywhere) is True


def test_photos_of_one_light_are_another_content_by_their_details() -> None:
    light = Image.linear_gradient("L").convert("RGB").resize((400, 400))
    ours, others = (
        Image.blend(photo(name).resize((400, 400)), light, 0.8)
        for name in ("two-dogs.jpg", "castle-front.jpg")
    )
    query, stored, again = feed(ours, 1), feed(others, 2), feed(ours, 3)

    for screen, is_frame in ((stored, True), (again, False)):
        agreement = details(query, screen)
        frame = find_known_frame(cells(query), cells(screen), FRAME, agreement)
        assert (frame is not None) is is_frame


def fog(name: str) -> Image.Image:
    """Return a photo of which hardly anything is left but light from above."""
    light = Image.linear_gradient("L").convert("RGB").resize((400, 400))
    return Image.blend(
        photo(name).resize((400, 400)).filter(ImageFilter.GaussianBlur(12)), light, 0.5
    )


def test_nearly_plain_photos_within_a_known_frame_are_other_ones_unless_most_is_the_same() -> None:
    query = feed(fog("castle-front.jpg"), 1)
    for name, is_frame in (("bee.jpg", True), ("two-dogs.jpg", True), ("castle-front.jpg", False)):
        stored = feed(fog(name), 2)

        frame = find_known_frame(cells(query), cells(stored), FRAME, details(query, stored))

        assert (frame is not None) is is_frame, name


def test_a_template_that_leaves_no_content_is_no_frame() -> None:
    query, stored = (feed(photo(name), 1) for name in ("castle-front.jpg", "two-dogs.jpg"))

    assert find_known_frame(cells(query), cells(stored), b"\xff" * 32) is None


def test_a_nearly_plain_picture_is_the_same_only_if_its_hash_is_alike() -> None:
    left, top, width, height = PHOTO
    picture = Extent(left / 540, top / 800, (left + width) / 540, (top + height) / 800)
    noise = np.random.default_rng(1).normal(0, 12, (height, width, 1))
    grass = photo("forest-stream.jpg").resize((width, height // 8))
    faint = Image.blend(grass, Image.new("RGB", grass.size, (140, 140, 140)), 0.7)

    def meadow(seed: int) -> Image.Image:
        clouds = np.random.default_rng(seed).normal(140, 4, (17, 24)).astype(np.uint8)
        sky = Image.fromarray(clouds).resize((width, height), Image.Resampling.BICUBIC)
        image = Image.fromarray((np.asarray(sky.convert("RGB")) + noise).astype(np.uint8))
        image.paste(faint, (0, height - height // 8))
        return image

    query = cells(feed(meadow(5), 1))

    assert share_content(query, cells(feed(meadow(5), 2)), FRAME, [picture])
    assert not share_content(query, cells(feed(meadow(6), 2)), FRAME, [picture])


def test_controls_in_place_over_other_photos_make_no_copy_within_a_known_frame() -> None:
    content = np.ones((16, 16), np.bool_)
    content[13:] = False
    mask = np.packbits(~content).tobytes()

    def clip(name: str) -> Image.Image:
        screen = ImageOps.fit(photo(name), (540, 800))
        draw = ImageDraw.Draw(screen)
        draw.rectangle((430, 240, 530, 560), "black")
        draw.rectangle((0, 650, 540, 800), "white")
        for number, letters in enumerate(("AQ", "RK", "SB", "WG", "MX")):
            draw.text((440, 245 + 62 * number), letters, "white", font_size=52)
            draw.text((20 + 104 * number, 690), letters, "black", font_size=52)
        return screen

    query = clip("two-dogs.jpg")
    for name, is_other in (("bee.jpg", True), ("two-dogs.jpg", False)):
        agreement = details(query, clip(name))

        frame = find_known_frame(cells(query), cells(clip(name)), mask, agreement)

        assert agreement.compare(content)
        assert (frame is not None) is is_other, name


def test_a_panel_whose_details_images_of_a_template_have_is_no_picture() -> None:
    def screen(name: str, seed: int) -> Image.Image:
        drawn = player(photo(name), seed)
        drawn.paste(ImageOps.fit(photo("windmills-at-the-water.jpg"), (290, 560)), (650, 30))
        return drawn

    def found(drawn: Image.Image) -> Hands:
        return find_in_query(shrink(np.asarray(drawn)))

    query, stored = screen("bee.jpg", 1), screen("castle-front.jpg", 2)
    names = ("koala.jpg", "coffee.jpg", "forest-stream.jpg")
    ours, theirs = found(query), found(stored)[0]
    others = [found(screen(name, 3))[0] for name in names]
    panel, place = Extent(0.68, 0.05, 0.98, 0.98), Extent(0.02, 0.1, 0.65, 0.75)

    recurring = RecurringDetails(lambda: ours[0], lambda: others)
    too_few = RecurringDetails(lambda: ours[0], lambda: others[:2])

    assert (recurring.fill(panel), recurring.fill(place)) == (True, False)
    for known, is_shared in ((recurring, False), (too_few, True), (None, True)):
        agreement = DetailAgreement(lambda: ours, lambda: theirs, recurring=known)
        shared = share_content(cells(query), cells(stored), bytes(32), [panel], agreement)
        assert shared is is_shared


def test_an_image_has_the_frame_in_which_it_agrees_with_most_members() -> None:
    names = ("bee.jpg", "koala.jpg", "castle-front.jpg")
    members = [cells(chat(photo(name), seed)) for seed, name in enumerate(names)]
    plain = Image.new("RGB", (540, 800), "#808080")
    another = ImageOps.fit(photo("two-dogs.jpg"), (540, 800))
    mask = b"\xff\xff" * 4 + bytes(2) * 5 + b"\xff\xff" * 7

    assert shows_frame(cells(chat(plain, 9)), members, mask)
    assert not shows_frame(cells(another), members, mask)
    assert not shows_frame(cells(another), [*members[:2], *[cells(another)] * 2], mask)
    assert not shows_frame(cells(feed(plain, 9).resize((800, 540))), members, mask)


def test_content_that_is_surely_another_one_needs_no_visible_frame() -> None:
    stored = feed(photo("koala.jpg"), 1)
    for name, is_other in (("castle-front.jpg", True), ("koala.jpg", False)):
        query = Image.new("RGB", stored.size)
        left, top, width, height = PHOTO
        query.paste(photo(name).resize((width, height)), (left, top))

        frame = find_known_frame(cells(query), cells(stored), FRAME, details(query, stored))

        assert (frame is not None) is is_other


@pytest.mark.parametrize("app", [feed, player])
def test_screens_with_the_same_photo_are_no_case_of_it(app: Any) -> None:
    stored = app(photo("bee.jpg"), 1)
    copy = stored.resize((stored.width * 4 // 5, stored.height * 4 // 5))

    assert shared(copy.filter(ImageFilter.GaussianBlur(1)), stored) is None
    assert shared(app(photo("bee.jpg"), 2), stored) is None


def test_a_picture_that_was_pasted_onto_a_copy_is_no_content_of_a_frame() -> None:
    for name in BANKED:
        copy = photo(name).copy()
        copy.paste(photo("bee.jpg").resize((copy.width // 2, copy.height // 2)), (20, 20))

        assert shared(copy, photo(name)) is None


def test_strangers_of_one_size_share_nothing() -> None:
    strangers = [photo(name).resize((400, 300)) for name in (*BANKED, *OTHERS)]

    assert [s for s in strangers[1:] if shared(strangers[0], s)] == []


def test_a_picture_that_both_show_beside_another_counts() -> None:
    first, second = photo("bee.jpg"), photo("koala.jpg")

    def chat(one: Image.Image, other: Image.Image) -> Image.Image:
        screen = Image.new("RGB", (500, 800), "#dde3ea")
        screen.paste("#12705a", (0, 0, 500, 70))
        screen.paste(one.resize((300, 220)), (30, 120))
        screen.paste(other.resize((300, 220)), (170, 420))
        return screen

    query, stored = chat(first, second), chat(first, photo("crab.jpg"))
    agreed = Extent(30 / 500, 120 / 800, 330 / 500, 340 / 800)

    assert shared(query, stored, agreed) is None


def test_a_known_frame_needs_no_edges() -> None:
    query, stored = (cells(feed(photo(name), 1)) for name in ("bee.jpg", "koala.jpg"))

    assert find_known_frame(query, stored, FRAME) is not None
    assert find_known_frame(stored, stored, FRAME) is None
    stranger = cells(photo("koala.jpg").resize((540, 800)))
    assert find_known_frame(stranger, stored, FRAME) is None


def test_a_preview_shows_nothing_of_the_content() -> None:
    thumbnails = [make_thumbnail(np.asarray(feed(photo(name), 1))) for name in BANKED[:2]]

    previews = [
        np.asarray(Image.open(BytesIO(draw_preview(thumbnail, FRAME)))) for thumbnail in thumbnails
    ]

    left, top, width, height = (round(352 / 800 * length) for length in PHOTO)
    inside = (slice(top + 12, top + height - 12), slice(left + 12, left + width - 12))
    assert previews[0][inside].std(axis=(0, 1)).max() == 0
    assert np.array_equal(previews[0][inside], previews[1][inside])


# --- the index -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Index four screens of one application in a block bank; not to be changed."""
    index = Index(tmp_path_factory.mktemp("home"))
    folder = tmp_path_factory.mktemp("screens")
    for seed, name in enumerate(BANKED):
        feed(photo(name), seed).save(folder / f"{Path(name).stem}.png")
    index.run_here("init")
    index.run_here("bank", "create", "known")
    index.run_here("index", "add", folder, "--bank", "known")
    return index


@pytest.fixture
def index(filled: Index, tmp_path: Path) -> Index:
    return filled.copy(tmp_path / "home")


def search(index: Index, tmp_path: Path, picture: Image.Image) -> Any:
    path = tmp_path / "query.png"
    picture.save(path)
    return index.run_here("search", path, "--json").json


@pytest.mark.parametrize("pixels", [True, False])
def test_another_screen_of_a_banked_application_is_no_lookalike(
    filled: Index, tmp_path: Path, *, pixels: bool
) -> None:
    asked = replace(filled, extra={"LOOKALIKE_KEEP_THUMBNAILS": str(pixels)})
    for seed, name in enumerate(extent(OTHERS[1:], OTHERS), start=10):
        verdict = search(asked, tmp_path, feed(photo(name), seed))

        assert (verdict["tier"], verdict["matches"]) == ("none", []), name
        assert verdict["nearest"]["template"]["pixels"] is pixels


def test_the_answer_says_what_the_frame_took_away(filled: Index, tmp_path: Path) -> None:
    nearest = search(filled, tmp_path, feed(photo(OTHERS[0]), 10))["nearest"]
    said = filled.run_here("search", tmp_path / "query.png").stdout

    assert nearest["template"]["discount"] > 0
    assert (nearest["template"]["id"], nearest["template"]["seen_in"]) == (None, None)
    assert "the frame (shared) is no evidence" in said


@pytest.mark.parametrize("pixels", [True, False])
@pytest.mark.parametrize("name", extent(BANKED[:1], BANKED))
def test_the_same_photo_matches_in_its_application_in_another_and_alone(
    filled: Index, tmp_path: Path, name: str, *, pixels: bool
) -> None:
    asked = replace(filled, extra={"LOOKALIKE_KEEP_THUMBNAILS": str(pixels)})
    screen = feed(photo(name), 20)
    queries = {
        "same": screen.resize((432, 640)),
        "other": player(photo(name), 21),
        "alone": photo(name),
    }

    for kind, query in queries.items():
        verdict = search(asked, tmp_path, query)
        found = [Path(match["source"]).stem for match in verdict["matches"]]
        assert found[:1] == [Path(name).stem], kind


def test_templates_are_learned_once_and_name_their_images(index: Index, tmp_path: Path) -> None:
    planned = index.run_here("template", "learn", "--dry-run", "--json").json
    assert index.run_here("template", "list", "--json").json == []

    learned = index.run_here("template", "learn", "--json").json

    assert learned == planned == {"images": 4, "templates": 1, "joined": 4}
    [template] = index.run_here("template", "list", "--json").json
    assert (template["state"], template["seen_in"]) == ("found", 4)
    again = index.run_here("template", "learn", "--json").json
    assert again == {"images": 0, "templates": 0, "joined": 0}
    nearest = search(index, tmp_path, feed(photo(OTHERS[0]), 10))["nearest"]
    assert (nearest["template"]["id"], nearest["template"]["seen_in"]) == (template["id"], 4)


def test_new_images_join_a_template_which_keeps_id_and_decision(
    index: Index, tmp_path: Path
) -> None:
    index.run_here("template", "learn")
    before = index.run_here("template", "confirm", 1, "--json").json
    feed(photo("crab.jpg"), 30).save(tmp_path / "crab.png")
    index.run_here("index", "add", tmp_path / "crab.png")

    learned = index.run_here("template", "learn", "--json").json

    assert learned == {"images": 1, "templates": 0, "joined": 1}
    after = index.run_here("template", "show", 1, "--json").json
    assert (after["state"], after["seen_in"]) == ("confirmed", 5)
    assert after["mask"] == before["mask"]
    index.run_here("index", "remove", after["image_id"])
    assert index.run_here("template", "show", 1, "--json").json["seen_in"] == 4


def test_a_rejected_template_discounts_nothing(index: Index, tmp_path: Path) -> None:
    index.run_here("template", "learn")
    query = feed(photo(OTHERS[0]), 10)
    assert search(index, tmp_path, query)["matches"] == []

    index.run_here("template", "reject", 1)

    verdict = search(index, tmp_path, query)
    assert verdict["tier"] != "none"
    assert [match["template"] for match in verdict["matches"]] == [None] * 4
    index.run_here("template", "confirm", 1)
    assert search(index, tmp_path, query)["matches"] == []


def test_stored_screens_of_one_application_are_not_similar(filled: Index) -> None:
    from indexer.matching import open_matcher, similar_images

    with open_store(filled.settings.resolved_database_url) as store:
        matcher = open_matcher(store, filled.settings)
        matches = similar_images(matcher, 1, k=10).matches

    assert [match.image_id for match in matches if match.tier != "none"] == []


def open_learner(index: Index, store: Store) -> TemplateLearner:
    space = bound_space(store)
    view = open_views(store, space, index.settings).embeddings
    view.catch_up()
    return TemplateLearner(store, space, view)


def test_learning_a_few_changes_at_a_time_finds_what_learning_all_at_once_finds(
    index: Index, tmp_path: Path
) -> None:
    feed(photo("crab.jpg"), 30).save(tmp_path / "crab.png")
    photo("koala.jpg").save(tmp_path / "koala.png")
    index.run_here("index", "add", tmp_path)
    with open_store(index.settings.resolved_database_url) as store:
        learner = open_learner(index, store)
        reports = [learner.learn_new(2) for _ in range(12)]
        with store.reader() as catalog:
            [template] = catalog.templates.page()
            lag = catalog.log.head() - catalog.templates.watermark()

    assert (template.seen_in, lag) == (5, 0)
    assert sum(report.joined for report in reports) == 5
    assert reports[-1] == TemplateReport(0, 0, 0)
    assert index.run_here("template", "learn", "--json").json["joined"] == 0


def test_controls_over_photos_that_have_nothing_else_in_common_are_a_template(
    index: Index, tmp_path: Path
) -> None:
    for seed, name in enumerate(BANKED):
        story(photo(name), seed).save(tmp_path / f"{seed}.png")
    index.run_here("index", "add", tmp_path)

    with open_store(index.settings.resolved_database_url) as store:
        report = open_learner(index, store).learn_all()

    assert report.templates == 2
    assert report.joined >= len(BANKED) + LEAST_IMAGES


@pytest.mark.postgres
def test_the_claim_of_learning_is_held_by_one_and_keeps_nobody_from_clustering(
    store: Store,
) -> None:
    with store.learning_templates() as first, store.learning_templates() as second:
        assert (first, second) == (True, False)
        with store.clustering() as free:
            assert free
    with store.learning_templates() as again:
        assert again


def test_one_program_at_a_time_learns(index: Index) -> None:
    with open_store(index.settings.resolved_database_url) as store:
        learner = open_learner(index, store)
        with store.learning_templates() as free:
            assert free
            assert learner.learn_new(100) == TemplateReport(0, 0, 0)
        assert learner.learn_new(100) == TemplateReport(4, 1, 4)


def test_a_server_learns_templates_from_what_is_added(index: Index) -> None:
    logged: list[str] = []
    with index.serve(logged.append) as client:
        until(lambda: client.get("/v1/templates").json()["items"])
        [template] = client.get("/v1/templates").json()["items"]

    assert (template["state"], template["seen_in"]) == ("found", 4)
    assert any("templates learned" in line for line in logged)


@pytest.fixture
def client(index: Index) -> Iterator[httpx.Client]:
    index.run_here("template", "learn")
    with index.serve() as client:
        yield client


def test_the_routes_list_show_preview_and_decide(client: httpx.Client) -> None:
    [template] = client.get("/v1/templates").raise_for_status().json()["items"]
    path = f"/v1/templates/{template['id']}"

    assert client.get(path).json() == template
    preview = client.get(f"{path}/preview")
    assert (preview.headers["content-type"], preview.headers["cache-control"]) == (
        "image/png",
        "no-store",
    )
    assert Image.open(BytesIO(preview.content)).format == "PNG"
    assert client.post(f"{path}/reject").json()["state"] == "rejected"
    assert client.get("/v1/templates", params={"state": "found"}).json()["items"] == []
    upload = {"image": ("q.png", encode(feed(photo(OTHERS[0]), 10), "PNG"))}
    assert client.post("/v1/search", files=upload).json()["tier"] != "none"
    assert client.post(f"{path}/confirm").json()["state"] == "confirmed"
    assert client.post("/v1/search", files=upload).json()["tier"] == "none"
    assert client.get("/v1/templates/99").status_code == HTTPStatus.NOT_FOUND
    assert client.get("/v1/templates/99/preview").status_code == HTTPStatus.NOT_FOUND
