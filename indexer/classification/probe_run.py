"""Training of a probe, from labelled images or an index to a model folder."""

from pathlib import Path
from time import perf_counter
from typing import Final

import numpy as np

from indexer.classification.data_split import Rows, hold_out
from indexer.classification.model_card_file import CardFacts, write_model_card
from indexer.classification.model_folder import new_folder
from indexer.classification.probe_fit import Probe, fit_probe, log_loss, probabilities
from indexer.classification.trained_model import (
    CurvePoint,
    HeldOutFigures,
    OnStage,
    TrainedModel,
    describe,
)
from indexer.classification.training_set import TrainingSet
from indexer.model import (
    LinearClassifier,
    ModelCard,
    required_fit,
    resolve,
    write_classifier,
)

_SHARES: Final = (0.25, 0.5, 0.75)  # of the training groups, for the learning curve
_CURVE_ROWS: Final = 5_000  # above so many images the curve costs too much


def train_probe(
    labelled: TrainingSet,
    base: ModelCard,
    out: Path,
    *,
    multi_label: bool,
    seed: int,
    on_stage: OnStage = lambda _what, _done, _all, _detail: None,
) -> TrainedModel:
    """Fit a probe, measure it on images held out, and write the model with it.

    Parameters
    ----------
    labelled : TrainingSet
    base : ModelCard
        Of the model whose network made the inputs.
    out : Path
        Folder to make.
    multi_label : bool
    seed : int
    on_stage : callable
        Told what is being done, how much of it is, and of how much.

    Raises
    ------
    InputError
        The images cannot be divided into training and test, or `out` cannot be written.
    """
    begun = perf_counter()
    fit, test = hold_out(labelled.targets, labelled.groups, labelled.classes, seed)
    probe = fit_probe(
        labelled.inputs[fit],
        labelled.targets[fit],
        labelled.groups[fit],
        multi_label=multi_label,
        seed=seed,
        on_fit=lambda done, total: on_stage("fitting", done, total, ""),
    )
    curve = _curve(labelled, fit, test, probe, multi_label=multi_label, seed=seed)
    on_stage("measuring", 0, None, "")
    logits = probe.logits(labelled.inputs[test]).astype(np.float64)
    scores = probabilities(logits, multi_label=multi_label)
    held_out = HeldOutFigures.of(scores, labelled, test, multi_label=multi_label)
    recipe = _recipe(labelled, probe, seed)
    classifier = LinearClassifier(
        name=out.name,
        labels=labelled.classes,
        multi_label=multi_label,
        input=labelled.input,
        fits=required_fit(labelled.input, base),
        weight=probe.weight,
        bias=probe.bias,
        training=recipe,
    )
    card = CardFacts(
        *(out.name, "probe", base),
        same_space=True,
        recipe=recipe,
        data=describe(labelled, test),
    )
    with new_folder(resolve(base.reference), out, without=frozenset()) as folder:
        write_classifier(classifier, folder)
        write_model_card(card, held_out.evaluation, folder.path)
    return TrainedModel.of(
        card,
        held_out,
        folder=out.absolute(),
        classifier=classifier.title,
        space=base.fingerprint,
        curve=curve,
        curve_unit="images",
        seconds=perf_counter() - begun,
    )


def _recipe(labelled: TrainingSet, probe: Probe, seed: int) -> dict[str, object]:
    return {
        "input": labelled.input.value,
        "inputs": labelled.inputs.shape[1],
        "strength": probe.strength,
        "temperature": round(probe.temperature, 4),
        "seed": seed,
    }


def _curve(
    labelled: TrainingSet, fit: Rows, test: Rows, probe: Probe, *, multi_label: bool, seed: int
) -> list[CurvePoint]:
    """Fit to growing shares of the training groups, with the strength that was chosen."""
    points = []
    order = np.random.default_rng(seed).permutation(np.unique(labelled.groups[fit]))
    for share in _SHARES if len(fit) <= _CURVE_ROWS else ():
        chosen = np.isin(labelled.groups[fit], order[: max(1, round(share * len(order)))])
        rows = fit[chosen]
        if not labelled.targets[rows].any(axis=0).all():
            continue  # too few groups to have every class
        part = fit_probe(
            labelled.inputs[rows],
            labelled.targets[rows],
            labelled.groups[rows],
            multi_label=multi_label,
            seed=seed,
            strengths=(probe.strength,),
        )
        points.append(_point(len(rows), part, labelled, rows, test, multi_label=multi_label))
    points.append(_point(len(fit), probe, labelled, fit, test, multi_label=multi_label))
    return points


def _point(
    at: int, probe: Probe, labelled: TrainingSet, fit: Rows, test: Rows, *, multi_label: bool
) -> CurvePoint:
    def loss(rows: Rows) -> float:
        logits = probe.logits(labelled.inputs[rows]).astype(np.float64)
        return log_loss(logits, labelled.targets[rows], multi_label=multi_label)

    logits = probe.logits(labelled.inputs[test])
    if multi_label:
        right = ((logits >= 0) == labelled.targets[test]).all(axis=1)
    else:
        right = labelled.targets[test][np.arange(len(test)), logits.argmax(axis=1)]
    return CurvePoint(at, loss(fit), loss(test), float(right.mean()))
