"""Acting on clusters: names, notes, banks, decisions, each undone as a whole or not at all."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from indexer.clustering import actions
from indexer.errors import InputError, NotFoundError, UndoRefused
from indexer.runtime.actor import Actor, acting_as
from indexer.store import AuditQuery, NewRetroMatch, Store
from indexer.types import (
    ActionKind,
    AuditRecord,
    BankKind,
    ClusterAction,
    NewDecision,
    Outcome,
    Signal,
    Space,
    Tier,
)
from support.catalog import bare_pdq, bind, new_image
from support.families import add_family, add_vectors, clustered, members_of, near_axis
from support.signatories import ONE

ANALYST = Actor("user", "jo")


@pytest.fixture
def space(store: Store) -> Space:
    return bind(store)


@pytest.fixture
def family(store: Store, space: Space) -> list[int]:
    """Add a family of eight, and cluster it: its cluster is number 1."""
    ids = add_family(store, space, 0, range(8))
    add_vectors(store, space, {99: near_axis(5, 99)})
    run = clustered(store)
    assert members_of(store, run)[1] == set(ids)
    return ids


@pytest.fixture
def bank(store: Store) -> str:
    with store.writer() as writer:
        writer.banks.create("unsafe", BankKind.BLOCK)
        writer.banks.create("benign", BankKind.ALLOW)
    return "unsafe"


def images_in(store: Store, bank: str) -> set[int | None]:
    with store.reader() as catalog:
        return {entry.image_id for entry in catalog.entries.page(bank)}


def name_and_note(store: Store) -> tuple[str, str | None]:
    with store.reader() as catalog:
        cluster = catalog.clusters.get(1)
    return cluster.name, cluster.note


def audited(store: Store, action: str) -> list[AuditRecord]:
    with store.reader() as catalog:
        return [entry for entry in catalog.audit.page(AuditQuery()) if entry.action == action]


def list_matches(store: Store, space: Space, *images: int) -> int:
    """Let a retro-scan have listed these images for a bare entry of the block bank."""
    with store.writer() as writer:
        bank_id = writer.banks.id_of("unsafe")
        entry = writer.entries.add_fingerprint(bank_id, bare_pdq(7))
        scan = writer.retro_scans.begin(bank_id, space.id, 1, writer.log.head())
        matches = [
            NewRetroMatch(entry, image, Tier.NEAR_DUPLICATE, Signal.PDQ, None, 8, 31.0)
            for image in images
        ]
        writer.retro_scans.advance(scan, scan.last_change, 1, matches)
    return entry


# --- names and notes -----------------------------------------------------------------------------


def test_a_label_stays_with_the_cluster_in_later_runs(store: Store, family: list[int]) -> None:
    action = actions.label(store, 1, "  statues ")

    run = clustered(store)

    assert family
    assert action.kind is ActionKind.LABEL
    assert action.detail == {"name": "statues", "before": "cluster-1"}
    with store.reader() as catalog:
        assert [cluster.name for cluster in catalog.clusters.page(run.id)] == ["statues"]


def test_labels_are_undone_from_the_last_one_back(store: Store, family: list[int]) -> None:
    first, second = actions.label(store, 1, "statues"), actions.label(store, 1, "fountains")

    with pytest.raises(UndoRefused, match="'statues', which is 'fountains' now"):
        actions.undo(store, first.id)
    assert name_and_note(store)[0] == "fountains"
    actions.undo(store, second.id)
    undone = actions.undo(store, first.id)

    assert family
    assert undone.undone_at is not None
    assert name_and_note(store)[0].startswith("pictures/: 8 images")


def test_a_note_is_written_replaced_and_undone(store: Store, family: list[int]) -> None:
    first = actions.note(store, 1, "seen before")
    second = actions.note(store, 1, "")
    assert name_and_note(store)[1] is None

    actions.undo(store, second.id)
    assert name_and_note(store)[1] == "seen before"
    actions.undo(store, first.id)

    assert family
    assert name_and_note(store)[1] is None


@pytest.mark.parametrize("name", ["", "  ", "a" * 101, "two\nlines", "\x00"])
def test_a_name_that_cannot_be_shown_is_refused(store: Store, family: list[int], name: str) -> None:
    assert family
    with pytest.raises(InputError):
        actions.label(store, 1, name)
    assert name_and_note(store)[0].startswith("pictures/: 8 images")


# --- banks ---------------------------------------------------------------------------------------


@pytest.mark.postgres
def test_members_join_a_bank_and_leave_it_again(store: Store, family: list[int], bank: str) -> None:
    with store.writer() as writer:
        writer.entries.add(writer.banks.id_of(bank), family[:2])

    action = actions.add_to_bank(store, ONE, 1, bank)

    assert images_in(store, bank) == set(family)
    assert (action.detail["members"], action.detail["new_entries"]) == (8, 6)
    actions.undo(store, action.id)
    assert images_in(store, bank) == set(family[:2])


def test_only_members_of_enough_probability_join(
    store: Store, family: list[int], bank: str
) -> None:
    with store.reader() as catalog:
        found = catalog.cluster_members.membership(1)
    bound = sorted(found.probabilities.tolist())[-4]
    strong = set(found.image_ids[found.probabilities >= bound].tolist())

    actions.add_to_bank(store, ONE, 1, bank, min_probability=bound)

    assert 0 < len(strong) < len(family)
    assert images_in(store, bank) == strong


def test_removed_images_do_not_join(store: Store, family: list[int], bank: str) -> None:
    with store.writer() as writer:
        writer.images.remove(family[:3])

    actions.add_to_bank(store, ONE, 1, bank)

    assert images_in(store, bank) == set(family[3:])


@pytest.mark.parametrize("change", ["removed", "disabled"])
def test_an_action_whose_entries_changed_is_not_undone(
    store: Store, family: list[int], bank: str, change: str
) -> None:
    action = actions.add_to_bank(store, ONE, 1, bank)
    with store.writer() as writer:
        [entry] = writer.images.get_many([family[0]])[family[0]].entries
        writer.entries.remove([entry.id]) if change == "removed" else writer.entries.disable(
            [entry.id]
        )
    before = images_in(store, bank)

    with pytest.raises(
        UndoRefused, match=rf"Of the 8 entries .* 1 were changed since \({entry.id}"
    ):
        actions.undo(store, action.id)

    assert images_in(store, bank) == before
    with store.reader() as catalog:
        assert catalog.cluster_actions.get(action.id).undone_at is None


def test_nothing_is_undone_twice(store: Store, family: list[int], bank: str) -> None:
    action = actions.add_to_bank(store, ONE, 1, bank)
    actions.undo(store, action.id)
    actions.add_to_bank(store, ONE, 1, bank)

    with pytest.raises(UndoRefused, match="was undone"):
        actions.undo(store, action.id)

    assert images_in(store, bank) == set(family)


# --- decisions -----------------------------------------------------------------------------------


def outcomes(store: Store, *, superseded: bool = False) -> list[tuple[str, Outcome]]:
    with store.reader() as catalog:
        found = catalog.decisions.page(superseded=superseded)
    return [(decision.query_sha256, decision.outcome) for decision in found]


def digest(seed: int) -> str:
    return new_image(seed).sha256.hex()


def test_a_decision_is_about_each_listed_match_of_a_member(
    store: Store, space: Space, family: list[int], bank: str
) -> None:
    entry = list_matches(store, space, *family[:3])

    action = actions.decide(store, ONE, 1, Outcome.REJECTED, analyst="jo", note="statues")

    assert bank
    assert action.kind is ActionKind.DECISION
    assert (action.detail["decisions"], action.detail["new_entries"]) == (3, 0)
    assert outcomes(store) == [(digest(seed), Outcome.REJECTED) for seed in range(3)]
    with store.reader() as catalog:
        [decision, *_] = catalog.decisions.page()
    assert (decision.entry_id, decision.image_id) == (entry, None)
    assert (decision.tier, decision.decided_by) == (Tier.NEAR_DUPLICATE, Signal.PDQ)
    assert (decision.analyst, decision.note) == ("jo", "statues")


@pytest.mark.postgres
def test_undoing_a_decision_brings_back_what_it_took_the_place_of(
    store: Store, space: Space, family: list[int], bank: str
) -> None:
    entry = list_matches(store, space, *family[:3])
    with store.writer() as writer:
        for seed, outcome in enumerate((Outcome.ESCALATED, Outcome.REJECTED)):
            writer.decisions.add(NewDecision(new_image(seed).sha256, outcome, entry_id=entry))
    before = outcomes(store)

    action = actions.decide(store, ONE, 1, Outcome.REJECTED, bank="benign")

    assert bank
    assert (action.detail["decisions"], action.detail["unchanged"]) == (2, 1)
    assert {outcome for _, outcome in outcomes(store)} == {Outcome.REJECTED}
    assert images_in(store, "benign") == set(family)
    actions.undo(store, action.id)
    assert outcomes(store) == before
    assert images_in(store, "benign") == set()


def test_a_decision_that_another_took_the_place_of_is_not_undone(
    store: Store, space: Space, family: list[int], bank: str
) -> None:
    entry = list_matches(store, space, *family[:3])
    action = actions.decide(store, ONE, 1, Outcome.REJECTED, bank="benign")
    with store.writer() as writer:
        writer.decisions.add(NewDecision(new_image(0).sha256, Outcome.CONFIRMED, entry_id=entry))

    with pytest.raises(UndoRefused, match="Of the 3 decisions"):
        actions.undo(store, action.id)

    assert bank
    assert images_in(store, "benign") == set(family)
    assert len(outcomes(store)) == 3


def test_confirmed_members_join_a_block_bank_without_a_listed_match(
    store: Store, family: list[int], bank: str
) -> None:
    action = actions.decide(store, ONE, 1, Outcome.CONFIRMED, bank=bank)

    assert (action.detail["decisions"], action.detail["new_entries"]) == (0, 8)
    assert images_in(store, bank) == set(family)


@pytest.mark.parametrize(
    ("outcome", "bank_named"),
    [
        (Outcome.CONFIRMED, "benign"),
        (Outcome.REJECTED, "unsafe"),
        (Outcome.ESCALATED, "unsafe"),
        (Outcome.CONFIRMED, None),
    ],
)
def test_a_decision_with_the_wrong_bank_or_about_nothing_changes_nothing(
    store: Store, family: list[int], bank: str, outcome: Outcome, bank_named: str | None
) -> None:
    assert family
    assert bank
    with pytest.raises(InputError):
        actions.decide(store, ONE, 1, outcome, bank=bank_named)

    with store.reader() as catalog:
        assert catalog.cluster_actions.page() == []
    assert images_in(store, "unsafe") == images_in(store, "benign") == set()


# --- previews ------------------------------------------------------------------------------------


@pytest.mark.postgres
def test_a_preview_says_what_an_action_would_touch_and_changes_nothing(
    store: Store, space: Space, family: list[int], bank: str
) -> None:
    entry = list_matches(store, space, *family[:3])
    with store.writer() as writer:
        writer.decisions.add(NewDecision(new_image(0).sha256, Outcome.REJECTED, entry_id=entry))
        writer.entries.add(writer.banks.id_of("benign"), family[1:2])
        writer.entries.add(writer.banks.id_of(bank), family[1:4])
        writer.images.remove(family[6:])
        head = writer.log.head()
        audited_before = len(writer.audit.page(AuditQuery()))

    banked = actions.preview(store, lambda store: actions.add_to_bank(store, ONE, 1, bank))
    decided = actions.preview(store, lambda store: actions.decide(store, ONE, 1, Outcome.REJECTED))

    assert (banked.detail["members"], banked.detail["new_entries"]) == (6, 3)
    assert (banked.weak, banked.removed, banked.suppressed) == (0, 2, 2)
    assert (decided.detail["decisions"], decided.detail["unchanged"]) == (2, 1)
    assert images_in(store, bank) == {None, *family[1:4]}
    with store.reader() as catalog:
        assert catalog.cluster_actions.page() == []
        assert catalog.log.head() == head
        assert len(catalog.audit.page(AuditQuery())) == audited_before


def test_a_preview_counts_the_members_that_a_probability_leaves_out(
    store: Store, family: list[int], bank: str
) -> None:
    with store.reader() as catalog:
        bound = sorted(catalog.cluster_members.membership(1).probabilities.tolist())[-4]

    found = actions.preview(
        store, lambda store: actions.add_to_bank(store, ONE, 1, bank, min_probability=bound)
    )

    assert found.weak + found.detail["members"] == len(family)
    assert found.weak > 0


def test_the_preview_of_what_is_refused_is_refused(
    store: Store, family: list[int], bank: str
) -> None:
    assert family
    assert bank
    with pytest.raises(InputError):
        actions.preview(store, lambda store: actions.decide(store, ONE, 1, Outcome.CONFIRMED))


# --- in general ----------------------------------------------------------------------------------


ACTIONS: dict[str, Callable[[Store], ClusterAction]] = {
    "label": lambda store: actions.label(store, 1, "statues"),
    "note": lambda store: actions.note(store, 1, "a private note"),
    "bank": lambda store: actions.add_to_bank(store, ONE, 1, "unsafe"),
    "decision": lambda store: actions.decide(
        store, ONE, 1, Outcome.REJECTED, bank="benign", note="a private note"
    ),
}


@pytest.mark.parametrize(("kind", "act"), ACTIONS.items(), ids=ACTIONS)
def test_an_action_and_its_undoing_are_in_the_audit_log(
    store: Store, family: list[int], bank: str, kind: str, act: Callable[[Store], Any]
) -> None:
    with acting_as(ANALYST, "request-1"):
        action = act(store)
        actions.undo(store, action.id)

    assert family
    assert bank
    for name in (f"cluster.{kind}", "cluster.undo"):
        [row] = audited(store, name)
        assert (row.actor, row.request_id) == (ANALYST, "request-1")
        assert (row.subject, row.subject_id) == ("cluster", "1")
        assert json.loads(row.detail)["action_id"] == action.id
        assert "private" not in row.detail


def test_the_actions_of_a_cluster_are_listed_oldest_first(
    store: Store, family: list[int], bank: str
) -> None:
    done = [act(store) for act in ACTIONS.values()]

    assert family
    assert bank
    with store.reader() as catalog:
        assert catalog.cluster_actions.page(1) == done
        assert catalog.cluster_actions.page(2) == []
        assert catalog.cluster_actions.page(1, after_id=done[1].id, limit=1) == [done[2]]


@pytest.mark.parametrize(
    "act",
    [
        lambda store: actions.label(store, 77, "statues"),
        lambda store: actions.note(store, 77, "statues"),
        lambda store: actions.add_to_bank(store, ONE, 77, "unsafe"),
        lambda store: actions.add_to_bank(store, ONE, 1, "nowhere"),
        lambda store: actions.add_to_bank(store, ONE, 1, "unsafe", run_id=5),
        lambda store: actions.decide(store, ONE, 77, Outcome.CONFIRMED, bank="unsafe"),
        lambda store: actions.undo(store, 77),
    ],
)
def test_what_is_not_there_is_not_acted_on(
    store: Store, family: list[int], bank: str, act: Callable[[Store], Any]
) -> None:
    assert family
    assert bank
    with pytest.raises(NotFoundError):
        act(store)


def test_a_probability_out_of_bounds_is_refused(store: Store, family: list[int], bank: str) -> None:
    assert family
    with pytest.raises(InputError, match=r"from 0 to 1, got 1\.5"):
        actions.add_to_bank(store, ONE, 1, bank, min_probability=1.5)
