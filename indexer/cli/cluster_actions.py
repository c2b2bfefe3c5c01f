"""`cluster label`, `note`, `bank`, `decide` and `undo`: analysts' actions."""

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.options import AsJson, load, opened
from indexer.cli.output import counted, print_json
from indexer.errors import InputError
from indexer.runtime.terminal import echo
from indexer.types import ActionKind, ActionPreview, ClusterAction, Outcome

if TYPE_CHECKING:  # it loads SQLAlchemy
    from indexer.store import Store

ClusterNumber = Annotated[int, typer.Argument(metavar="CLUSTER", min=1, help="The cluster.")]
MinProbability = Annotated[
    float,
    typer.Option("--min-probability", min=0, max=1, help="Minimum membership probability."),
]
OfRun = Annotated[
    int | None,
    typer.Option(
        "--run", min=1, metavar="RUN", help="Members as of this run; by default the newest."
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what the action would touch.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask on a terminal.")]


def label(
    cluster: ClusterNumber,
    name: Annotated[str, typer.Argument(metavar="NAME", help="At most 100 characters.")],
    *,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Name a cluster.

    The cluster keeps its name in later runs. On a terminal, shows what it will touch
    and asks first.

    Example: lookalike cluster label 31 statues
    """
    from indexer.clustering import actions

    with opened() as store:
        action = _carry_out(
            store,
            lambda store: actions.label(store, cluster, name),
            dry_run=dry_run,
            yes=yes,
            as_json=as_json,
        )
    if action:
        _print(action, f"Cluster {cluster} is called {action.detail['name']} now.", as_json=as_json)


def note(
    cluster: ClusterNumber,
    text: Annotated[str | None, typer.Argument(metavar="TEXT", help="The note.")] = None,
    *,
    clear: Annotated[bool, typer.Option("--clear", help="Remove the note.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write or clear a cluster's note.

    The new note replaces the old one.

    Example: lookalike cluster note 31 "seen in two campaigns"
    """
    from indexer.clustering import actions

    if (text is None) is not clear:
        raise InputError("Pass either the note's TEXT or --clear.")
    with opened() as store:
        action = actions.note(store, cluster, text or "")
    done = "removed" if clear else "kept"
    _print(action, f"The note of cluster {cluster} is {done}.", as_json=as_json)


def bank(
    cluster: ClusterNumber,
    bank: Annotated[str, typer.Argument(metavar="BANK", help="An existing bank.")],
    min_probability: MinProbability = 0.0,
    run: OfRun = None,
    *,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Add a cluster's members to a bank.

    Members that are already entries stay unchanged. On a terminal, shows what it will touch and
    asks first.

    Example: lookalike cluster bank 31 known-unsafe --min-probability 0.5
    """
    from indexer.clustering import actions
    from indexer.reviews.rules import Signatory

    signatory = Signatory.of_command(settings := load())
    with opened(settings) as store:
        action = _carry_out(
            store,
            lambda store: actions.add_to_bank(
                store, signatory, cluster, bank, min_probability=min_probability, run_id=run
            ),
            dry_run=dry_run,
            yes=yes,
            as_json=as_json,
        )
    if action:
        _print(action, _counts(action), as_json=as_json)


def decide(
    cluster: ClusterNumber,
    outcome: Annotated[
        Outcome,
        typer.Option(
            help="confirmed: a true match; rejected: a false match; escalated: others decide."
        ),
    ],
    bank: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Bank to add members to: a block bank if confirmed, an allow bank if rejected.",
        ),
    ] = None,
    min_probability: MinProbability = 0.0,
    run: OfRun = None,
    *,
    analyst: Annotated[str | None, typer.Option(metavar="NAME", help="Who decided.")] = None,
    note: Annotated[str | None, typer.Option(help="Reason for the decision.")] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Decide on all retro-scan matches of a cluster.

    Records the outcome for every match that retro-scans listed for its members. With --bank the
    members also join a bank. On a terminal, shows what it will touch and asks first.

    Example: lookalike cluster decide 31 --outcome rejected --bank known-benign
    """
    from indexer.clustering import actions
    from indexer.reviews.rules import Signatory

    signatory = Signatory.of_command(settings := load(), analyst)
    with opened(settings) as store:
        action = _carry_out(
            store,
            lambda store: actions.decide(
                store,
                signatory,
                cluster,
                outcome,
                bank=bank,
                min_probability=min_probability,
                run_id=run,
                analyst=analyst,
                note=note,
            ),
            dry_run=dry_run,
            yes=yes,
            as_json=as_json,
        )
    if action:
        _print(action, _counts(action), as_json=as_json)


def undo(
    action: Annotated[int, typer.Argument(metavar="ACTION", min=1, help="The action, as listed.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Undo a cluster action.

    Refused if anything it changed has been changed since.

    Example: lookalike cluster undo 12
    """
    from indexer.clustering import actions

    with opened() as store:
        undone = actions.undo(store, action)
    if as_json:
        print_json(undone)
    else:
        echo(f"Action {action} is undone: {undone.kind} of cluster {undone.cluster_id}.")


def _carry_out(
    store: "Store",
    act: Callable[["Store"], ClusterAction],
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> ClusterAction | None:
    """Carry out an action, or show what it would touch; ask first where somebody can answer.

    Nobody is asked without a terminal: every action can be undone.
    """
    from indexer.clustering.actions import preview

    asks = not yes and sys.stdin.isatty()
    if dry_run or asks:
        previewed = preview(store, act)
        if dry_run and as_json:
            print_json({"dry_run": True, "action": previewed})
            return None
        for line in _preview_lines(previewed):
            echo(line, err=as_json)
    if dry_run:
        return None
    if asks:
        typer.confirm("Carry it out?", abort=True, err=True)
    return act(store)


def _preview_lines(previewed: ActionPreview) -> Iterator[str]:
    """Yield what an action would touch, a line each."""
    said = previewed.detail
    if previewed.kind is ActionKind.LABEL:
        yield (
            f"Cluster {previewed.cluster_id} would be called {said['name']} in all runs, "
            f"no longer {said['before']}."
        )
        return
    left_out = [
        f"{previewed.removed} removed from the index" if previewed.removed else "",
        f"{previewed.weak} below probability {said['min_probability']:g}" if previewed.weak else "",
    ]
    without = ", ".join(part for part in left_out if part)
    yield (
        f"{counted(said['members'], 'member', 'members')} of cluster {previewed.cluster_id} "
        f"in run {previewed.run_id}{f' (left out: {without})' if without else ''}"
    )
    if "decisions" in said:
        yield (
            f"{counted(said['decisions'], 'match', 'matches')} would be {said['outcome']}, "
            f"{said['unchanged']} already so"
        )
    if said["bank"]:
        known = said["members"] - said["new_entries"]
        yield (
            f"{counted(said['new_entries'], 'new entry', 'new entries')} in bank {said['bank']}, "
            f"{counted(known, 'member is', 'members are')} already in it"
        )
    if said.get("awaits_signature"):
        yield str(said["message"])
    yield (
        f"{counted(previewed.suppressed, 'member is', 'members are')} suppressed: rejected by an "
        "analyst, or in an allow bank"
    )


def _counts(action: ClusterAction) -> str:
    """Say what was done to the members of a cluster."""
    said = action.detail
    if said.get("awaits_signature"):
        return str(said["message"])
    parts = [f"{said['members']} members of cluster {action.cluster_id} in run {action.run_id}"]
    if "decisions" in said:
        parts.append(f"{said['decisions']} matches {said['outcome']}, {said['unchanged']} before")
    if said["bank"]:
        parts.append(f"{said['new_entries']} new entries in bank {said['bank']}")
    return f"{'; '.join(parts)}."


def _print(action: ClusterAction, sentence: str, *, as_json: bool) -> None:
    if as_json:
        print_json(action)
        return
    echo(sentence)
    echo(f"Undo with: lookalike cluster undo {action.id}")
