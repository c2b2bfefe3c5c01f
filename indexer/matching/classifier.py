"""Classifier: class probabilities and embeddings of pictures, without an index."""

from collections.abc import Sequence
from typing import Final

from indexer.embedding_space import decode_size, find_model, open_encoder
from indexer.errors import IndexNotInitialised
from indexer.images.decode import decoded
from indexer.model import Encoder
from indexer.opinions import Opinions, load_opinions
from indexer.policy import ActivePolicy
from indexer.runtime.cpu import Cores
from indexer.settings import ImageLimits, Settings
from indexer.store import open_store
from indexer.types import Classification, Embedded, Probabilities


def by_label(labels: Sequence[str], probabilities: Probabilities) -> dict[str, float]:
    """Name each of a picture's probabilities, (classes,) float32."""
    return dict(zip(labels, probabilities.tolist(), strict=True))


class Classifier:
    """Asks the model about pictures; safe to use from several threads."""

    def __init__(
        self, encoder: Encoder, limits: ImageLimits, opinions: Opinions, policy: ActivePolicy
    ) -> None:
        self.encoder: Final = encoder
        self._limits = limits
        self._opinions = opinions
        self._policy = policy

    def classify(self, data: bytes, name: str) -> Classification:
        """Return the class probabilities of one picture, called `name` in the answer.

        Raises
        ------
        InputError
            The picture cannot be read or is too large.
        """
        enough = self._opinions.decode_size(decode_size(self.encoder))
        with decoded(data, self._limits, at_least=enough) as picture:
            encoding = self.encoder.encode([picture.rgb])
            opinions = self._opinions.ask(picture.rgb)
        probabilities = by_label(self.encoder.card.labels, encoding.probabilities[0])
        ruling = self._policy.rule_on_classes(probabilities)
        return Classification(
            query=name,
            probabilities=probabilities,
            model=self.encoder.card.fingerprint,
            opinions=opinions,
            is_disputed=self._opinions.disagree(probabilities, opinions),
            action=ruling.action if ruling else None,
            policy=ruling.policy if ruling else None,
        )

    def embed(self, data: bytes, name: str) -> Embedded:
        """Return the embedding of one picture, called `name` in the answer.

        Raises
        ------
        InputError
            The picture cannot be read or is too large.
        """
        card = self.encoder.card
        with decoded(data, self._limits, at_least=decode_size(self.encoder)) as picture:
            prepared = self.encoder.prepare(picture.rgb)
        encoding = self.encoder.forward([prepared])
        return Embedded(
            query=name,
            embedding=tuple(encoding.embeddings[0].tolist()),
            dimension=card.dimension,
            model=card.fingerprint,
            probabilities=by_label(card.labels, encoding.probabilities[0]),
        )


def open_classifier(settings: Settings) -> Classifier:
    """Load the model of the settings, or of the index, or the shipped one, for one caller.

    Where there is an index, its policy rules on classes.

    Raises
    ------
    InvalidModel
        The model's files are invalid.
    InvalidPolicy
        A later version of the program put a policy in force that this one cannot read.
    """
    encoder = open_encoder(find_model(settings), settings, Cores())
    policy = ActivePolicy()
    try:
        with open_store(settings.resolved_database_url) as store, store.reader() as catalog:
            policy.refresh(catalog)
    except IndexNotInitialised:
        pass  # no index is needed to classify
    return Classifier(encoder, settings.image_limits, load_opinions(settings), policy)
