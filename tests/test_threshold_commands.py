"""`lookalike threshold`: calibrating on photos, and what the cards say."""

import shutil
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from support.commands import PHOTOS, Index


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """Index the photos with the smallest model, three of them as entries of a block bank."""
    index = Index(tmp_path_factory.mktemp("built") / "home")
    index.run_here("init", "--model", tiny_model)
    index.run_here("index", "add", PHOTOS)
    named = [PHOTOS / name for name in ("bee.jpg", "crab.jpg", "koala.jpg")]
    index.run_here("bank", "create", "known")
    index.run_here("bank", "add", "known", *named)
    return index.home


@pytest.fixture
def index(built: Path, tmp_path: Path) -> Index:
    """Give each test an index of its own."""
    return Index(shutil.copytree(built, tmp_path / "home"))


def test_a_calibration_puts_a_card_in_force_for_each_signal(index: Index) -> None:
    answers = index.run_here("threshold", "calibrate", "--target", "0.01", "--json").json

    cards = [answer["card"] for answer in answers]
    photos = len(list(PHOTOS.glob("*.jpg")))
    assert [(card["signal"], card["tier"]) for card in cards] == [
        ("pdq", "near_duplicate"),
        ("fused", "lookalike"),
    ]
    for card in cards:
        assert card["background_images"] == photos - 3  # the bank's entries are not innocent
        assert card["reference_count"] == photos - 4
        assert card["unit"] == "comparison"
        assert card["rate_low"] <= card["false_positives"] / card["comparisons"] <= 0.01
    assert cards[0]["value"] <= 31
    assert index.run_here("threshold", "list", "--json").json == cards[::-1]


def test_of_a_tier_every_signal_that_decides_it_is_calibrated(index: Index) -> None:
    answers = index.run_here("threshold", "calibrate", "--tier", "near_duplicate", "--json").json

    assert [answer["card"]["signal"] for answer in answers] == ["pdq", "fused"]


def test_a_dry_run_changes_nothing(index: Index) -> None:
    said = index.run_here("threshold", "calibrate", "--dry-run").stdout

    assert "nothing was changed" in said
    assert "too few to measure a rate of 0.0001 per upload" in said
    assert "do not prove the target" in said
    assert index.run_here("threshold", "list", "--json").json == []


def test_a_bank_s_card_stands_beside_the_one_for_all(index: Index) -> None:
    for_all = index.run_here(
        "threshold", "calibrate", "--signal", "fused", "--tier", "near_duplicate", "--json"
    ).json[0]["card"]
    of_bank = index.run_here(
        "threshold",
        "calibrate",
        *("--signal", "fused", "--tier", "near_duplicate"),
        *("--bank", "known", "--per", "upload", "--json"),
    ).json[0]["card"]

    assert (of_bank["bank"], of_bank["reference_count"], of_bank["unit"]) == ("known", 3, "upload")
    listed = index.run_here("threshold", "list", "--json").json
    assert [card["id"] for card in listed] == [of_bank["id"], for_all["id"]]
    shown = index.run_here(
        "threshold", "show", "--tier", "near_duplicate", "--bank", "known", "--json"
    ).json
    assert shown["card"] == of_bank
    assert index.run_here("threshold", "show", for_all["id"], "--json").json["card"] == for_all


def test_an_answer_cites_the_card_of_its_bound(index: Index, tmp_path: Path) -> None:
    upload = tmp_path / "upload.jpg"
    with Image.open(PHOTOS / "swans.jpg") as photo:
        ImageOps.mirror(photo).save(upload)
    before = index.run_here("search", upload, "--json").json["matches"][0]
    index.run_here("threshold", "calibrate", "--signal", "pdq")

    after = index.run_here("search", upload, "--json").json["matches"][0]

    card = index.run_here("threshold", "list", "--json").json[0]
    assert (before["threshold_source"], before["threshold_card"]) == ("settings", None)
    assert (after["threshold_source"], after["threshold_card"]) == (
        f"card {card['id']}",
        card["id"],
    )
    assert (after["decided_by"], after["threshold"]) == ("pdq", card["value"])


def test_calibrating_again_retires_the_card_before(index: Index) -> None:
    arguments = ("threshold", "calibrate", "--signal", "fused", "--json")
    first, second = (index.run_here(*arguments).json[0]["card"] for _ in range(2))

    assert [card["id"] for card in index.run_here("threshold", "list", "--json").json] == [
        second["id"]
    ]
    retired = index.run_here("threshold", "list", "--all", "--json").json[1]
    assert (retired["id"], bool(retired["retired_at"])) == (first["id"], True)
    assert "retired" in index.run_here("threshold", "show", first["id"]).stdout


def test_a_folder_of_innocent_pictures_is_compared_with_the_gallery(
    index: Index, tmp_path: Path
) -> None:
    folder = tmp_path / "innocent"
    folder.mkdir()
    for name in ("bee.jpg", "swans.jpg", "coffee.jpg"):
        (folder / name).write_bytes((PHOTOS / name).read_bytes())
    (folder / "broken.jpg").write_bytes(b"no picture")

    answer = index.run_here(
        "threshold", "calibrate", "--signal", "fused", "--background", folder, "--json"
    ).json[0]

    photos = len(list(PHOTOS.glob("*.jpg")))
    card = answer["card"]
    assert card["background"] == f"folder {folder}"
    assert card["background_images"] == 3
    assert card["comparisons"] == 3 * (photos - 1)  # none is compared with itself
    assert {pair["query"] for pair in answer["closest"]} <= {"bee.jpg", "swans.jpg", "coffee.jpg"}


def test_a_card_says_what_to_expect_of_other_sources_where_there_are_ten(
    index: Index, tmp_path: Path
) -> None:
    for photo in sorted(PHOTOS.glob("*.jpg"))[:10]:
        (tmp_path / "innocent" / photo.stem).mkdir(parents=True)
        shutil.copy(photo, tmp_path / "innocent" / photo.stem)

    said = index.run_here(
        "threshold", "calibrate", "--signal", "fused", "--background", tmp_path / "innocent"
    ).stdout

    card = index.run_here("threshold", "show", "--json").json["card"]
    assert card["source_count"] == 10
    assert card["prediction_low"] <= card["rate_low"]
    assert card["prediction_high"] >= card["rate_high"]
    told = "other sources: 95 % of collections of 10 sources, as these are, have a rate of"
    for text in (said, index.run_here("threshold", "show").stdout):
        assert told in " ".join(text.split())


def test_a_card_shows_its_histogram_and_what_moving_it_would_do(index: Index) -> None:
    index.run_here("threshold", "calibrate", "--signal", "fused", "--target", "0.01")
    card = index.run_here("threshold", "show", "--json").json

    text = index.run_here("threshold", "show").stdout

    assert f"log-odds of at least {card['card']['value']:g}" in text
    assert f"◄ {card['card']['value']:g}" in text
    assert "█" in text
    reaching = [position["comparisons"] for position in card["positions"]]
    values = [position["value"] for position in card["positions"]]
    assert reaching == sorted(reaching, reverse=True)
    assert values == sorted(values)
    assert {position["found"] for position in card["positions"]} == {None}


def test_known_copies_say_what_moving_a_threshold_would_find(index: Index, tmp_path: Path) -> None:
    copy = tmp_path / "copy.jpg"
    copy.write_bytes((PHOTOS / "bee.jpg").read_bytes() + b"trailing")
    index.run_here("index", "add", copy)
    entry = index.run_here("search", PHOTOS / "bee.jpg", "--json").json["hits"][0]
    index.run_here("decision", "add", copy, "--entry", entry, "--outcome", "confirmed")
    index.run_here("threshold", "calibrate", "--target", "0.01")

    for signal in ("pdq", "fused"):
        shown = index.run_here("threshold", "show", "--signal", signal, "--json").json
        assert shown["copies"] == 1
        assert {position["found"] for position in shown["positions"]} == {1}


def test_the_positions_of_pdq_go_by_bits(index: Index) -> None:
    index.run_here("threshold", "calibrate", "--signal", "pdq")

    positions = index.run_here("threshold", "show", "--signal", "pdq", "--json").json["positions"]

    assert [position["value"] for position in positions] == [21, 27, 29, 31, 33, 35, 41]
    assert "at most 31 bits" in index.run_here("threshold", "show", "--signal", "pdq").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["calibrate", "--target", "0.5"], 2, "target rate"),
        (["calibrate", "--signal", "pdq", "--tier", "lookalike"], 2, "decides near_duplicate"),
        (["calibrate", "--signal", "embedding"], 2, "'embedding' is not one of"),
        (["calibrate", "--bank", "knwon"], 4, "knwon"),
        (["calibrate", "--background", "nowhere"], 2, "nowhere"),
        (["show", "7"], 4, "no threshold card 7"),
        (["show"], 4, "setting holds"),
    ],
)
def test_what_cannot_be_done_is_said(
    index: Index, arguments: list[str], code: int, message: str
) -> None:
    assert message in index.run_here("threshold", *arguments, code=code).stderr


def test_a_bank_without_pictures_has_no_embedding_to_calibrate(index: Index) -> None:
    index.run_here("bank", "create", "hashes")
    index.run_here("bank", "add", "hashes", "--fingerprint", f"pdq {'0123456789abcdef' * 4}")

    refused = index.run_here(
        "threshold", "calibrate", "--bank", "hashes", "--signal", "fused", code=2
    )
    card = index.run_here(
        "threshold", "calibrate", "--bank", "hashes", "--signal", "pdq", "--json"
    ).json[0]["card"]

    assert "no enabled entry" in refused.stderr
    assert card["reference_count"] == 1
