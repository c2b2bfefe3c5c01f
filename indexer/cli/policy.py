"""`policy`: rules on what is to be done about a verdict."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.commands import Commands
from indexer.cli.options import AsJson, load, opened
from indexer.cli.output import counted, print_json, print_table
from indexer.errors import IndexNotInitialised, InputError, InvalidPolicy
from indexer.runtime.terminal import echo
from indexer.settings import Settings

if TYPE_CHECKING:  # it loads SQLAlchemy
    from indexer.policy import CheckedPolicy

app = Commands(help="Say what to do about each verdict.")

Problem = tuple[int | None, str | None, str]
"""Line, key and what is wrong."""
PolicyFile = Annotated[Path, typer.Argument(metavar="FILE", help="The policy, in TOML.")]


@app.command()
def init(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file to write; default policy.toml.")
    ] = Path("policy.toml"),
    *,
    as_json: AsJson = False,
) -> None:
    """Write the built-in default policy to a file.

    An existing file is left as it is. Rules on classes are written for the classes that the default
    policy knows of the index's model.

    Example: lookalike policy init policy.toml
    """
    from indexer.policy import default_policy

    text = default_policy(_labels(load()))
    try:
        with file.open("x", encoding="utf-8") as written:
            written.write(text)
    except FileExistsError:
        raise InputError(f"{file} exists. Name another file, or remove it first.") from None
    except OSError as error:
        raise InputError(f"Cannot write {file}: {error.strerror}. Name another file.") from error
    if as_json:
        print_json({"file": file, "bytes": len(text.encode())})
        return
    echo(f"Default policy written to {file}. `lookalike policy use {file}` puts it in force.")


@app.command()
def check(file: PolicyFile, *, as_json: AsJson = False) -> None:
    """Validate a policy file.

    Names every problem by line and key, and exits with 2. Classes are compared with those of the
    index's model, and banks with those that exist, if there is an index.

    Example: lookalike policy check policy.toml
    """
    from indexer.policy import read_policy_file

    settings = load()
    try:
        checked = _check(settings, read_policy_file(file), file)
    except InvalidPolicy as error:
        if as_json:
            print_json({"valid": False, "problems": _rows(error.problems), "warnings": []})
        else:
            for problem in error.problems:
                echo(f"{file}: {_line(problem)}")
            echo(f"{counted(len(error.problems), 'problem', 'problems')}.")
        raise typer.Exit(InvalidPolicy.exit_code) from None
    if as_json:
        warnings = _rows(checked.warnings)
        print_json({"valid": True, "problems": [], "warnings": warnings})
        return
    _print_warnings(file, checked)
    rules = counted(len(checked.document.rules), "rule", "rules")
    echo(f"{file} is a valid policy: {checked.document.name}, {rules}.")


@app.command()
def use(file: PolicyFile, *, as_json: AsJson = False) -> None:
    """Put a policy in force.

    It becomes a new version, which every verdict cites from then on; running servers take it over
    within a second. The same document again changes nothing.

    Example: lookalike policy use policy.toml
    """
    from indexer.policy import check_policy, read_policy_file

    text = read_policy_file(file)
    with opened() as store, store.writer() as writer:
        checked = check_policy(writer, text, str(file))
        before = writer.policies.version_in_force()
        policy = writer.policies.put_in_force(checked.document.name, text)
    if as_json:
        print_json(policy)
        return
    _print_warnings(file, checked)
    already = " already" if policy.version == before else ""
    echo(f"Policy {policy.name}, version {policy.version}, is{already} in force.")


@app.command()
def retire(*, as_json: AsJson = False) -> None:
    """Take the policy out of force.

    Verdicts then have no action. `policy show VERSION` still shows it.

    Example: lookalike policy retire
    """
    with opened() as store, store.writer() as writer:
        policy = writer.policies.retire()
    if as_json:
        print_json({"retired": policy})
    elif policy is None:
        echo("No policy is in force.")
    else:
        echo(f"Policy {policy.name}, version {policy.version}, is no longer in force.")


@app.command()
def show(
    version: Annotated[
        int | None,
        typer.Argument(metavar="VERSION", min=1, help="By default the version in force."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show the policy in force, or a version.

    Without a policy in force, the built-in default is shown. The output is a valid policy file.

    Example: lookalike policy show 1
    """
    from indexer.policy import default_policy

    with opened() as store, store.reader() as catalog:
        policy = catalog.policies.in_force() if version is None else catalog.policies.get(version)
    if policy is None:
        text = default_policy(_labels(load()))
        if as_json:
            print_json({"in_force": False, "document": text})
            return
        echo("# No policy is in force, and verdicts have no action. This is the built-in default.")
        _print_document(text)
        return
    if as_json:
        print_json(policy)
        return
    state = f"retired {policy.retired_at:%Y-%m-%d %H:%M}" if policy.retired_at else "in force"
    since = f"{policy.created_at:%Y-%m-%d %H:%M}"
    echo(f"# Policy {policy.name}, version {policy.version}, since {since}, {state}.")
    _print_document(policy.document)


@app.command("list")
def list_policies(*, as_json: AsJson = False) -> None:
    """List the versions of the policy.

    Newest first.

    Example: lookalike policy list --json
    """
    with opened() as store, store.reader() as catalog:
        policies = catalog.policies.page()
    if as_json:
        print_json(policies)
        return
    print_table(
        "Policies",
        ["version", "name", "since", "retired"],
        [(each.version, each.name, each.created_at, each.retired_at) for each in policies],
    )


@app.command("test")
def replay_verdicts(
    file: PolicyFile,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN", help="Only verdicts from this time on: 7d, yesterday or 2027-01-31."
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Only the newest verdicts, at most N.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show what a policy would change.

    Applies the policy to the stored verdicts, newest first, and compares with the policy in force,
    applied to the same verdicts. Changes nothing. How analysts decided on a query's bytes is
    counted beside each change.

    Example: lookalike policy test policy.toml --since 7d
    """
    from indexer.cli.policy_view import print_replay
    from indexer.cli.progress import show_progress
    from indexer.cli.time_arguments import parse_earlier
    from indexer.policy import check_policy, read_policy_file, replay_policy

    moment = parse_earlier(since, datetime.now(UTC)) if since else None
    text = read_policy_file(file)
    with opened() as store, store.reader() as catalog, show_progress() as progress:
        checked = check_policy(catalog, text, str(file))
        replay = replay_policy(
            catalog,
            checked.document,
            since=moment,
            limit=limit,
            on_progress=lambda done: progress("verdicts", done, None),
        )
    if as_json:
        print_json(replay)
        return
    _print_warnings(file, checked)
    print_replay(replay)


def _check(settings: Settings, text: str, file: Path) -> "CheckedPolicy":
    """Check a policy, against the index if there is one."""
    from indexer.policy import check_policy

    try:
        with opened(settings) as store, store.reader() as catalog:
            return check_policy(catalog, text, str(file))
    except IndexNotInitialised:
        return check_policy(None, text, str(file))


def _labels(settings: Settings) -> tuple[str, ...] | None:
    """Return the classes of the index's model; None without an index."""
    from indexer.embedding_space import bound_space

    try:
        with opened(settings) as store:
            return bound_space(store).labels
    except IndexNotInitialised:
        return None


def _line(problem: Problem) -> str:
    line, key, message = problem
    return ": ".join(filter(None, (f"line {line}" if line else None, key, message)))


def _rows(problems: Iterable[Problem]) -> list[dict[str, object]]:
    return [dict(zip(("line", "key", "message"), problem, strict=True)) for problem in problems]


def _print_document(text: str) -> None:
    for line in text.splitlines():
        echo(line)


def _print_warnings(file: Path, checked: "CheckedPolicy") -> None:
    for problem in checked.warnings:
        echo(f"{file}: warning: {_line(problem)}", err=True)
