"""Errors of input that cannot be used."""

from indexer.errors.base import LookalikeError, named


class InputError(LookalikeError):
    """The caller sent something we cannot use."""

    code = "invalid_input"
    exit_code = 2


class SettingsError(InputError):
    """A setting has a value we cannot use, or a name we do not know."""

    code = "invalid_setting"


class UnreadableSource(InputError):
    """A file or folder could not be opened or read."""

    code = "unreadable_source"


class EmptyImage(InputError):
    """There are no bytes."""

    code = "empty_image"


class UnreadableImage(InputError):
    """The bytes are not an image that we can decode."""

    code = "unreadable_image"


class ImageTooLarge(InputError):
    """The image has more bytes, pixels or frames than the settings allow."""

    code = "image_too_large"


class CostlyImage(ImageTooLarge):
    """Decoding the image would keep a core busy for seconds."""

    code = "costly_image"


class InvalidName(InputError):
    """A bank's name is not one we accept."""

    code = "invalid_name"


class InvalidFingerprint(InputError):
    """The text is no fingerprint of the kind it should be."""

    code = "invalid_fingerprint"


class EmptyFingerprint(InvalidFingerprint):
    """A fingerprint of no content at all, which matches by accident."""

    code = "empty_fingerprint"


class InvalidModel(InputError):
    """A model reference or directory that cannot be used."""

    code = "invalid_model"


class UnexportableModel(InputError):
    """A model that ONNX Runtime cannot run as torch does."""

    code = "unexportable_model"


class RequestKeyReused(InputError):
    """Another request had the same idempotency key."""

    code = "idempotency_key_reused"

    def __init__(self, key: str) -> None:
        super().__init__(
            f"The idempotency key {key!r} came with another request in the last 24 hours, so this "
            "one was not carried out. Send it with a key of its own."
        )


class UnusableOutput(InputError):
    """The model gave no finite probabilities or embedding for an image."""

    code = "unusable_output"

    def __init__(self, *, rows: tuple[int, ...], model: str) -> None:
        super().__init__(
            f"The model {model} gave no finite output, or an embedding of length 0, for row(s) "
            f"{', '.join(map(str, rows))} of the batch. Leave those images out; if it happens for "
            "every image, the weights are damaged: fetch the model again."
        )
        self.rows = rows


class UnusableVectors(InputError):
    """Stored embeddings that cannot be clustered."""

    code = "unusable_vectors"

    def __init__(self, image_ids: list[int]) -> None:
        super().__init__(
            f"The embeddings of {len(image_ids)} images are not finite or not of length 1 "
            f"({named(image_ids)}). `lookalike verify` names other faults; restore the database "
            "from a backup, or remove those images and add them again."
        )


class FetchDisabled(InputError):
    """Pictures are not fetched by URL here."""

    code = "fetch_disabled"


class FetchRefused(InputError):
    """A URL, or an address behind it, that we do not send requests to."""

    code = "fetch_refused"


class FetchFailed(InputError):
    """Another server did not give what was asked of it."""

    code = "fetch_failed"
