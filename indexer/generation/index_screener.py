"""Screener with an index of this machine."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import Final

from PIL import Image

from indexer.generation.screening import Screening, png_of, screening_of
from indexer.matching import Query, open_matcher
from indexer.runtime.cpu import Cores
from indexer.settings import Settings, load_settings
from indexer.store import Store, open_store


class IndexScreener:
    """Matches and classifies pictures with an open index; safe to use from several threads.

    Each call sees what was committed to the index before it: entries, decisions, the policy.

    Parameters
    ----------
    store : Store
    settings : Settings

    Raises
    ------
    IndexNotInitialised, ModelMismatch, InvalidModel
        As for `open_matcher`.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._cores: Final = Cores()
        self._matcher: Final = open_matcher(store, settings, cores=self._cores)
        self._following: Final = Lock()

    def screen(self, pictures: Sequence[Image.Image]) -> list[Screening]:
        """Match and classify each picture once, one a core at a time.

        Raises
        ------
        LookalikeError
            The index cannot be read, or a picture is too large for it.
        """
        with self._following:
            self._matcher.catch_up()
        with ThreadPoolExecutor(min(len(pictures), self._cores.count) or 1) as pool:
            return list(pool.map(self._screen, pictures))

    def _screen(self, picture: Image.Image) -> Screening:
        return screening_of(self._matcher.answer(Query.picture(png_of(picture), "generated.png")))


@contextmanager
def open_screener(settings: Settings | None = None) -> Iterator[IndexScreener]:
    """Open an index for the block, by default that of LOOKALIKE_HOME, and screen with it.

    Raises
    ------
    IndexNotInitialised
        There is no index, or it has no model yet: run `lookalike init`.
    LookalikeError
        The index cannot be searched.
    """
    settings = settings or load_settings()
    with open_store(settings.resolved_database_url) as store:
        yield IndexScreener(store, settings)
