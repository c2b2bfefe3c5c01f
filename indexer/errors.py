"""Typed errors, with codes and exit codes.

* LookalikeError
  x InputError              the input is invalid
    - SettingsError         a setting has an invalid value or an unknown name
    - UnreadableSource      a file or folder could not be opened or read
    - EmptyImage            the file is empty
    - UnreadableImage       the bytes are not a decodable image
    - ImageTooLarge         more bytes, pixels or frames than the settings allow
      * CostlyImage         decoding it would keep a core busy for seconds
    - InvalidName           a bank's name is invalid
    - InvalidFingerprint    the text is not a valid fingerprint of its kind
      * EmptyFingerprint    a fingerprint of empty content, which matches by accident
    - InvalidModel          a model reference or directory is invalid
    - InvalidPolicy         a policy document is invalid
    - UnexportableModel     ONNX Runtime cannot run the model as torch does
    - RequestKeyReused      a different request had the same idempotency key
    - UnusableOutput        the model returned non-finite probabilities or embeddings
    - UnusableVectors       stored embeddings that cannot be clustered
    - FetchDisabled         fetching images by URL is disabled
    - FetchRefused          a URL, or an address behind it, is not allowed
    - FetchFailed           a request to another server failed
  x AccessError             access is denied
    - Unauthenticated       the key is missing or invalid
    - Forbidden             the key lacks the required scope
    - RateLimited           the key exceeded its rate limit
    - LockedOut             too many invalid keys came from the address
  x MismatchError           two artefacts that must agree do not
    - DimensionMismatch     a vector is not as long as the index expects
    - ModelMismatch         the index was built with another model
    - ClassifierMismatch    the index uses another classifier in this space
    - SpaceInUse            the embedding space is the index's own
    - BankMismatch          the bank exists with another kind
    - BankExists            a bank of this name exists
    - SchemaMismatch        the database's schema is not this version's
    - SnapshotMismatch      a snapshot does not fit its manifest or its log
    - CardMismatch          a threshold card was calibrated for another embedding space
    - UndoRefused           the results of an action have changed since
    - AuditBroken           a row of the audit log was changed or is missing
    - AuditUnguarded        the audit log is not protected against changes
  x NotFoundError           an image, bank or model does not exist
    - IndexNotInitialised   the database holds no tables yet
  x UnavailableError        a resource is unavailable; try again later
    - DatabaseUnavailable   the database cannot be reached or is locked
    - DatabaseReplaced      the database was replaced while open
    - SpaceReplaced         the index was brought over to another model while open
    - ClassifierReplaced    the index was changed to another classifier while open
    - ViewNotReady          the vector view has not caught up yet
    - SnapshotNotWritten    a view could not be written to disk
    - ExportNotWritten      an exported model could not be written to disk
    - ListNotWritten        a list of fingerprints could not be written to disk
    - AuditNotWritten       an export of the audit log could not be written to disk
    - AuditUnavailable      lookups cannot be logged, so none is answered
    - RunUnderWay           a cluster run is already under way
"""

import math
import re
import shlex


def named(ids: list[int], most: int = 10) -> str:
    """Return the first ids for a message, with an ellipsis where there are more."""
    return ", ".join(map(str, ids[:most])) + (", ..." if len(ids) > most else "")


def _classifier(title: str | None) -> str:
    return "the network's own classes" if title is None else f"the classifier {title}"


class LookalikeError(Exception):
    """Base class: catching it catches everything we raise on purpose."""

    code = "lookalike_error"
    """Of a subclass: its name in snake case, where it sets none; `CostlyImage` has costly_image."""
    exit_code = 1

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "code" not in vars(cls):
            cls.code = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


class InputError(LookalikeError):
    """The input is invalid."""

    code = "invalid_input"
    exit_code = 2


class SettingsError(InputError):
    """A setting has an invalid value or an unknown name."""

    code = "invalid_setting"


class UnreadableSource(InputError):
    """A file or folder could not be opened or read."""


class EmptyImage(InputError):
    """The file is empty."""


class UnreadableImage(InputError):
    """The bytes are not a decodable image."""


class ImageTooLarge(InputError):
    """The image has more bytes, pixels or frames than the settings allow."""


class CostlyImage(ImageTooLarge):
    """Decoding the image would keep a core busy for seconds."""


class InvalidName(InputError):
    """A bank's name is invalid."""


class InvalidFingerprint(InputError):
    """The text is not a valid fingerprint of its kind."""


class EmptyFingerprint(InvalidFingerprint):
    """A fingerprint of empty content, which matches by accident."""


class InvalidModel(InputError):
    """A model reference or directory is invalid."""


class InvalidPolicy(InputError):
    """A policy document is invalid."""

    def __init__(
        self, place: str, problems: tuple[tuple[int | None, str | None, str], ...]
    ) -> None:
        listed = "; ".join(
            ": ".join(filter(None, (f"line {line}" if line else None, key, message)))
            for line, key, message in problems
        )
        super().__init__(
            f"{place} is not a valid policy. {listed}. docs/policies.md describes the keys."
        )
        self.problems = problems  # line from 1, key with its rule, what is wrong


class UnexportableModel(InputError):
    """ONNX Runtime cannot run the model as torch does."""


class RequestKeyReused(InputError):
    """A different request had the same idempotency key."""

    code = "idempotency_key_reused"

    def __init__(self, key: str) -> None:
        super().__init__(
            f"The idempotency key {key!r} was used for a different request in the last 24 "
            "hours, so this one was not carried out. Send it with a new key."
        )


class UnusableOutput(InputError):
    """The model returned non-finite probabilities or embeddings."""

    def __init__(self, *, rows: tuple[int, ...], model: str) -> None:
        super().__init__(
            f"The model {model} returned a non-finite output or an embedding of length 0 for "
            f"row(s) {', '.join(map(str, rows))} of the batch. Omit those images; if it "
            "happens for every image, the weights are damaged: fetch the model again."
        )
        self.rows = rows


class UnusableVectors(InputError):
    """Stored embeddings that cannot be clustered."""

    def __init__(self, image_ids: list[int]) -> None:
        super().__init__(
            f"The embeddings of {len(image_ids)} images are not finite or not of length 1 "
            f"({named(image_ids)}). `lookalike verify` finds other faults; restore the "
            "database from a backup, or remove those images and add them again."
        )


class FetchDisabled(InputError):
    """Fetching images by URL is disabled."""


class FetchRefused(InputError):
    """A URL, or an address behind it, is not allowed."""


class FetchFailed(InputError):
    """A request to another server failed."""


class AccessError(LookalikeError):
    """Access is denied."""

    code = "access_denied"
    exit_code = 2


class Unauthenticated(AccessError):
    """The key is missing or invalid."""


class Forbidden(AccessError):
    """The key lacks the required scope."""


class RateLimited(AccessError):
    """The key exceeded its rate limit."""

    def __init__(self, *, name: str, rate: float, wait: float) -> None:
        super().__init__(
            f"Key {name!r} may make {rate:g} requests a second on average. Try again in "
            f"{max(1, math.ceil(wait))} s, or ask an admin for a key with a higher rate."
        )
        self.retry_after = max(1, math.ceil(wait))  # seconds


class LockedOut(AccessError):
    """Too many invalid keys came from the address."""

    def __init__(self, *, address: str, wait: float) -> None:
        super().__init__(
            f"Too many invalid keys came from {address}. Keys not used from there recently "
            f"are checked again in {max(1, math.ceil(wait))} s."
        )
        self.retry_after = max(1, math.ceil(wait))  # seconds


class MismatchError(LookalikeError):
    """Two artefacts that must agree do not."""

    code = "mismatch"
    exit_code = 3


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


class BankMismatch(MismatchError):
    """The bank exists with another kind."""


class BankExists(MismatchError):
    """A bank of this name exists."""


class SchemaMismatch(MismatchError):
    """The database's schema is not the one that this version of the program needs."""


class SnapshotMismatch(MismatchError):
    """A snapshot does not fit its manifest or its log."""


class CardMismatch(MismatchError):
    """A threshold card was calibrated for another embedding space."""

    def __init__(self, *, card_id: int, expected: int | None, got: int) -> None:
        super().__init__(
            f"Threshold card {card_id} was calibrated for embedding space {got}, similarities are "
            f"measured in space {expected}. Run `lookalike threshold calibrate` in this space."
        )
        self.card_id = card_id


class UndoRefused(MismatchError):
    """The results of an action have changed since."""


class AuditBroken(MismatchError):
    """A row of the audit log was changed or is missing."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(
            f"The audit log is broken at row {number}: {reason}. Compare with an earlier "
            "export or backup; `lookalike audit list` shows the current rows."
        )
        self.number = number


class AuditUnguarded(MismatchError):
    """The audit log is not protected against changes."""

    def __init__(self, flaws: list[str]) -> None:
        super().__init__(
            f"The audit log is not protected against changes: {'; '.join(flaws)}. Compare "
            "with an earlier export or backup, and restore the triggers as docs/audit.md "
            "says."
        )


class NotFoundError(LookalikeError):
    """An image, bank or model does not exist."""

    code = "not_found"
    exit_code = 4


class IndexNotInitialised(NotFoundError):
    """The database holds no tables yet."""


class UnavailableError(LookalikeError):
    """A resource is unavailable; try again later."""

    code = "unavailable"
    exit_code = 5


class DatabaseUnavailable(UnavailableError):
    """The database cannot be reached or is locked."""


class DatabaseReplaced(UnavailableError):
    """The database was replaced while open."""


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


class ViewNotReady(UnavailableError):
    """The vector view has not caught up yet."""


class SnapshotNotWritten(UnavailableError):
    """A view could not be written to disk; what is there already is untouched."""


class ExportNotWritten(UnavailableError):
    """An exported model could not be written to disk."""


class ListNotWritten(UnavailableError):
    """A list of fingerprints could not be written to disk; what is there already is untouched."""


class AuditNotWritten(UnavailableError):
    """An export of the audit log could not be written to disk."""


class AuditUnavailable(UnavailableError):
    """Lookups cannot be written to the audit log, so none is answered."""


class RunUnderWay(UnavailableError):
    """A cluster run is already under way."""
