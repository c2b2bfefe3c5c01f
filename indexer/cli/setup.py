"""`init` and `status`: make an index, see what it holds."""

from dataclasses import asdict

import typer

from indexer.cli.options import AsJson, ModelReference, load
from indexer.cli.output import print_json, print_table


def init(model: ModelReference = None) -> None:
    """Create the index, or bring it up to date, and bind it to its model.

    Running it again changes nothing. An index keeps its model for life.

    Example: LOOKALIKE_HOME=~/nsfw-index lookalike init
    """
    from indexer.spaces import bind_space  # noqa: PLC0415 -- keeps --help quick
    from indexer.store import open_store, upgrade  # noqa: PLC0415

    settings = load(model)
    upgrade(settings.resolved_database_url)
    with open_store(settings.resolved_database_url) as store:
        space = bind_space(store, settings)
    typer.echo(
        f"The index under {settings.home} is ready: {space.dimension}-d embeddings, "
        f"labels {', '.join(space.labels)}."
    )


def status(*, as_json: AsJson = False) -> None:
    """Show what the index holds.

    Example: lookalike status --json
    """
    from indexer.store import open_store  # noqa: PLC0415 -- keeps --help quick

    settings = load()
    with open_store(settings.resolved_database_url) as store, store.reader() as catalog:
        space = catalog.active_space()
        counts = catalog.counts()
        banks = catalog.banks()
        database = store.location
    if as_json:
        print_json(
            {
                "home": settings.home.absolute(),
                "database": database,
                "space": space,
                "counts": counts,
                "banks": banks,
            }
        )
        return
    rows = [("home", settings.home.absolute()), ("database", database)]
    if space:
        rows += [("model", space.model), ("space", space.fingerprint)]
    rows += [(name.replace("_", " "), value) for name, value in asdict(counts).items()]
    print_table("Index", ["what", "value"], rows)
    print_table(
        "Banks", ["bank", "kind", "entries"], [(b.name, b.kind, b.entry_count) for b in banks]
    )
