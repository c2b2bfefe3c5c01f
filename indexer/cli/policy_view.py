"""Policy replays on a terminal: counts by action, changes and examples."""

from indexer.cli.output import counted, print_table
from indexer.policy import ActionChange, PolicyReplay
from indexer.runtime.terminal import echo

_NO_ACTION = "none"
_DIGITS = 12  # of a SHA-256


def print_replay(replay: PolicyReplay) -> None:
    """Print what a policy would change of stored verdicts."""
    if not replay.verdicts:
        echo("No verdicts are stored. Searches with pictures store them (LOOKALIKE_KEEP_VERDICTS).")
        return
    against = (
        f"{replay.against}, version {replay.against_version}" if replay.against else "no policy"
    )
    stored = counted(replay.verdicts, "stored verdict", "stored verdicts")
    echo(f"{stored} since {replay.oldest:%Y-%m-%d %H:%M}: {replay.name} against {against}.")
    echo()
    print_table(
        None,
        ["action", "before", "after"],
        [(action, replay.before.get(action), count) for action, count in replay.after.items()],
    )
    echo()
    echo(f"{counted(replay.changed, 'verdict', 'verdicts')} would change.")
    if not replay.changes:
        return
    echo()
    print_table(
        "Changes, with analysts' decisions on the same pictures",
        ["change", "verdicts", *replay.changes[0].decisions, "2 persons"],
        [
            (_change(each), each.count, *each.decisions.values(), each.two_person)
            for each in replay.changes
        ],
    )
    echo()
    print_table(
        "Examples",
        ["verdict", "change", "decision", "rule before", "rule after", "query"],
        [
            (
                example.id,
                _change(change),
                example.decision,
                example.rule_before,
                example.rule_after,
                example.query_sha256[:_DIGITS],
            )
            for change in replay.changes
            for example in change.examples
        ],
    )


def _change(change: ActionChange) -> str:
    return f"{change.before or _NO_ACTION} to {change.after}"
