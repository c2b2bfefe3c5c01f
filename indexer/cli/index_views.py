"""`index rebuild` and `index snapshot`: views on disk."""

from collections.abc import Sequence
from pathlib import Path

from indexer.cli.options import AsJson, load, opened
from indexer.cli.output import print_json
from indexer.runtime.terminal import echo


def rebuild(*, as_json: AsJson = False) -> None:
    """Rebuild the views from the change log.

    The old snapshots are kept until the new ones are complete. Programs that are running keep their
    views in memory: restart them. Needed only when `lookalike verify` finds that a view differs
    from the log.

    Example: lookalike index rebuild
    """
    from indexer.embedding_space import bound_space
    from indexer.vector_views import rebuild_views

    settings = load()
    with opened(settings) as store:
        written = rebuild_views(store, bound_space(store), settings)
    _print_written(written, as_json=as_json)


def snapshot(*, as_json: AsJson = False) -> None:
    """Write snapshots of the views now.

    The next program to open the views then has less to read. Snapshots are also written
    automatically, after LOOKALIKE_SNAPSHOT_EVERY changes or LOOKALIKE_SNAPSHOT_SECONDS.

    Example: lookalike index snapshot
    """
    from indexer.embedding_space import bound_space
    from indexer.vector_views import write_snapshots

    settings = load()
    with opened(settings) as store:
        written = write_snapshots(store, bound_space(store), settings)
    _print_written(written, as_json=as_json)


def _print_written(snapshots: Sequence[Path], *, as_json: bool) -> None:
    if as_json:
        print_json({"snapshots": snapshots})
    else:
        for path in snapshots:
            echo(path)
