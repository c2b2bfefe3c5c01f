"""`doctor`: machine, database, model and views, checked one by one."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from indexer.embedding_space import load_bound_encoder
from indexer.errors import LookalikeError
from indexer.model import Encoder, export_model
from indexer.policy import check_policy
from indexer.settings import Settings
from indexer.store import Store, open_store
from indexer.types import EngineState, ViewStatus
from indexer.upkeep.audit_checks import examine_audit
from indexer.upkeep.findings import Finding, State, problem_of
from indexer.upkeep.machine import examine_machine
from indexer.upkeep.permissions import examine_permissions
from indexer.upkeep.status import read_status

_WAL: Final = "wal"
_CLOCKS_APART: Final = timedelta(minutes=1)
_LONG_LAG: Final = 100_000  # changes; reading them takes minutes


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything; each thing is told as soon as it is known."""
    yield from examine_machine(settings)
    try:
        store = open_store(settings.resolved_database_url)
    except LookalikeError as error:
        yield problem_of("database", error)
        return
    with store:
        yield from examine_permissions(settings.home.absolute(), store.file)
        yield from _database(store)
        yield from examine_audit(store)
        yield from _policy(store)
        yield from _model(store, settings)
        yield from _views(store, settings)
        if settings.verifies:
            yield _verification(store)


def _database(store: Store) -> Iterator[Finding]:
    try:
        facts = store.maintenance.facts()
        store.maintenance.try_writing()
    except LookalikeError as error:
        yield problem_of("database", error)
        return
    yield Finding(
        "database", State.OK, f"{facts.product} at {store.location}, schema current, writable"
    )
    if facts.journal_mode not in {None, _WAL}:
        yield Finding(
            "journal",
            State.WARNING,
            f"mode {facts.journal_mode}: readers and the writer wait for each other",
            "Move the database to a local disk: this one does not support SQLite's WAL.",
        )
    yield _clock(facts.last_change_at)


def _clock(last_change_at: datetime | None) -> Finding:
    ahead = last_change_at - datetime.now(UTC) if last_change_at else timedelta()
    if ahead > _CLOCKS_APART:
        return Finding(
            "clock",
            State.WARNING,
            f"the last change was written {ahead} in the future",
            "Synchronise the clocks of all machines that write to the index.",
        )
    return Finding("clock", State.OK, f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")


def _policy(store: Store) -> Iterator[Finding]:
    """Compare the policy in force, if any, with the model's classes and the banks."""
    try:
        with store.reader() as catalog:
            policy = catalog.policies.in_force()
            if policy is None:
                return
            name = f"{policy.name}, version {policy.version}"
            checked = check_policy(catalog, policy.document, f"Policy {name},")
    except LookalikeError as error:
        yield problem_of("policy", error)
        return
    for line, key, message in checked.warnings:
        yield Finding(
            "policy",
            State.WARNING,
            f"{name}, line {line}: {key}: {message}",
            "Correct the rule, and put the policy in force with `lookalike policy use`.",
        )
    if not checked.warnings:
        yield Finding("policy", State.OK, f"{name}, agrees with the model's classes and the banks")


def _model(store: Store, settings: Settings) -> Iterator[Finding]:
    try:
        encoder, space = load_bound_encoder(store, settings)
        parity = _parity(encoder, settings)
    except LookalikeError as error:
        yield problem_of("model", error)
        return
    yield Finding(
        "model",
        State.OK,
        f"{encoder.card.reference}, the one that the index was built with "
        f"(space {space.fingerprint[:12]})",
    )
    yield Finding("runtime", State.OK, f"{encoder.runtime}{parity}")


def _parity(encoder: Encoder, settings: Settings) -> str:
    """Say how far the model's answers are from those of torch."""
    if encoder.runtime == "torch":
        return ""
    _, export = export_model(encoder.card.reference, settings.resolved_model_cache)
    if export.parity is None:
        return ""
    return (
        f"; against torch: probabilities within {export.parity.probability_difference:.1e}, "
        f"cosine {export.parity.cosine:.6f}"
    )


def _verification(store: Store) -> Finding:
    with store.reader() as catalog:
        lacking = catalog.local_features.count_lacking()
    if lacking:
        return Finding(
            "verification",
            State.WARNING,
            f"{lacking:,} images have no local features: matches with them are not verified",
            "Find them with `lookalike index add --features SOURCE...` on the same sources.",
        )
    return Finding("verification", State.OK, "every image can be verified")


def _views(store: Store, settings: Settings) -> Iterator[Finding]:
    status = read_status(store, settings)
    for view in status.views:
        found = f"{view.vectors} vectors in the newest snapshot, {view.lag} changes behind the log"
        if view.lag > _LONG_LAG:
            yield Finding(
                f"view {view.name}",
                State.WARNING,
                found,
                "Opening it is slow: write a snapshot with `lookalike index snapshot`.",
            )
        else:
            yield _searches_of(view, found, settings.recall_target)
    for engine in status.engines:
        found = f"{engine.state.value}, {engine.vectors} vectors, {engine.lag} changes behind"
        what = f"vector engine {engine.address}"
        if engine.state is EngineState.FORMER:
            yield Finding(
                what,
                State.WARNING,
                found,
                "Once every program was restarted, drop it with `lookalike index migrate --drop`.",
            )
        else:
            yield Finding(what, State.OK, found)


def _searches_of(view: ViewStatus, found: str, target: float) -> Finding:
    """Say whether a view is searched approximately, and whether that finds enough."""
    what = f"view {view.name}"
    if view.recall and not view.recall.reaches(target):
        return Finding(
            what,
            State.WARNING,
            f"{found}, recall {view.recall.words}, below the target of {target:g}",
            "Choose how many inverted lists are probed anew with `lookalike index rebuild`, or "
            "lower LOOKALIKE_RECALL_TARGET.",
        )
    if view.has_refused_lists:
        return Finding(
            what,
            State.WARNING,
            f"{found}, inverted lists did not reach the target recall: a search compares all",
            "Answers are exact and slow. Lower LOOKALIKE_RECALL_TARGET to accept less recall.",
        )
    return Finding(what, State.OK, f"{found}, recall {view.recall.words}" if view.recall else found)
