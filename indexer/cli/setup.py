"""`init` and `status`: creation and contents of an index."""

from typing import TYPE_CHECKING

from indexer.cli.options import AsJson, ModelReference, load, opened
from indexer.cli.output import print_facts, print_json, print_table
from indexer.runtime.terminal import echo

if TYPE_CHECKING:  # it loads the views' libraries
    from indexer.types import Status


def init(model: ModelReference = None) -> None:
    """Create the index and bind it to its model.

    Also upgrades an existing index. Running it again changes nothing. `lookalike model reembed`
    brings an index over to another model.

    Example: LOOKALIKE_HOME=~/nsfw-index lookalike init
    """
    from indexer.embedding_space import bind_space
    from indexer.store import upgrade

    settings = load(model)
    upgrade(settings.resolved_database_url)
    with opened(settings) as store:
        space = bind_space(store, settings)
    echo(
        f"The index under {settings.home} is ready: {space.dimension}-d embeddings, "
        f"classes {', '.join(space.labels)}."
    )


def status(*, as_json: AsJson = False) -> None:
    """Show what the index holds.

    Counts, banks, how current the views are, and disk usage.

    Example: lookalike status --json
    """
    from indexer.upkeep.status import read_status

    settings = load()
    with opened(settings) as store:
        status = read_status(store, settings)
    if as_json:
        print_json(status)
    else:
        _print_status(status)


def _print_status(status: "Status") -> None:
    from rich.filesize import decimal

    rows: list[tuple[str, object]] = [("home", status.home), ("database", status.database)]
    if status.space:
        rows += [("model", status.space.model), ("space", status.space.fingerprint)]
    counts = status.counts
    rows += [
        ("images", counts.images),
        ("parts", counts.parts),
        ("sources", counts.sources),
        ("embeddings", counts.embeddings),
        *(("vectors", f"{n} of space {key}") for key, n in counts.embeddings_by_space.items()),
        ("bank entries", counts.entries),
        ("purged", counts.purged),
        ("quarantined", counts.quarantined),
        *((f"quarantined: {code}", n) for code, n in counts.quarantined_by_code.items()),
        ("changes", counts.changes),
        ("database on disk", decimal(status.database_bytes)),
        ("views on disk", decimal(status.views_bytes)),
    ]
    print_facts("Index", rows)
    echo()
    banks = [(bank.name, bank.kind, bank.entry_count) for bank in status.banks]
    print_table("Banks", ["bank", "kind", "entries"], banks)
    echo()
    views = [
        (
            v.name,
            v.watermark,
            v.lag,
            v.vectors,
            v.codes or "none",
            decimal(v.memory_bytes),
            decimal(v.mapped_bytes),
            decimal(v.byte_size),
            v.written_at or "never",
        )
        for v in status.views
    ]
    columns = [
        "view",
        "watermark",
        "behind",
        "vectors",
        "codes",
        "in memory",
        "mapped",
        "on disk",
        "newest snapshot",
    ]
    print_table("Views", columns, views)
    for view in status.views:
        if view.has_refused_lists:
            echo(
                f"{view.name}: its inverted lists did not reach LOOKALIKE_RECALL_TARGET, so a "
                "search compares all vectors, which is exact and slow."
            )
    if status.engines:
        echo()
        engines = [
            (
                e.address,
                e.state.value,
                e.watermark,
                e.lag,
                e.vectors,
                "not measured" if e.recall is None else f"{e.recall:.4f}",
            )
            for e in status.engines
        ]
        print_table(
            "Vector engines",
            ["engine", "state", "watermark", "behind", "vectors", "recall"],
            engines,
        )
