"""Change of an index's classifier, within its embedding space."""

from collections.abc import Callable
from dataclasses import dataclass

from indexer.embedding_space import bound_space, open_encoder
from indexer.errors import ModelMismatch
from indexer.model import ClassifierInput, LinearClassifier, read_classifier, resolve
from indexer.model.network_encoder import to_probabilities
from indexer.policy import parse_policy
from indexer.settings import Settings
from indexer.store import Catalog, Store
from indexer.types import Space


@dataclass(frozen=True, slots=True)
class ClassifierChange:
    """What changed, and what stored images are still to be classified."""

    model: str
    classifier: str | None  # None is the network's own
    before: str | None
    labels: tuple[str, ...]
    classified: int  # vectors of stored images and their parts that were given probabilities
    unclassified: int  # images that have none in full
    idle_rules: tuple[str, ...]
    """Classes that rules of the policy in force name and the model does not have."""


def change_classifier(
    store: Store,
    reference: str,
    settings: Settings,
    *,
    on_progress: Callable[[int], None] = lambda _count: None,
) -> ClassifierChange:
    """Let an index use the classifier of a model in its own embedding space.

    What the classifier before said of stored images is deleted. One that reads embeddings
    classifies them anew from what is stored; for any other, `lookalike model reembed` does so from
    the files. Doing it again goes on where it was ended.

    Parameters
    ----------
    store : Store
    reference : str
        The model, as `load_encoder` takes it.
    settings : Settings
    on_progress : callable
        Told the number of vectors classified.

    Raises
    ------
    IndexNotInitialised
        The index is not bound to a model yet.
    ModelMismatch
        The model is of another embedding space.
    """
    before = bound_space(store)
    card = open_encoder(reference, settings).card
    if card.fingerprint != before.fingerprint:
        raise ModelMismatch(expected=before.fingerprint, got=card.fingerprint, model=card.reference)
    with store.writer() as writer:
        space = writer.spaces.use_classifier(
            before.id, model=card.reference, labels=card.labels, classifier=card.classifier
        )
    classifier = read_classifier(resolve(reference))
    classified = 0
    if classifier is not None and classifier.input is ClassifierInput.EMBEDDING:
        while count := _classify_some(store, space, classifier):
            classified += count
            on_progress(classified)
    with store.reader() as catalog:
        unclassified = len(catalog.embeddings.lacking(space.id))
        idle = _idle_rules(catalog, space)
    return ClassifierChange(
        model=card.reference,
        classifier=card.classifier,
        before=before.classifier,
        labels=card.labels,
        classified=classified,
        unclassified=unclassified,
        idle_rules=idle,
    )


def _idle_rules(catalog: Catalog, space: Space) -> tuple[str, ...]:
    """Return the classes of rules that can never apply in a space."""
    policy = catalog.policies.in_force()
    if policy is None:
        return ()
    document = parse_policy(policy.document, f"Policy version {policy.version}")
    named = {rule.class_ for rule in document.rules if rule.class_ is not None}
    return tuple(sorted(named - set(space.labels)))


def _classify_some(store: Store, space: Space, classifier: LinearClassifier) -> int:
    """Classify some of the vectors that have no probabilities, in one transaction."""
    with store.writer() as writer:
        lacking = writer.embeddings.unclassified(space.id)
        if lacking.parts:
            logits = classifier.logits(lacking.vectors)
            chances = to_probabilities(
                logits, len(classifier.labels), multi_label=classifier.multi_label
            )
            writer.embeddings.classify(lacking.parts, chances, space)
    return len(lacking.parts)
