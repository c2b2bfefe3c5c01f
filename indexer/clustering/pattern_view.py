"""Pattern view: the graph of the whole gallery, as a run of patterns leaves it on disk."""

from pathlib import Path
from typing import TYPE_CHECKING

from indexer.clustering.kept_view import KeptView
from indexer.settings import Settings
from indexer.store import Store
from indexer.types import Space
from indexer.vector_views import patterns_folder

if TYPE_CHECKING:
    from indexer.clustering.pattern_graph import PatternGraph  # loads scipy's graphs


class PatternView(KeptView["PatternGraph"]):
    """The graph of patterns on disk; it has ids and similarities, and no vectors.

    Parameters
    ----------
    store : Store
    settings : Settings
    space : Space
        That of the index.
    made_by : str
        The semantic space and what else decides on the neighbours.
    """

    def __init__(self, store: Store, settings: Settings, space: Space, made_by: str) -> None:
        super().__init__(store, patterns_folder(space, settings), space, made_by)

    def _read(self, path: Path) -> "PatternGraph":
        from indexer.clustering.pattern_graph import PatternGraph

        return PatternGraph.load(path)
