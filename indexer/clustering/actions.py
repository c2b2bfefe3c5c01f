"""Cluster actions of analysts: each one transaction, remembered, audited and undoable."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from indexer.decision_banks import bank_for
from indexer.errors import InputError
from indexer.reviews.cluster_signatures import AskedAction, preview_cluster, sign_cluster
from indexer.reviews.rules import Signatory
from indexer.store import ClusterPart, PartCounts, Store, Writer
from indexer.types import ActionKind, ActionPreview, BankKind, ClusterAction, Outcome

_LONGEST_NAME: Final = 100  # characters
_LONGEST_NOTE: Final = 10_000


class _RolledBack(Exception):
    """Ends the transaction of a preview."""


def label(store: Store, cluster_id: int, name: str) -> ClusterAction:
    """Give a cluster another name, which later runs keep.

    Raises
    ------
    InputError
        The name is empty, longer than 100 characters, or has some that cannot be printed.
    NotFoundError
        There is no such cluster.
    """
    name = name.strip()
    if not (0 < len(name) <= _LONGEST_NAME and name.isprintable()):
        raise InputError(
            f"{name!r} is not a valid cluster name. Use 1 to {_LONGEST_NAME} printable characters."
        )
    with store.writer() as writer:
        return writer.cluster_actions.label(cluster_id, name)


def note(store: Store, cluster_id: int, text: str) -> ClusterAction:
    """Write something down about a cluster, in place of what was there; nothing when empty.

    Raises
    ------
    InputError
        It is longer than 10,000 characters.
    NotFoundError
        There is no such cluster.
    """
    if len(text) > _LONGEST_NOTE:
        raise InputError(f"The note has {len(text)} characters. Write at most {_LONGEST_NOTE}.")
    with store.writer() as writer:
        return writer.cluster_actions.note(cluster_id, text.strip() or None)


def add_to_bank(
    store: Store,
    signatory: Signatory,
    cluster_id: int,
    bank: str,
    *,
    min_probability: float = 0.0,
    run_id: int | None = None,
) -> ClusterAction:
    """Make the members of a cluster entries of a bank; those that are already stay.

    Where two persons must sign, the first one's action waits as a review item for the second.

    Parameters
    ----------
    store : Store
    signatory : Signatory
        Who asks for it.
    cluster_id : int
    bank : str
    min_probability : float
        Only members that belong to it at least so strongly, 0 to 1.
    run_id : int, optional
        The members as this run found them; as the newest run that has the cluster by default.

    Raises
    ------
    InputError
        The probability is none.
    NotFoundError
        There is no such cluster or bank, or the run does not have the cluster.
    ReviewTaken
        Another action on the cluster awaits a second signature.
    """
    with store.writer() as writer:
        part = _part(writer, cluster_id, run_id, min_probability)
        joined = writer.banks.get(bank)
        outcome = Outcome.CONFIRMED if joined.kind is BankKind.BLOCK else Outcome.REJECTED
        asked = AskedAction(
            ActionKind.BANK,
            part,
            outcome,
            joined,
            None,
            lambda writer: writer.cluster_actions.bank(part, joined),
        )
        act = preview_cluster if store.is_trial else sign_cluster
        return act(writer, signatory, asked)


def decide(  # noqa: PLR0913 -- one for each thing that is said
    store: Store,
    signatory: Signatory,
    cluster_id: int,
    outcome: Outcome,
    *,
    bank: str | None = None,
    min_probability: float = 0.0,
    run_id: int | None = None,
    analyst: str | None = None,
    note: str | None = None,
) -> ClusterAction:
    """Decide about every match that retro-scans listed for the members of a cluster.

    Each is decided as by `indexer.decisions.decide`: a rejected match is suppressed from then on
    for the member's very bytes. The members can join a bank in the same step, matched or not: a
    block bank when they are confirmed, an allow bank when they are rejected.

    Where two persons must sign, the first one's decision waits as a review item for the second.

    Parameters
    ----------
    store : Store
    signatory : Signatory
        Who decides.
    cluster_id : int
    outcome : Outcome
    bank : str, optional
    min_probability, run_id
        As for `add_to_bank`.
    analyst : str, optional
        Who decided.
    note : str, optional
        Why.

    Raises
    ------
    InputError
        There is nothing to decide (no listed match, and no bank to join), the bank is not of the
        kind that fits, or the probability is none.
    NotFoundError
        There is no such cluster or bank, or the run does not have the cluster.
    ReviewTaken
        Another action on the cluster awaits a second signature.
    """
    with store.writer() as writer:
        part = _part(writer, cluster_id, run_id, min_probability)
        joined = bank_for(writer, bank, outcome) if bank is not None else None

        def carry_out(writer: Writer) -> ClusterAction:
            action = writer.cluster_actions.decide(
                part, outcome, joined, analyst=analyst, note=note
            )
            said = action.detail
            if joined is None and not said["decisions"] and not said["unchanged"]:
                raise InputError(
                    f"No retro-scan has listed a match of the {said['members']} members of "
                    f"cluster {cluster_id}, so there is nothing to decide on. Name a bank to add "
                    "them to, or run `lookalike retro-scan run` first."
                )
            return action

        asked = AskedAction(ActionKind.DECISION, part, outcome, joined, note, carry_out)
        act = preview_cluster if store.is_trial else sign_cluster
        return act(writer, signatory, asked)


def preview(store: Store, act: Callable[[Store], ClusterAction]) -> ActionPreview:
    """Return what an action would touch: it is carried out, and rolled back.

    Parameters
    ----------
    store : Store
    act : callable
        Carries out one of the actions above in the store that it is given.

    Raises
    ------
    LookalikeError
        What the action itself would raise.
    """
    done = []
    with suppress(_RolledBack), store.writer() as writer:
        done.append(act(store.joining(writer, is_trial=True)))
        raise _RolledBack
    [action] = done
    counts = PartCounts(0, 0, 0)
    if action.run_id is not None:
        part = ClusterPart(action.cluster_id, action.run_id, action.detail["min_probability"])
        with store.reader() as catalog:
            counts = catalog.cluster_actions.counts(part, datetime.now(UTC))
    return ActionPreview(
        kind=action.kind,
        cluster_id=action.cluster_id,
        run_id=action.run_id,
        detail=action.detail,
        weak=counts.weak,
        removed=counts.removed,
        suppressed=counts.suppressed,
    )


def undo(store: Store, action_id: int) -> ClusterAction:
    """Take back all that an action did, unless something of it has changed since.

    Raises
    ------
    NotFoundError
        There is no such action.
    UndoRefused
        It is undone already, or what it did has changed; nothing is undone then.
    """
    with store.writer() as writer:
        return writer.cluster_actions.undo(action_id)


def _part(
    writer: Writer, cluster_id: int, run_id: int | None, min_probability: float
) -> ClusterPart:
    if not 0 <= min_probability <= 1:
        raise InputError(f"A probability must be from 0 to 1, got {min_probability}.")
    cluster = writer.clusters.get(cluster_id, run_id)
    return ClusterPart(cluster.id, cluster.run_id, min_probability)
