"""Client methods for reviews: pictures behind veils, and reveals."""

from collections.abc import Iterator

from indexer.types import Reveal, Veil
from search_api.client.transport import Transport
from search_api.review_schemas import OpenedReveal


class ReviewCalls:
    """The part of the client that is about reviews; `Lookalike` has the rest."""

    _transport: Transport

    def image_preview(
        self, image_id: int, veil: Veil = Veil.BLUR, *, strength: int = 3, size: int = 192
    ) -> bytes:
        """Return a stored image behind a veil, as a JPEG."""
        parameters = {"veil": veil.value, "strength": strength, "size": size}
        return self._transport.fetch(f"/v1/images/{image_id}/preview", params=parameters)

    def reveal(self, image_id: int, reason: str) -> OpenedReveal:
        """Write down that you look at a stored image; `revealed_picture` returns it."""
        body = {"image_id": image_id, "reason": reason}
        return self._transport.change("POST", "/v1/reveals", OpenedReveal, json=body)

    def revealed_picture(self, reveal_id: int) -> bytes:
        """Return the picture of your reveal, as a JPEG."""
        return self._transport.fetch(f"/v1/reveals/{reveal_id}/picture")

    def end_reveal(self, reveal_id: int, seconds: float | None = None) -> Reveal:
        """Cover your picture again, and write down how long it was seen."""
        path = f"/v1/reveals/{reveal_id}/end"
        return self._transport.change("POST", path, Reveal, json={"seconds": seconds})

    def reveals(
        self, *, image_id: int | None = None, mine: bool = False, limit: int = 100
    ) -> Iterator[Reveal]:
        """Yield your reveals, newest first; to an admin those of everyone."""
        return self._transport.pages(
            "/v1/reveals", Reveal, image=image_id, mine=mine or None, limit=limit
        )
