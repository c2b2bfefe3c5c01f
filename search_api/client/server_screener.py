"""Screener by a server: pictures are sent to its `POST /v1/search`."""

from collections.abc import Sequence
from typing import Final

from PIL import Image

from indexer.generation.screening import Screening, png_of, screening_of
from search_api.client.client import Lookalike


class ServerScreener:
    """Screens pictures with the index of a server, one request a picture.

    A request that finds the server busy, or loses its connection, is sent again. Safe to use from
    several threads.

    Parameters
    ----------
    api : Lookalike
        The server; its key needs the scope `check`.
    """

    def __init__(self, api: Lookalike) -> None:
        self._api: Final = api

    def screen(self, pictures: Sequence[Image.Image]) -> list[Screening]:
        """Match and classify each picture once, in their order.

        Raises
        ------
        ApiError
            The server refused a picture, or did not answer.
        """
        return [
            screening_of(self._api.search(png_of(picture), "generated.png")) for picture in pictures
        ]
