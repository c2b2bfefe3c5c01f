"""Trained model: what a training made, of what, and how good it is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypedDict, Unpack

import numpy as np

from indexer.classification.class_metrics import Evaluation, Scores, evaluate_scores
from indexer.classification.data_split import Rows
from indexer.classification.mistakes import Mistake, held_out_mistakes
from indexer.classification.model_card_file import CardFacts, DataFacts, digest_of
from indexer.classification.training_set import TrainingSet
from indexer.types import SkippedSource

OnStage = Callable[[str, int, int | None, str], None]
"""Told what is being done, how much of it is, of how much, and what else there is to tell."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """How good a classifier was at one moment of its training."""

    at: int  # training images, or epochs
    loss: float | None  # mean log-loss in training
    held_out_loss: float
    held_out_accuracy: float


@dataclass(frozen=True, slots=True)
class HeldOutFigures:
    """How good a classifier is on the images held out."""

    evaluation: Evaluation
    mistakes: list[Mistake]
    skipped: tuple[SkippedSource, ...]  # files that neither trained nor tested it

    @classmethod
    def of(cls, scores: Scores, labelled: TrainingSet, test: Rows, *, multi_label: bool) -> Self:
        """Measure the probabilities, of shape (n, classes), of the n images held out."""
        evaluation = evaluate_scores(
            scores,
            labelled.targets[test],
            labelled.classes,
            labelled.groups[test],
            multi_label=multi_label,
        )
        mistakes = held_out_mistakes(scores, labelled, test, multi_label=multi_label)
        return cls(evaluation, mistakes, labelled.skipped)


class _Others(TypedDict):
    folder: Path
    classifier: str
    space: str
    curve: list[CurvePoint]
    curve_unit: str
    seconds: float


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A model folder that was trained, and how good it is on the images held out."""

    folder: Path
    classifier: str
    depth: str
    base: str  # reference of the model that it was made of
    space: str  # fingerprint
    same_space: bool  # as the base's: an index keeps its embeddings
    recipe: dict[str, object]
    data: DataFacts
    evaluation: Evaluation
    curve: list[CurvePoint]
    curve_unit: str  # of `at`: images or epochs
    skipped: tuple[SkippedSource, ...]
    mistakes: list[Mistake]
    seconds: float

    @classmethod
    def of(cls, card: CardFacts, held_out: HeldOutFigures, **others: Unpack[_Others]) -> Self:
        """Put together what a card says, what was measured, and the other fields."""
        return cls(
            depth=card.depth,
            base=card.base.reference,
            same_space=card.same_space,
            recipe=card.recipe,
            data=card.data,
            evaluation=held_out.evaluation,
            skipped=held_out.skipped,
            mistakes=held_out.mistakes,
            **others,
        )


def describe(labelled: TrainingSet, test: Rows) -> DataFacts:
    """Return what a card says of the images."""

    def counts(rows: Rows) -> dict[str, int]:
        return dict(zip(labelled.classes, labelled.targets[rows].sum(axis=0).tolist(), strict=True))

    return DataFacts(
        images=len(labelled),
        by_class=counts(np.arange(len(labelled))),
        test_by_class=counts(test),
        groups=len(np.unique(labelled.groups)),
        duplicates=labelled.duplicates,
        skipped=len(labelled.skipped),
        sha256=digest_of(labelled.sha256),
        from_index=labelled.from_index,
    )
