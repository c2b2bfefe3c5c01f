"""Client methods for reviews: what is to be decided, pictures behind veils, and reveals."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from indexer.types import (
    Me,
    Outcome,
    PersonalSettings,
    QueueKind,
    Reveal,
    ReviewItem,
    ReviewState,
    SavedView,
    Severity,
    Veil,
)
from search_api.client.transport import Transport, said
from search_api.person_schemas import RemovedView
from search_api.review_schemas import (
    BulkReviewDecided,
    LeasedItems,
    OpenedReveal,
    Queues,
    Reasons,
    Released,
)


class ReviewCalls:
    """The part of the client that is about reviews; `Lookalike` has the rest."""

    _transport: Transport

    def image_preview(
        self, image_id: int, veil: Veil = Veil.BLUR, *, strength: int = 3, size: int = 192
    ) -> bytes:
        """Return a stored image behind a veil, as a JPEG."""
        parameters = {"veil": veil.value, "strength": strength, "size": size}
        return self._transport.fetch(f"/v1/images/{image_id}/preview", params=parameters)

    def reveal(
        self, image_id: int | None = None, reason: str = "", *, review_id: int | None = None
    ) -> OpenedReveal:
        """Write down that you look at a picture; `revealed_picture` returns it.

        It is a stored image, or that of a review item.
        """
        body = {"image_id": image_id, "review_id": review_id, "reason": reason}
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

    def review_queues(self) -> Queues:
        """Return how many review items are open, by queue, bank and severity."""
        return self._transport.ask("GET", "/v1/reviews/queues", Queues)

    def review_reasons(self) -> Reasons:
        """Return the reasons that decisions may give."""
        return self._transport.ask("GET", "/v1/reviews/reasons", Reasons)

    def reviews(
        self,
        *,
        queue: QueueKind | None = None,
        bank: str | None = None,
        severity: Severity | None = None,
        state: ReviewState | None = None,
        limit: int = 100,
    ) -> Iterator[ReviewItem]:
        """Yield review items, oldest first."""
        return self._transport.pages(
            "/v1/reviews",
            ReviewItem,
            queue=queue,
            bank=bank,
            severity=severity,
            state=state,
            limit=limit,
        )

    def review(self, item_id: int) -> ReviewItem:
        """Return one review item."""
        return self._transport.ask("GET", f"/v1/reviews/{item_id}", ReviewItem)

    def review_preview(
        self, item_id: int, veil: Veil = Veil.BLUR, *, strength: int = 3, size: int = 192
    ) -> bytes:
        """Return the picture of a review item behind a veil, as a JPEG."""
        parameters = {"veil": veil.value, "strength": strength, "size": size}
        return self._transport.fetch(f"/v1/reviews/{item_id}/preview", params=parameters)

    def lease_reviews(
        self,
        queue: QueueKind,
        limit: int = 1,
        *,
        bank: str | None = None,
        family: bool = False,
        resume: bool = False,
    ) -> LeasedItems:
        """Take the next items of a queue; nobody else gets them until the lease ends.

        If the answer gets lost, ask again with `resume`.
        """
        body = {"queue": queue, "limit": limit, "bank": bank, "family": family, "resume": resume}
        return self._transport.once("POST", "/v1/reviews/leases", LeasedItems, json=said(body))

    def renew_review_leases(self, ids: Sequence[int]) -> LeasedItems:
        """Prolong your leases; those that you lost are missing in the answer."""
        body = {"ids": list(ids)}
        return self._transport.ask("POST", "/v1/reviews/leases/renew", LeasedItems, json=body)

    def release_review_leases(self, ids: Sequence[int]) -> int:
        """Give items back; return how many leases ended."""
        body = {"ids": list(ids)}
        path = "/v1/reviews/leases/release"
        return self._transport.ask("POST", path, Released, json=body).released

    def decide_review(
        self, item_id: int, outcome: Outcome, reason: str | None = None, note: str | None = None
    ) -> ReviewItem:
        """Decide a review item."""
        body = {"outcome": outcome, "reason": reason, "note": note}
        path = f"/v1/reviews/{item_id}/decision"
        return self._transport.change("POST", path, ReviewItem, json=body)

    def decide_reviews(
        self,
        ids: Sequence[int],
        outcome: Outcome,
        reason: str | None = None,
        note: str | None = None,
        *,
        preview: bool = False,
    ) -> BulkReviewDecided:
        """Decide several review items at once, or say what would be decided."""
        body = {
            "ids": list(ids),
            "outcome": outcome,
            "reason": reason,
            "note": note,
            "preview": preview,
        }
        path = "/v1/reviews/decisions"
        return self._transport.change("POST", path, BulkReviewDecided, json=body)

    def undo_review(self, item_id: int) -> ReviewItem:
        """Take your decision on a review item back."""
        return self._transport.change("POST", f"/v1/reviews/{item_id}/undo", ReviewItem)

    def skip_review(self, item_id: int) -> ReviewItem:
        """Put a review item at the end of its queue."""
        return self._transport.ask("POST", f"/v1/reviews/{item_id}/skip", ReviewItem)

    def me(self) -> Me:
        """Return who you are, and what you did today."""
        return self._transport.ask("GET", "/v1/me", Me)

    def personal_settings(self) -> PersonalSettings:
        """Return your settings of the console."""
        return self._transport.ask("GET", "/v1/me/settings", PersonalSettings)

    def set_personal_settings(self, settings: PersonalSettings) -> PersonalSettings:
        """Keep your settings of the console."""
        body = asdict(settings)
        return self._transport.change("PUT", "/v1/me/settings", PersonalSettings, json=body)

    def saved_views(self, *, limit: int = 100) -> Iterator[SavedView]:
        """Yield your saved views, oldest first."""
        return self._transport.pages("/v1/me/views", SavedView, limit=limit)

    def save_view(self, name: str, screen: str, query: str) -> SavedView:
        """Save a list with its filters."""
        body = {"name": name, "screen": screen, "query": query}
        return self._transport.change("POST", "/v1/me/views", SavedView, json=body)

    def delete_saved_view(self, view_id: int) -> None:
        """Delete one of your views."""
        self._transport.change("DELETE", f"/v1/me/views/{view_id}", RemovedView)
