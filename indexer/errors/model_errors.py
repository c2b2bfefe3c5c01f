"""Errors of models, embedding spaces and classifiers."""

import shlex

from indexer.errors.error_families import InputError, MismatchError, UnavailableError


def _classifier(title: str | None) -> str:
    return "the network's own classes" if title is None else f"the classifier {title}"


class InvalidModel(InputError):
    """A model reference or directory is invalid."""


class UnexportableModel(InputError):
    """ONNX Runtime cannot run the model as torch does."""


class UnusableOutput(InputError):
    """The model returned non-finite probabilities or embeddings."""

    def __init__(self, *, rows: tuple[int, ...], model: str) -> None:
        super().__init__(
            f"The model {model} returned a non-finite output or an embedding of length 0 for "
            f"row(s) {', '.join(map(str, rows))} of the batch. Omit those images; if it "
            "happens for every image, the weights are damaged: fetch the model again."
        )
        self.rows = rows


class DimensionMismatch(MismatchError):
    """A vector is not as long as the index expects."""

    def __init__(self, *, expected: int, got: int) -> None:
        super().__init__(
            f"The index holds vectors of length {expected}, got one of length {got}. "
            "Load the model that the index was built with: `lookalike status` names it."
        )


class ModelMismatch(MismatchError):
    """The index was built with another model than the one loaded."""

    def __init__(self, *, expected: str, got: str, model: str | None = None) -> None:
        if model is None:  # a vector that came without its model
            made, hint = f"the vector is of space {got[:12]}", "Make it with the index's model."
        else:
            named = f" --model {shlex.quote(model)}"
            made = f"the model {model} makes space {got[:12]}"
            hint = (
                f"Run `lookalike model reembed{named}` to bring the index over to that model, "
                "or name the index's own, which `lookalike status` shows."
            )
        super().__init__(f"The index holds embeddings of space {expected[:12]}, {made}. {hint}")


class ClassifierMismatch(MismatchError):
    """The index uses another classifier of the same embedding space."""

    def __init__(self, *, expected: str | None, got: str | None, model: str) -> None:
        super().__init__(
            f"The index classifies with {_classifier(expected)}, the model {model} with "
            f"{_classifier(got)}. Both are in one embedding space: run `lookalike model use "
            f"{shlex.quote(model)}` to change to it, or leave out --model."
        )


class SpaceInUse(MismatchError):
    """The embedding space is the index's own."""

    def __init__(self, fingerprint: str) -> None:
        super().__init__(
            f"The index uses embedding space {fingerprint[:12]}, so it cannot be dropped. Bring "
            "the index over to another model first (`lookalike model reembed --model MODEL`), or "
            "name another space of `lookalike space list`."
        )


class CardMismatch(MismatchError):
    """A threshold card was calibrated for another embedding space."""

    def __init__(self, *, card_id: int, expected: int | None, got: int) -> None:
        super().__init__(
            f"Threshold card {card_id} was calibrated for embedding space {got}, similarities are "
            f"measured in space {expected}. Run `lookalike threshold calibrate` in this space."
        )
        self.card_id = card_id


class SpaceReplaced(UnavailableError):
    """The index was brought over to another model while open."""

    def __init__(self, fingerprint: str, found: str) -> None:
        super().__init__(
            f"This program works in embedding space {fingerprint[:12]}, but {found}: the index "
            "was brought over to another model. Start the program again."
        )


class ClassifierReplaced(UnavailableError):
    """The index was changed to another classifier while open."""

    def __init__(self, found: str | None) -> None:
        super().__init__(
            f"The index was changed to {_classifier(found)}. A server takes it within seconds: "
            "try again. Start any other program again."
        )


class ExportNotWritten(UnavailableError):
    """An exported model could not be written to disk."""
