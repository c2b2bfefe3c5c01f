"""Piece view: the index of the pieces of the whole gallery, as a run of families leaves it on disk.

It says where pieces may be near, and the database what they are.
"""

from pathlib import Path

from indexer.clustering.families.piece_index import PieceIndex
from indexer.clustering.kept_view import KeptView
from indexer.settings import Settings
from indexer.store import Store
from indexer.types import Space
from indexer.vector_views import pieces_folder


class PieceView(KeptView[PieceIndex]):
    """The index of pieces on disk.

    Parameters
    ----------
    store : Store
    settings : Settings
    space : Space
    """

    def __init__(self, store: Store, settings: Settings, space: Space) -> None:
        hashed = f"cells, pdq of quality {settings.pdq_min_quality}"
        super().__init__(store, pieces_folder(space, settings), space, hashed)

    def _read(self, path: Path) -> PieceIndex:
        return PieceIndex.load(path, self._dimension)
