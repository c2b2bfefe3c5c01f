"""Figures of classifiers: against scikit-learn, from images, from scores, side by side."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score, log_loss

from indexer.classification.class_metrics import average_precision, evaluate_scores
from indexer.classification.data_split import hold_out
from indexer.classification.image_groups import group_images
from indexer.classification.probe_fit import fit_probe, probabilities
from indexer.images.fingerprints import pdq_orientations
from support.commands import PHOTOS, Index
from support.labelled import draw, make_folder

RANDOM = np.random.default_rng(0)


def made_up(count: int = 400, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities that are right more often than not, and the truth as one-hot rows."""
    truth = RANDOM.integers(0, classes, count)
    logits = RANDOM.normal(size=(count, classes))
    logits[np.arange(count), truth] += 1.2
    return probabilities(logits, multi_label=False), np.eye(classes, dtype=bool)[truth]


def test_figures_are_those_of_scikit_learn() -> None:
    scores, targets = made_up()
    found = evaluate_scores(scores, targets, "abc", np.arange(400), multi_label=False)
    answers = scores.argmax(axis=1)

    precisions = [average_precision_score(t, s) for t, s in zip(targets.T, scores.T, strict=True)]
    assert found.mean_average_precision.value == pytest.approx(np.mean(precisions))
    assert found.accuracy.share == pytest.approx((answers == targets.argmax(axis=1)).mean())
    assert found.macro_f1 == pytest.approx(f1_score(targets.argmax(1), answers, average="macro"))
    assert found.calibration.log_loss == pytest.approx(log_loss(targets.argmax(axis=1), scores))
    brier = sum(brier_score_loss(t, s) for t, s in zip(targets.T, scores.T, strict=True))
    assert found.calibration.brier == pytest.approx(brier)
    assert (
        found.mean_average_precision.low < np.mean(precisions) < found.mean_average_precision.high
    )


def test_equal_scores_count_together() -> None:
    scores = np.round(RANDOM.random(300), 1)
    positive = RANDOM.random(300) < scores

    assert average_precision(scores, positive) == pytest.approx(
        average_precision_score(positive, scores)
    )


def test_a_bound_keeps_to_its_rate_and_the_next_one_below_does_not() -> None:
    scores, targets = made_up(2_000)
    found = evaluate_scores(scores, targets, "abc", np.arange(2_000), multi_label=False)

    for number, each in enumerate(found.classes):
        for bound in each.bounds:
            negatives = scores[~targets[:, number], number]
            assert bound.threshold is not None
            assert (negatives >= bound.threshold).mean() <= bound.target
            below = np.sort(scores[scores[:, number] < bound.threshold, number])[-1]
            assert (negatives >= below).mean() > bound.target - 1 / len(negatives)
            rate = bound.false_positives
            assert rate.low <= rate.share <= rate.high


def test_calibrated_probabilities_hold_and_overconfident_ones_do_not() -> None:
    logits = RANDOM.normal(size=(4_000, 2)) * 2
    chances = probabilities(logits, multi_label=False)
    truth = np.eye(2, dtype=bool)[(RANDOM.random(4_000) < chances[:, 1]).astype(int)]
    sure = probabilities(logits * 4, multi_label=False)

    def error(scores: np.ndarray) -> float:
        groups = np.arange(4_000)
        found = evaluate_scores(scores, truth, "ab", groups, multi_label=False)
        return found.calibration.ece

    assert error(chances) < 0.03
    assert error(sure) > 0.08


def test_a_class_that_no_image_is_of_is_a_wrong_answer_with_its_confidence() -> None:
    scores = np.array([[0.3, 0.1], [0.1, 0.8]])
    truth = np.eye(2, dtype=bool)
    groups, elsewhere = np.arange(2), np.array([0.6, 0.1])

    found = evaluate_scores(scores, truth, "ab", groups, multi_label=False, elsewhere=elsewhere)

    assert found.accuracy.share == 0.5
    assert found.calibration.ece == pytest.approx((0.6 + 0.2) / 2)
    assert [each.confidence for each in found.calibration.bins] == [0.6, 0.8]


def test_the_probabilities_of_a_probe_are_calibrated_where_it_cannot_be_sure() -> None:
    inputs = RANDOM.normal(size=(1_500, 40)).astype(np.float32)
    chances = 1 / (1 + np.exp(-inputs[:, 0] - 0.5 * inputs[:, 1]))
    targets = np.eye(2, dtype=bool)[(RANDOM.random(1_500) < chances).astype(int)]
    groups = np.arange(1_500)

    probe = fit_probe(inputs[:1000], targets[:1000], groups[:1000], multi_label=False, seed=0)
    scores = probabilities(probe.logits(inputs[1000:]).astype(float), multi_label=False)

    found = evaluate_scores(scores, targets[1000:], "ab", groups[1000:], multi_label=False)
    assert found.calibration.ece < 0.06
    assert np.abs(scores[:, 1] - chances[1000:]).mean() < 0.1


def test_near_duplicates_and_images_of_one_origin_stay_together() -> None:
    pictures = [draw(number) for number in range(30)]
    pictures += [each.resize((120, 120)).rotate(90) for each in pictures[:10]]
    hashes = [pdq_orientations(np.asarray(each)) for each in pictures]
    origins = [None] * 40
    origins[20:25] = ["a maker"] * 5

    groups = group_images(
        np.stack([each.bits for each in hashes]), np.ones(40, bool), origins, reach=31
    )
    targets = np.eye(2, dtype=bool)[np.arange(40) % 2]

    assert (groups[:10] == groups[30:]).all()
    assert len(set(groups[20:25])) == 1
    assert len(set(groups)) == 26
    for seed in range(5):
        fit, test = hold_out(targets, groups, "ab", seed)
        assert not set(groups[fit]) & set(groups[test])
        assert len(fit) + len(test) == 40


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    return Index(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory, index: Index) -> tuple[Path, Path]:
    """Make labelled images, and a model that was trained on them."""
    root = tmp_path_factory.mktemp("evaluate")
    place, out = make_folder(root / "media", 8), root / "model"
    index.run_here("model", "train", place, "--out", out)
    return place, out


def test_scores_can_be_evaluated_where_no_image_is(
    places: tuple[Path, Path], index: Index, tmp_path: Path
) -> None:
    place, model = places
    file, report = tmp_path / "scores.csv", tmp_path / "report.html"
    asked = index.run_here(
        "model", "evaluate", place, "--model", model, "--scores", file, "--report", report, "--json"
    )

    again = index.run_here("model", "evaluate", file, "--json")

    one, other = asked.json["evaluation"], again.json["evaluation"]
    assert one["accuracy"] == other["accuracy"]
    assert one["images"] == other["images"] == 16
    assert one["groups"] == other["groups"]
    assert ".png" not in asked.stdout + file.read_text()
    assert not re.search(r"(src|href)=\"(?!data:)", report.read_text())


def test_classes_of_the_model_may_stand_for_a_label(
    places: tuple[Path, Path], index: Index
) -> None:
    refused = index.run_here("model", "evaluate", places[0], code=2)
    found = index.run_here(
        *("model", "evaluate", places[0], "--json"),
        *("--class", "drawing=Drawing,Hentai", "--class", "photo=Neutral,Porn,Sexy"),
    ).json["evaluation"]

    assert "has no class 'drawing'; its classes are Drawing, Hentai" in refused.stderr
    assert [each["label"] for each in found["classes"]] == ["drawing", "photo"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label,a\na,1\n", "at least 2 classes"),
        ("label,a,b\na,1,x\n", ":2 has no probability from 0 to 1 for 'b', but 'x'"),
        ("label,a,b\nc,1,0\n", ":2 has the label 'c', which no column is named after"),
        ("label,a,b\na,1,0\na,1,0\n", "has fewer than 2 rows of b"),
    ],
)
def test_invalid_scores_are_refused_with_their_line(
    index: Index, tmp_path: Path, text: str, message: str
) -> None:
    file = tmp_path / "scores.csv"
    file.write_text(text)

    done = index.run_here("model", "evaluate", file, code=2)

    assert message in done.stderr.replace("\n", " ")


@pytest.mark.long
def test_two_models_are_compared_on_the_same_images(
    places: tuple[Path, Path], index: Index, tmp_path: Path
) -> None:
    place, model = places
    other = tmp_path / "other"
    index.run_here("model", "train", place, "--out", other, "--input", "embedding")

    benchmark = make_benchmark(tmp_path / "benchmark")
    options = ("--benchmark", benchmark)

    found = index.run_here("model", "compare", model, other, place, *options, "--json").json
    printed = index.run_here("model", "compare", model, other, place).stdout

    assert [each["mu_ap"] for each in found["models"]] == [1, 1]  # both have the base's embeddings
    assert "muAP" not in printed
    assert [each["model"] for each in found["models"]] == [str(model), str(other)]
    assert found["images"] == 16
    assert 0 <= found["agreement"] <= 1
    assert all(each["milliseconds"] > 0 and each["bytes"] > 1e7 for each in found["models"])
    assert "B is right" in printed


def make_benchmark(folder: Path) -> Path:
    """Write two photos, a mirrored copy of one of them, and a photo that is no copy."""
    for name in ("refs", "queries"):
        (folder / name).mkdir(parents=True)
    for name in ("bee", "koala"):
        shutil.copy(PHOTOS / f"{name}.jpg", folder / "refs")
    with Image.open(PHOTOS / "bee.jpg") as photo:
        ImageOps.mirror(photo).save(folder / "queries" / "mirrored.jpg")
    shutil.copy(PHOTOS / "camels.jpg", folder / "queries")
    (folder / "ground_truth.csv").write_text(
        "query_path,reference_path,transform\n"
        "queries/mirrored.jpg,refs/bee.jpg,mirror\n"
        "queries/camels.jpg,,none\n"
    )
    return folder
