"""Linear probe: logistic regression on a frozen network's features, calibrated."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_expit, log_softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from indexer.classification.data_split import folds

STRENGTHS: Final = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # C of scikit-learn: large trusts the data more
_DEFAULT_STRENGTH: Final = 1e-2  # where there are too few groups to choose
_FOLDS: Final = 3
_MOST_ROWS: Final = 3_000  # from which C and temperature are chosen on a sample
_ITERATIONS: Final = 100
_TOLERANCE: Final = 1e-3
_LEAST_DEVIATION: Final = 0.05  # of the median input; what varies less may do so elsewhere
_LOG_TEMPERATURES: Final = (-2.0, 3.0)


@dataclass(frozen=True, slots=True)
class Probe:
    """A linear layer on raw inputs, and how it was chosen."""

    weight: NDArray[np.float32]  # (classes, inputs); the temperature is within
    bias: NDArray[np.float32]  # (classes,)
    strength: float  # C of scikit-learn
    temperature: float  # by which the logits were divided; 1 where it could not be measured
    log_loss: float | None  # mean, of images held out in turn; None without such folds

    def logits(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the logits (n, classes) of n rows of inputs."""
        found: NDArray[np.float32] = inputs @ self.weight.T + self.bias
        return found


def fit_probe(  # noqa: PLR0913 -- the data, and how
    inputs: NDArray[np.float32],
    targets: NDArray[np.bool_],
    groups: NDArray[np.int64],
    *,
    multi_label: bool,
    seed: int,
    strengths: Sequence[float] = STRENGTHS,
    on_fit: Callable[[int, int], None] = lambda _done, _all: None,
) -> Probe:
    """Fit a probe to n images.

    The strength of the L2 penalty is the one with the least log-loss on images held out in turn, by
    groups; the temperature that calibrates the probabilities (Guo et al. 2017) is fitted to the
    same held-out logits.

    Parameters
    ----------
    inputs : ndarray of shape (n, d), float32
    targets : ndarray of shape (n, classes), bool
    groups : ndarray of shape (n,), int64
        Images of one group are held out together.
    multi_label : bool
        One regression for each class instead of one over all.
    seed : int
    strengths : sequence of float
        Those to choose from, as C of scikit-learn.
    on_fit : callable
        Told the number of regressions done, and of all.
    """
    scale = _Scale.of(inputs)
    scaled = scale(inputs)
    sample = np.random.default_rng(seed).permutation(len(inputs))[:_MOST_ROWS]
    parts = folds(targets[sample], groups[sample], seed, _FOLDS)
    total = len(parts) * len(strengths) + 1
    strength, temperature, loss, done = _DEFAULT_STRENGTH, 1.0, None, 0
    if len(strengths) == 1:
        [strength] = strengths
    if parts:
        best = np.inf
        for candidate in strengths:
            held_out = np.zeros((len(sample), targets.shape[1]))
            for fit, held in parts:
                layer = _regress(
                    scaled[sample[fit]], targets[sample[fit]], candidate, multi_label=multi_label
                )
                held_out[held] = _apply(layer, scaled[sample[held]])
                done += 1
                on_fit(done, total)
            found = fit_temperature(held_out, targets[sample], multi_label=multi_label)
            now = log_loss(held_out / found, targets[sample], multi_label=multi_label)
            if now < best:
                best, strength, temperature, loss = now, candidate, found, now
    weight, bias = _regress(scaled, targets, strength, multi_label=multi_label)
    on_fit(total, total)
    weight = weight / scale.deviation / temperature
    bias = bias / temperature - weight @ scale.mean
    return Probe(weight.astype(np.float32), bias.astype(np.float32), strength, temperature, loss)


def fit_temperature(
    logits: NDArray[np.float64], targets: NDArray[np.bool_], *, multi_label: bool
) -> float:
    """Return the number to divide logits (n, classes) by that makes the log-loss least."""
    found = minimize_scalar(
        lambda power: log_loss(logits / np.exp(power), targets, multi_label=multi_label),
        bounds=_LOG_TEMPERATURES,
        method="bounded",
    )
    return float(np.exp(found.x))


def log_loss(
    logits: NDArray[np.float64], targets: NDArray[np.bool_], *, multi_label: bool
) -> float:
    """Return the mean log-loss in nats of logits (n, classes): by image, or by image and class."""
    if multi_label:
        return float(-log_expit(np.where(targets, logits, -logits)).mean())
    return float(-log_softmax(logits, axis=1)[targets].mean())


def probabilities(logits: NDArray[np.float64], *, multi_label: bool) -> NDArray[np.float64]:
    """Return the probabilities (n, classes) of logits."""
    values = expit(logits) if multi_label else np.exp(log_softmax(logits, axis=1))
    return np.asarray(values, np.float64)


@dataclass(frozen=True, slots=True)
class _Scale:
    """Brings inputs to mean 0 and deviation 1."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]

    @classmethod
    def of(cls, inputs: NDArray[np.float32]) -> "_Scale":
        deviation = inputs.std(axis=0, dtype=np.float64)
        deviation = np.maximum(deviation, _LEAST_DEVIATION * np.median(deviation))
        deviation[deviation == 0] = 1.0
        return cls(inputs.mean(axis=0, dtype=np.float64), deviation)

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        return ((inputs - self.mean) / self.deviation).astype(np.float32)


_Layer = tuple[NDArray[np.float64], NDArray[np.float64]]  # (classes, d) and (classes,)


def _regress(
    inputs: NDArray[np.float32],
    targets: NDArray[np.bool_],
    strength: float,
    *,
    multi_label: bool,
) -> _Layer:
    if not multi_label:
        return _softmax_layer(inputs, targets, strength)
    layers = [_binary_layer(inputs, column, strength) for column in targets.T]
    return np.stack([each[0] for each in layers]), np.array([each[1] for each in layers])


def _softmax_layer(
    inputs: NDArray[np.float32], targets: NDArray[np.bool_], strength: float
) -> _Layer:
    model = _fit(strength, inputs, targets.argmax(axis=1))
    weight, bias = model.coef_.astype(np.float64), model.intercept_.astype(np.float64)
    if len(weight) == 1:  # of two classes scikit-learn gives the log-odds of the second
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    if len(weight) == targets.shape[1]:
        return weight, bias
    full = np.zeros((targets.shape[1], inputs.shape[1])), np.full(targets.shape[1], bias.min())
    full[0][model.classes_], full[1][model.classes_] = weight, bias  # a fold may lack a class
    return full


def _binary_layer(
    inputs: NDArray[np.float32], column: NDArray[np.bool_], strength: float
) -> tuple[NDArray[np.float64], float]:
    share = np.clip(column.mean(), 0.5 / len(column), 1 - 0.5 / len(column))
    if column.all() or not column.any():
        return np.zeros(inputs.shape[1]), float(np.log(share / (1 - share)))
    model = _fit(strength, inputs, column)
    return model.coef_[0].astype(np.float64), float(model.intercept_[0])


def _fit(strength: float, inputs: NDArray[np.float32], classes: NDArray[Any]) -> Any:
    """Fit one regression; where its steps end before it has settled, it is near enough."""
    model = LogisticRegression(C=strength, max_iter=_ITERATIONS, tol=_TOLERANCE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(inputs, classes)


def _apply(layer: _Layer, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
    weight, bias = layer
    return np.asarray(inputs @ weight.T + bias, np.float64)
