"""Errors of the index: settings, banks, clusters, database and views."""

from indexer.errors.error_families import InputError, MismatchError, NotFoundError, UnavailableError


def named(ids: list[int], most: int = 10) -> str:
    """Return the first ids for a message, with an ellipsis where there are more."""
    return ", ".join(map(str, ids[:most])) + (", ..." if len(ids) > most else "")


class SettingsError(InputError):
    """A setting has an invalid value or an unknown name."""

    code = "invalid_setting"


class InvalidName(InputError):
    """A bank's name is invalid."""


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


class InvalidCodes(InputError):
    """A kind of vector codes is unknown, or its plug-in cannot be used."""


class UnusableVectors(InputError):
    """Stored embeddings that cannot be clustered."""

    def __init__(self, image_ids: list[int]) -> None:
        super().__init__(
            f"The embeddings of {len(image_ids)} images are not finite or not of length 1 "
            f"({named(image_ids)}). `lookalike verify` finds other faults; restore the "
            "database from a backup, or remove those images and add them again."
        )


class BankMismatch(MismatchError):
    """The bank exists with another kind."""


class BankExists(MismatchError):
    """A bank of this name exists."""


class SchemaMismatch(MismatchError):
    """The database's schema is not the one that this version of the program needs."""


class SnapshotMismatch(MismatchError):
    """A snapshot does not fit its manifest or its log."""


class RecallTooLow(MismatchError):
    """An approximate search finds too few of the true nearest to be used."""


class EngineMismatch(MismatchError):
    """The index uses another vector engine than the settings."""


class UndoRefused(MismatchError):
    """The results of an action have changed since."""


class ReviewTaken(MismatchError):
    """A review item is another person's to decide."""


class ReviewSettled(MismatchError):
    """A review item is not open any more."""


class SecondPersonNeeded(MismatchError):
    """Two persons must sign, in the review queue."""


class IndexNotInitialised(NotFoundError):
    """The database holds no tables yet."""


class DatabaseUnavailable(UnavailableError):
    """The database cannot be reached or is locked."""


class DatabaseReplaced(UnavailableError):
    """The database was replaced while open."""


class ViewNotReady(UnavailableError):
    """The vector view has not caught up yet."""


class EngineUnavailable(UnavailableError):
    """The vector engine cannot be reached or does not answer in time."""


class SnapshotNotWritten(UnavailableError):
    """A view could not be written to disk; what is there already is untouched."""


class ListNotWritten(UnavailableError):
    """A list of fingerprints could not be written to disk; what is there already is untouched."""


class RunUnderWay(UnavailableError):
    """A cluster run is already under way."""
