"""Model card in Markdown: what a trained classifier was made of, how good it is, and its limits."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from indexer.classification.class_metrics import Evaluation, Share
from indexer.model import ModelCard

MODEL_CARD: Final = "MODEL_CARD.md"


@dataclass(frozen=True, slots=True)
class DataFacts:
    """What is told of the images, none of which can be known from it."""

    images: int
    by_class: dict[str, int]
    test_by_class: dict[str, int]
    groups: int
    duplicates: int
    skipped: int
    sha256: str  # of the sorted digests of all images, one a line in hex
    from_index: bool


@dataclass(frozen=True, slots=True)
class CardFacts:
    """All that a card says besides figures."""

    name: str
    depth: str
    base: ModelCard
    same_space: bool
    recipe: dict[str, object]
    data: DataFacts


def digest_of(digests: Iterable[bytes]) -> str:
    """Return the SHA-256 of the sorted digests of images, one a line in hexadecimal."""
    lines = "".join(f"{digest.hex()}\n" for digest in sorted(digests))
    return hashlib.sha256(lines.encode()).hexdigest()


def write_model_card(facts: CardFacts, evaluation: Evaluation, folder: Path) -> None:
    """Write MODEL_CARD.md into a folder."""
    text = "\n".join(_lines(facts, evaluation)) + "\n"
    (folder / MODEL_CARD).write_text(text, encoding="utf-8")


def _lines(facts: CardFacts, evaluation: Evaluation) -> Iterator[str]:
    base, data = facts.base, facts.data
    yield f"# {facts.name}"
    yield ""
    kind = "multi-label classifier" if evaluation.multi_label else "classifier"
    yield (
        f"A {kind} of {len(data.by_class)} classes, trained by `lookalike model train "
        f"--depth {facts.depth}` on {datetime.now(UTC):%Y-%m-%d}."
    )
    yield ""
    yield from _table(
        ("", ""),
        [
            ("base", f"{base.architecture}, weights SHA-256 `{base.weights_sha256}`"),
            ("base's licence", base.licence or "not stated by its config.json"),
            ("embedding space", "the base's" if facts.same_space else "its own"),
            *((name, str(value)) for name, value in facts.recipe.items()),
        ],
    )
    yield ""
    yield "## Data"
    yield ""
    yield (
        f"{data.images} different images"
        f"{' of an index' if data.from_index else ''} in {data.groups} groups (near-duplicates and "
        "images of one origin); no group is in both training and test. "
        f"{data.duplicates} duplicates and {data.skipped} unusable files were left out. SHA-256 of "
        f"the sorted digests: `{data.sha256}`."
    )
    yield ""
    yield from _table(
        ("class", "images", "of them held out"),
        [
            (label, str(count), str(data.test_by_class[label]))
            for label, count in data.by_class.items()
        ],
    )
    yield ""
    yield (
        "Origin and licence of the images: **not stated; fill in before sharing the model.** Of "
        "the base's own training data this program knows what the base's documentation says."
    )
    yield ""
    yield "## Figures"
    yield ""
    yield f"On the {evaluation.images} images held out, with 95 % intervals:"
    yield ""
    mean = evaluation.mean_average_precision
    yield from _table(
        ("", ""),
        [
            ("accuracy", _share(evaluation.accuracy)),
            ("always the commonest answer", f"{evaluation.majority_accuracy:.3f}"),
            ("balanced accuracy", f"{evaluation.balanced_accuracy:.3f}"),
            ("mean average precision", f"{mean.value:.3f} ({mean.low:.3f} to {mean.high:.3f})"),
            ("calibration error (ECE)", f"{evaluation.calibration.ece:.3f}"),
            ("log-loss", f"{evaluation.calibration.log_loss:.3f}"),
        ],
    )
    yield ""
    yield from _table(
        ("class", "images", "average precision", "AUROC", "precision", "recall"),
        [
            (
                each.label,
                str(each.positives),
                f"{each.average_precision:.3f}",
                f"{each.auroc:.3f}",
                "" if each.precision is None else f"{each.precision:.3f}",
                f"{each.recall:.3f}",
            )
            for each in evaluation.classes
        ],
    )
    yield ""
    yield "## Limits"
    yield ""
    yield (
        "- The figures hold for images like those above; on others, measure with `lookalike model "
        "evaluate`."
    )
    yield (
        "- Groups are known by PDQ within 31 bits and by stated origins. Images that share a style "
        "or a maker without that may be in both training and test, and flatter the figures."
    )
    yield "- A class that is not listed is answered with one that is."
    if facts.depth == "full":
        yield (
            "- The copy descriptor was fitted to the base's network. Fit it again with `lookalike "
            "model train-descriptor` before searching with this model."
        )


def _share(share: Share) -> str:
    return f"{share.share:.3f} ({share.low:.3f} to {share.high:.3f})"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(cell.replace('|', '/').replace(chr(10), ' ') for cell in row)} |"
