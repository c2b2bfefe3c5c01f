"""Analysts' decisions on matches, and adding what they decided about to a bank."""

from dataclasses import replace

from indexer.decision_banks import bank_for, join_bank
from indexer.reviews.match_signatures import sign_match
from indexer.reviews.rules import Signatory
from indexer.store import Store
from indexer.types import Decided, NewDecision, Pdq


def decide(
    store: Store,
    signatory: Signatory,
    new: NewDecision,
    *,
    pdq: Pdq | None = None,
    min_quality: int,
    bank: str | None = None,
) -> Decided:
    """Remember a decision, and in the same transaction let the query join a bank.

    A query whose picture the index holds joins as that image, another one as bare fingerprints: its
    SHA-256, and its PDQ if that is known and not of a flat picture. Doing it again changes nothing.

    Where two persons must sign, the first one's decision waits as a review item for the second;
    where it waits already, this is the second signature.

    Parameters
    ----------
    store : Store
    signatory : Signatory
        Who decides.
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
    ReviewTaken
        The match awaits the signature of another person, or another person reviews it now.
    """
    usable = pdq.bits if pdq and pdq.quality >= min_quality else None
    new = replace(new, query_pdq=usable)
    with store.writer() as writer:
        joined = bank_for(writer, bank, new.outcome) if bank is not None else None
        if signed := sign_match(writer, signatory, new, joined):
            return signed
        decision = writer.decisions.add(new)
        entries = join_bank(writer, joined, new) if joined else ()
    return Decided(decision, bank, len(entries))
