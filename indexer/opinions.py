"""Opinions: what further classifiers say of a picture, beside the index's own model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from indexer.errors import SettingsError
from indexer.model import Encoder, load_encoder
from indexer.model.onnx_classifier import OnnxClassifier, built_in
from indexer.settings import Settings
from indexer.types import Opinion, Probabilities, Rgb

_LIKELY: Final = 0.5  # share of the unsafe classes from which a classifier calls a picture unsafe


@dataclass(frozen=True, slots=True)
class _Classifier:
    """A further classifier, by the name that the settings give it."""

    name: str
    labels: tuple[str, ...]
    decode_size: tuple[int, int]
    probabilities: Callable[[Rgb], Probabilities]


class Opinions:
    """Asks further classifiers about pictures; safe to use from several threads.

    Parameters
    ----------
    classifiers : sequence
    unsafe : collection of str
        Classes, in lower case, that stand for unsafe content in any model.
    """

    def __init__(
        self, classifiers: Sequence[_Classifier] = (), unsafe: frozenset[str] = frozenset()
    ) -> None:
        self._classifiers = classifiers
        self._unsafe = unsafe

    def decode_size(self, enough: tuple[int, int]) -> tuple[int, int]:
        """Return the width and height of a picture that are enough for all, and at least these."""
        sizes = [enough, *(each.decode_size for each in self._classifiers)]
        return max(width for width, _ in sizes), max(height for _, height in sizes)

    def ask(self, rgb: Rgb) -> tuple[Opinion, ...]:
        """Return what each classifier says of a picture, in the order of the settings.

        Raises
        ------
        UnreadableImage
            The picture is too thin for one of them.
        UnusableOutput
            One of them gives no finite answer.
        """
        return tuple(self._ask(each, rgb) for each in self._classifiers)

    def _ask(self, classifier: _Classifier, rgb: Rgb) -> Opinion:
        values = classifier.probabilities(rgb).tolist()
        named = dict(zip(classifier.labels, values, strict=True))
        return Opinion(classifier.name, named, self._unsafe_share(named))

    def disagree(self, own: Mapping[str, float], opinions: Sequence[Opinion]) -> bool:
        """Return whether some classifiers call a picture unsafe and others do not.

        A classifier without a class that stands for unsafe content has no say.

        Parameters
        ----------
        own : mapping of str to float
            Probabilities of the index's own model, by label.
        opinions : sequence of Opinion
        """
        shares = [self._unsafe_share(own), *(each.unsafe for each in opinions)]
        return len({share >= _LIKELY for share in shares if share is not None}) > 1

    def _unsafe_share(self, probabilities: Mapping[str, float]) -> float | None:
        found = [p for label, p in probabilities.items() if label.lower() in self._unsafe]
        return min(1.0, sum(found)) if found else None


def load_opinions(settings: Settings) -> Opinions:
    """Load the further classifiers that the settings name; none by default.

    Raises
    ------
    SettingsError
        An entry is empty or named twice.
    NotFoundError, InvalidModel, UnavailableError
        A classifier cannot be found or used.
    """
    entries = settings.opinions
    references = [] if entries is None else [each.strip() for each in entries.split(",")]
    if "" in references:
        raise SettingsError(
            f"LOOKALIKE_OPINIONS={entries!r} has an empty entry. Separate classifiers by single "
            "commas, or leave it unset."
        )
    names = [_name_of(reference) for reference in references]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise SettingsError(f"LOOKALIKE_OPINIONS names two classifiers {twice!r}. Rename one.")
    unsafe = frozenset(each.strip().lower() for each in settings.unsafe_classes.split(","))
    classifiers = [
        _load(name, reference, settings) for name, reference in zip(names, references, strict=True)
    ]
    return Opinions(classifiers, unsafe)


def _name_of(reference: str) -> str:
    """Return `open_nsfw` of itself, `adult` of `models/adult.json`, `owner/name` of a hub id."""
    if reference.startswith("hf-hub:"):
        return reference.removeprefix("hf-hub:")
    return Path(reference).stem if reference.endswith(".json") else Path(reference).name


def _load(name: str, reference: str, settings: Settings) -> _Classifier:
    path = Path(reference) if reference.endswith(".json") else built_in(reference)
    if path is not None:
        described = OnnxClassifier(path.expanduser())
        return _Classifier(name, described.labels, described.decode_size, described.probabilities)
    cache = settings.resolved_model_cache
    encoder = load_encoder(reference, settings.device, settings.runtime, cache)
    return _Classifier(name, encoder.card.labels, encoder.decode_size, _of_encoder(encoder))


def _of_encoder(encoder: Encoder) -> Callable[[Rgb], Probabilities]:
    def probabilities(rgb: Rgb) -> Probabilities:
        found: Probabilities = encoder.encode([rgb]).probabilities[0]
        return found

    return probabilities
