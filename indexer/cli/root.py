"""Command tree, and the mapping of errors to exit codes."""

import getpass
import os
from typing import Annotated, Any

import typer

import indexer
from indexer.cli import (
    audit,
    bank,
    cluster,
    db,
    decision,
    evaluate,
    flood,
    generate,
    index,
    key,
    model,
    policy,
    retroscan,
    search,
    setup,
    space,
    template,
    threshold,
    upkeep,
)
from indexer.cli.commands import Commands, Group
from indexer.errors import LookalikeError
from indexer.runtime.actor import Actor, acting_as
from indexer.runtime.terminal import echo, printable

_UsageError: Any = typer.BadParameter.__base__  # of click or of the copy that typer brings
INTERRUPTED = 130  # 128 + SIGINT, as shells report it


class Root(Group):
    """Prints errors of ours in one line, without a traceback, and exits with their code."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments; `version` is `--version`."""
        return super().parse_args(ctx, ["--version"] if args == ["version"] else args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except _UsageError as error:
            error.message = printable(error.message)
            raise
        except LookalikeError as error:
            echo(f"Error ({error.code}): {error}", err=True)
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt:
            echo("Interrupted. Committed work is kept; run it again to continue.", err=True)
            raise typer.Exit(INTERRUPTED) from None


app = Commands(
    cls=Root,
    name="lookalike",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(value: bool) -> None:  # noqa: FBT001 -- typer calls it so
    if value:
        echo(f"lookalike {indexer.__version__}")
        raise typer.Exit


def _name_of_user() -> str:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # a container's user may have a number alone
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"


@app.callback()
def root(
    context: typer.Context,
    *,
    version: Annotated[  # noqa: ARG001 -- its callback prints it
        bool,
        typer.Option(
            "--version", "-V", callback=_print_version, is_eager=True, help="Show the version."
        ),
    ] = False,
) -> None:
    """Find lookalikes of known unsafe images.

    All state is stored under LOOKALIKE_HOME (default ~/.lookalike). LOOKALIKE_DATABASE_URL moves
    the metadata to Postgres.

    Example: lookalike init && lookalike index add photos/ --bank known-unsafe
    """
    context.with_resource(acting_as(Actor("user", _name_of_user())))


app.command("init")(setup.init)
app.command("status")(setup.status)
app.command("verify")(upkeep.verify)
app.command("repair")(upkeep.repair)
app.command("doctor")(upkeep.doctor)
app.command("search")(search.search)
app.command("classify")(search.classify)
app.command("evaluate")(evaluate.evaluate)
app.add_typer(index.app, name="index")
app.add_typer(bank.app, name="bank")
app.add_typer(decision.app, name="decision")
app.add_typer(retroscan.app, name="retro-scan")
app.add_typer(flood.app, name="flood")
app.add_typer(template.app, name="template")
app.add_typer(policy.app, name="policy")
app.add_typer(threshold.app, name="threshold")
app.add_typer(cluster.app, name="cluster")
app.add_typer(key.app, name="key")
app.add_typer(audit.app, name="audit")
app.add_typer(model.app, name="model")
app.add_typer(space.app, name="space")
app.add_typer(generate.app, name="generate")
app.add_typer(db.app, name="db")
