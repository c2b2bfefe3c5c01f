"""Vector views of one index: opening, rebuilding, erasing."""

import re
from pathlib import Path
from typing import NamedTuple

from indexer.engines.engine_choice import choose_engine, open_engine_view
from indexer.engines.engine_view import EngineView
from indexer.settings import Settings
from indexer.store import EmbeddingFeed, EntryPdqFeed, PdqFeed, Store
from indexer.types import Space
from indexer.vectors import LogView, SnapshotPolicy, VectorView
from indexer.vectors.binary_index import BinaryIndex
from indexer.vectors.codes.code_kinds import FLAT, code_kind
from indexer.vectors.faiss_index import FloatIndex
from indexer.vectors.inverted_lists.listed_index import ListedIndex, ListRule
from indexer.vectors.inverted_lists.view_lists import ListMaker
from indexer.vectors.snapshot_inventory import ViewFiles, read_inventory
from indexer.vectors.tiers import IN_MEMORY, TierRule
from indexer.vectors.view_folder import remove_view

_NAME = re.compile(r"embedding-[0-9a-f]{16}|pdq(-\d{1,3})?|entries|(pieces|patterns)-[0-9a-f]{16}")
"""What a view may be called; "pdq" alone was, by earlier versions."""


class Views(NamedTuple):
    """The views of one index, which queries search for candidates."""

    embeddings: LogView  # of images, in this process or in an engine
    pdqs: VectorView  # of images
    entries: VectorView  # of bank entries that are bare PDQ hashes; its keys are their ids

    @property
    def watermark(self) -> int:
        """The last change of the log that every view has applied."""
        return min(view.watermark for view in self)


def open_views(store: Store, space: Space, settings: Settings, *, from_log: bool = False) -> Views:
    """Open the views of a space; call their `catch_up` before searching.

    Parameters
    ----------
    store : Store
    space : Space
        The space whose embeddings are searched.
    settings : Settings
    from_log : bool
        Whether to start with nothing, passing over all snapshots. An engine is left as it is.

    Raises
    ------
    SettingsError
        `LOOKALIKE_VECTORS` does not name an engine that can be used.
    EngineMismatch
        The index uses another engine.
    """
    _, pdqs, entries = view_names(space, settings)
    policy = SnapshotPolicy(settings.snapshot_every, settings.snapshot_seconds)
    tier_rule(settings)
    engine = choose_engine(store, settings)
    return Views(
        open_engine_view(store, space, settings, engine)
        if engine
        else open_local_embeddings(store, space, settings, from_log=from_log),
        VectorView.open(
            settings.views_folder / pdqs,
            PdqFeed(store, settings.pdq_min_quality),
            BinaryIndex,
            policy,
            from_log=from_log,
        ),
        VectorView.open(
            settings.views_folder / entries,
            EntryPdqFeed(store),
            BinaryIndex,
            policy,
            from_log=from_log,
        ),
    )


def open_local_embeddings(
    store: Store, space: Space, settings: Settings, *, from_log: bool = False
) -> VectorView:
    """Open the view of a space's embeddings in this process; see `open_views`.

    Raises
    ------
    InvalidCodes
        The settings name codes that there are not, or that cannot be loaded.
    """
    folder = settings.views_folder / embedding_view(space.fingerprint)
    return VectorView.open(
        folder,
        EmbeddingFeed(store, space.id),
        lambda: _float_index(space.dimension, folder, settings),
        SnapshotPolicy(settings.snapshot_every, settings.snapshot_seconds),
        from_log=from_log,
    )


def _float_index(dimension: int, folder: Path, settings: Settings) -> FloatIndex:
    """Return an empty index that changes its tier as it grows."""
    tiers = tier_rule(settings)
    if settings.vector_codes != "auto":
        return FloatIndex(dimension, tiers, folder)
    rule = ListRule(
        settings.vector_lists_from,
        settings.vector_bits_from,
        ListMaker(target=settings.recall_target),
    )
    return ListedIndex(dimension, tiers, folder, rule)


def tier_rule(settings: Settings) -> TierRule:
    """Return which segments of embeddings are searched by codes.

    Raises
    ------
    InvalidCodes
        The settings name codes that there are not, or that cannot be loaded.
    """
    name = "sq8" if settings.vector_codes == "auto" else settings.vector_codes
    if name == FLAT:
        return IN_MEMORY
    code_kind(name)
    return TierRule(name, settings.vector_codes_from)


def view_names(space: Space, settings: Settings) -> tuple[str, str, str]:
    """Name the views: embeddings, PDQ, entries. What decides on their content is in the name."""
    return embedding_view(space.fingerprint), f"pdq-{settings.pdq_min_quality}", "entries"


def embedding_view(fingerprint: str) -> str:
    """Name the view of the embeddings of a space by its fingerprint."""
    return f"embedding-{fingerprint[:16]}"


def pieces_folder(space: Space, settings: Settings) -> Path:
    """Return where a cluster run leaves the index of the pieces that it compared."""
    return settings.views_folder / f"pieces-{space.fingerprint[:16]}"


def patterns_folder(space: Space, settings: Settings) -> Path:
    """Return where a cluster run leaves the graph of the images in which it found patterns."""
    return settings.views_folder / f"patterns-{space.fingerprint[:16]}"


def rebuild_views(store: Store, space: Space, settings: Settings) -> list[Path]:
    """Make every view anew from the log; return their snapshots, which replace all earlier ones.

    Programs that run meanwhile go on with what they have in memory. An engine's collection is
    dropped and filled again.

    Raises
    ------
    SnapshotNotWritten
        The disk is full or cannot be written; what was there before stays.
    EngineUnavailable
        The engine cannot be used; the next program goes on from what it acknowledged.
    """
    views = open_views(store, space, settings, from_log=True)
    if isinstance(views.embeddings, EngineView):
        views.embeddings.rebuild()
    for view in views:
        view.catch_up()
        if isinstance(view, VectorView):
            view.index.improve(_no_report)
    return _written(views, alone=True)


def write_snapshots(store: Store, space: Space, settings: Settings) -> list[Path]:
    """Write every view to disk as the log has it now; return their newest snapshots.

    Raises
    ------
    SnapshotNotWritten
        The disk is full or cannot be written; what was there before stays.
    """
    views = open_views(store, space, settings)
    for view in views:
        view.catch_up()
        view.improve()
    return _written(views)


def _written(views: Views, *, alone: bool = False) -> list[Path]:
    """Return the new snapshots of the views that are kept on disk."""
    written = [view.snapshot(alone=alone) for view in views]
    return [path for path in written if path]


def _no_report() -> None:
    """Report no progress."""


def forget_purged(store: Store, space: Space | None, settings: Settings) -> None:
    """Clear disk and engine of the vectors of purged images: nothing holds them afterwards.

    Raises
    ------
    SnapshotNotWritten
        The disk is full or cannot be written; some files may hold them still.
    EngineUnavailable
        The engine has not acknowledged the removal; it may hold them still.
    """
    for files in find_leftovers(space, settings):
        remove_view(files.folder)
    for folder in _of_runs(space, settings) if space else ():
        if folder.is_dir():
            remove_view(folder)
    if space is None:
        return
    views = open_views(store, space, settings)
    local = settings.views_folder / embedding_view(space.fingerprint)
    if isinstance(views.embeddings, EngineView) and local.is_dir():  # of an earlier time
        remove_view(local)
    for view in views:
        view.catch_up()
        view.snapshot(alone=True)
    if isinstance(views.embeddings, EngineView):
        views.embeddings.require_current()


def find_leftovers(space: Space | None, settings: Settings) -> list[ViewFiles]:
    """List what is on disk of views that this index does not use: other spaces', other settings'.

    Folders whose names are not a view's are passed over.
    """
    used = set[str]()
    if space:
        used |= {*view_names(space, settings), *(f.name for f in _of_runs(space, settings))}
    return [
        files
        for files in read_inventory(settings.views_folder)
        if files.name not in used and _NAME.fullmatch(files.name)
    ]


def _of_runs(space: Space, settings: Settings) -> tuple[Path, ...]:
    """Return where cluster runs leave what the next ones take up."""
    return pieces_folder(space, settings), patterns_folder(space, settings)
