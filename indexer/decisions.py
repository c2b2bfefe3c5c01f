"""Analysts' decisions, and adding what they decided about to a bank."""

from dataclasses import replace

from indexer.errors import InputError
from indexer.store import Store, Writer
from indexer.types import (
    Bank,
    BankKind,
    Decided,
    Fingerprint,
    FingerprintKind,
    NewDecision,
    Outcome,
    Pdq,
)

_JOINS = {Outcome.CONFIRMED: BankKind.BLOCK, Outcome.REJECTED: BankKind.ALLOW}


def decide(
    store: Store,
    new: NewDecision,
    *,
    pdq: Pdq | None = None,
    min_quality: int,
    bank: str | None = None,
) -> Decided:
    """Remember a decision, and in the same transaction let the query join a bank.

    A query whose picture the index holds joins as that image, another one as bare fingerprints: its
    SHA-256, and its PDQ if that is known and not of a flat picture. Doing it again changes nothing.

    Parameters
    ----------
    store : Store
    new : NewDecision
        Its `query_pdq` is set from `pdq`.
    pdq : Pdq, optional
        The query's.
    min_quality : int
        PDQ quality, 0 to 100, below which a picture is too flat to be compared by it.
    bank : str, optional
        A block bank for a query that is confirmed, an allow bank for one that is rejected.

    Raises
    ------
    InputError
        Not exactly one of entry and image is given, or the bank is not of the kind that fits.
    NotFoundError
        There is no such entry, image or bank.
    """
    usable = pdq.bits if pdq and pdq.quality >= min_quality else None
    new = replace(new, query_pdq=usable)
    with store.writer() as writer:
        joined = bank_for(writer, bank, new.outcome) if bank is not None else None
        decision = writer.decisions.add(new)
        entries = _join(writer, joined, new) if joined else 0
    return Decided(decision, bank, entries)


def bank_for(writer: Writer, name: str, outcome: Outcome) -> Bank:
    """Return the bank that a query of an outcome is to join.

    Raises
    ------
    InputError
        It is not of the kind that fits, or no bank fits the outcome.
    NotFoundError
        There is no such bank.
    """
    bank = writer.banks.get(name)
    wanted = _JOINS.get(outcome)
    if wanted is None:
        raise InputError(
            f"A query that is {outcome} cannot join a bank. Omit the bank, or decide "
            f"{Outcome.CONFIRMED} or {Outcome.REJECTED}."
        )
    if bank.kind is not wanted:
        raise InputError(
            f"Bank {name} is of kind {bank.kind}; a query that is {outcome} can join banks of kind "
            f"{wanted}. `lookalike bank list` shows the banks."
        )
    return bank


def _join(writer: Writer, bank: Bank, new: NewDecision) -> int:
    """Make the query an entry of a bank; return how many entries are new."""
    if held := writer.images.ids_by_sha256([new.query_sha256]):
        return writer.entries.add(bank.id, held.values())
    fingerprints = [Fingerprint(FingerprintKind.SHA256, new.query_sha256)]
    if new.query_pdq is not None:
        fingerprints.append(Fingerprint(FingerprintKind.PDQ, new.query_pdq))
    before = writer.banks.get(bank.name).entry_count
    for fingerprint in fingerprints:
        writer.entries.add_fingerprint(bank.id, fingerprint)
    return writer.banks.get(bank.name).entry_count - before
