"""Class probabilities of a picture, without an index."""

from collections.abc import Sequence

from indexer.images import decode
from indexer.model import Encoder
from indexer.settings import ImageLimits, Settings
from indexer.spaces import decode_size, find_model, open_encoder
from indexer.types import Classification, Probabilities


def by_label(labels: Sequence[str], probabilities: Probabilities) -> dict[str, float]:
    """Name each of a picture's probabilities, (classes,) float32."""
    return dict(zip(labels, probabilities.tolist(), strict=True))


class Classifier:
    """Asks the model about pictures; safe to use from several threads."""

    def __init__(self, encoder: Encoder, limits: ImageLimits) -> None:
        self._encoder = encoder
        self._limits = limits

    def classify(self, data: bytes, name: str) -> Classification:
        """Return the class probabilities of one picture, called `name` in the answer.

        Raises
        ------
        InputError
            The picture cannot be read or is too large.
        """
        picture = decode(data, self._limits, at_least=decode_size(self._encoder))
        encoding = self._encoder.encode([picture.rgb])
        return Classification(
            query=name,
            probabilities=by_label(self._encoder.card.labels, encoding.probabilities[0]),
            model=self._encoder.card.fingerprint,
        )


def open_classifier(settings: Settings) -> Classifier:
    """Load the model of the settings, or of the index, or the shipped one."""
    encoder = open_encoder(find_model(settings), settings)
    return Classifier(encoder, settings.image_limits)
