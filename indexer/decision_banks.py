"""Banks that a decided query joins."""

from indexer.errors import InputError
from indexer.store import Writer
from indexer.types import Bank, BankKind, Fingerprint, FingerprintKind, NewDecision, Outcome

_JOINS = {Outcome.CONFIRMED: BankKind.BLOCK, Outcome.REJECTED: BankKind.ALLOW}


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


def join_bank(writer: Writer, bank: Bank, new: NewDecision) -> tuple[int, ...]:
    """Make a decided query an entry of a bank; return the entries that are new.

    A query whose picture the index holds joins as that image, another one as bare fingerprints: its
    SHA-256, and its PDQ if that is known.
    """
    last = writer.entries.last_id()
    if held := writer.images.ids_by_sha256([new.query_sha256]):
        writer.entries.add(bank.id, held.values())
    else:
        fingerprints = [Fingerprint(FingerprintKind.SHA256, new.query_sha256)]
        if new.query_pdq is not None:
            fingerprints.append(Fingerprint(FingerprintKind.PDQ, new.query_pdq))
        for fingerprint in fingerprints:
            writer.entries.add_fingerprint(bank.id, fingerprint)
    return tuple(range(last + 1, writer.entries.last_id() + 1))
