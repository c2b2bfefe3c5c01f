"""A client of the API in Python: `Lookalike(url, key)`, with the library's own types as answers."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from indexer.types import (
    Bank,
    BankKind,
    Classification,
    Decided,
    Decision,
    Embedded,
    EntryRecord,
    Fingerprint,
    Flood,
    FloodState,
    ImageSummary,
    Outcome,
    PartialVerdict,
    RetroMatch,
    RetroScan,
    SpaceSummary,
    Status,
    ThresholdCard,
    Tier,
    Verdict,
)
from search_api.client.admin import AdminCalls
from search_api.client.clusters import ClusterCalls
from search_api.client.explanations import ExplanationCalls
from search_api.client.picture_form import Picture, form_of, named
from search_api.client.policies import PolicyCalls
from search_api.client.reviews import ReviewCalls
from search_api.client.templates import TemplateCalls
from search_api.client.transport import (
    Transport,
    said,
)
from search_api.schemas import (
    BankEdit,
    ClassifiedItem,
    ClassifiedItems,
    DecisionRequest,
    NewBank,
    RemovedBank,
    RemovedEntry,
    RemovedImage,
    SearchedItem,
    SearchedItems,
    SimilarPage,
)


class Lookalike(
    AdminCalls, ClusterCalls, ExplanationCalls, PolicyCalls, ReviewCalls, TemplateCalls
):
    """One server's API; safe to use from several threads, closed by a `with` block.

    Lists are iterators that ask for their pages as they are needed. A request that finds the server
    busy, or loses its connection, is sent again; changes carry a key, so that the server carries
    them out once. Pictures are given as bytes or as the path of a file.

    Parameters
    ----------
    url : str
        Where the server is, such as `http://127.0.0.1:8000`.
    key : str, optional
        An API key; none where the server asks for none.
    timeout : float
        Seconds that one attempt may take.
    attempts : int
        How often a request is sent at most.
    """

    def __init__(
        self, url: str, key: str | None = None, *, timeout: float = 60.0, attempts: int = 4
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"{url!r} is not a valid server address. Write http://host:port.")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        client = httpx.Client(base_url=url, headers=headers, timeout=timeout)
        self._transport = Transport(client, attempts)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    # --- asking ----------------------------------------------------------------------------------

    def search(self, image: Picture, name: str | None = None, **options: Any) -> Verdict:
        """Judge one picture; options are those of `options_of`, and `tiles`."""
        return self._transport.ask(
            "POST",
            "/v1/search",
            Verdict,
            files=form_of([named(image, name)]),
            params=options_of(**options),
        )

    def search_many(
        self, images: Iterable[tuple[str, Picture]], **options: Any
    ) -> list[SearchedItem]:
        """Judge up to 32 named pictures, each by itself; answers come in their order."""
        found = self._transport.ask(
            "POST",
            "/v1/search/batch",
            SearchedItems,
            files=form_of(images),
            params=options_of(**options),
        )
        return found.items

    def search_vector(self, vector: Sequence[float], model: str, **options: Any) -> PartialVerdict:
        """Judge an embedding that the model of the index made, as `embed` gives it."""
        body = {"vector": list(vector), "model": model}
        return self._transport.ask(
            "POST", "/v1/search/vector", PartialVerdict, json=body, params=options_of(**options)
        )

    def search_fingerprint(self, fingerprint: Fingerprint, **options: Any) -> PartialVerdict:
        """Judge a fingerprint; there is no `min_log_odds` for it."""
        return self._transport.ask(
            "POST",
            "/v1/search/fingerprint",
            PartialVerdict,
            json=_written(fingerprint),
            params=options_of(**options),
        )

    def search_image(self, image_id: int, **options: Any) -> Verdict:
        """Judge a stored image, itself left out."""
        return self._transport.ask(
            "POST", f"/v1/search/image/{image_id}", Verdict, params=options_of(**options)
        )

    def classify(self, image: Picture, name: str | None = None) -> Classification:
        """Return the class probabilities of one picture."""
        return self._transport.ask(
            "POST", "/v1/classify", Classification, files=form_of([named(image, name)])
        )

    def classify_many(self, images: Iterable[tuple[str, Picture]]) -> list[ClassifiedItem]:
        """Classify up to 32 named pictures, each by itself; answers come in their order."""
        found = self._transport.ask(
            "POST", "/v1/classify/batch", ClassifiedItems, files=form_of(images)
        )
        return found.items

    def embed(self, image: Picture, name: str | None = None) -> Embedded:
        """Return the embedding of one picture."""
        return self._transport.ask(
            "POST", "/v1/embed", Embedded, files=form_of([named(image, name)])
        )

    # --- images ----------------------------------------------------------------------------------

    def images(
        self, *, bank: str | None = None, created_after: datetime | None = None, limit: int = 100
    ) -> Iterator[ImageSummary]:
        """Yield the stored images, oldest first; `limit` is the size of a page."""
        after = created_after.isoformat() if created_after else None
        return self._transport.pages(
            "/v1/images", ImageSummary, bank=bank, created_after=after, limit=limit
        )

    def image(self, image_id: int) -> ImageSummary:
        """Return what is known of a stored image."""
        return self._transport.ask("GET", f"/v1/images/{image_id}", ImageSummary)

    def similar(self, image_id: int, *, k: int = 10, banks: Sequence[str] = ()) -> SimilarPage:
        """Return the stored images nearest to a stored image, and how complete the search was."""
        return self._transport.ask(
            "GET",
            f"/v1/images/{image_id}/similar",
            SimilarPage,
            params=said({"k": k, "bank": list(banks)}),
        )

    def remove_image(self, image_id: int, *, purge: bool = False) -> RemovedImage:
        """Remove an image from the index; with `purge` erase it for good."""
        return self._transport.change(
            "DELETE", f"/v1/images/{image_id}", RemovedImage, params={"purge": purge}
        )

    # --- banks and entries -----------------------------------------------------------------------

    def banks(self, *, limit: int = 100) -> Iterator[Bank]:
        """Yield the banks, oldest first."""
        return self._transport.pages("/v1/banks", Bank, limit=limit)

    def bank(self, name: str) -> Bank:
        """Return one bank."""
        return self._transport.ask("GET", _bank(name), Bank)

    def create_bank(self, name: str, kind: BankKind = BankKind.BLOCK, **details: Any) -> Bank:
        """Make a bank; one that exists with the same kind is given as it is."""
        new = NewBank(name=name, kind=kind, **details)
        return self._transport.change("POST", "/v1/banks", Bank, json=new.model_dump(mode="json"))

    def edit_bank(self, name: str, **said_of_it: Any) -> Bank:
        """Change what is said of a bank: category, severity, notes, owner, enabled."""
        edit = BankEdit(**said_of_it).model_dump(mode="json", exclude_none=True)
        return self._transport.change("PATCH", _bank(name), Bank, json=edit)

    def remove_bank(self, name: str) -> RemovedBank:
        """Remove a bank with its entries; the images stay."""
        return self._transport.change("DELETE", _bank(name), RemovedBank)

    def entries(self, bank: str, *, limit: int = 100) -> Iterator[EntryRecord]:
        """Yield the entries of a bank, oldest first, disabled ones too."""
        return self._transport.pages(f"{_bank(bank)}/entries", EntryRecord, limit=limit)

    def entry(self, entry_id: int) -> EntryRecord:
        """Return one entry."""
        return self._transport.ask("GET", f"/v1/entries/{entry_id}", EntryRecord)

    def add_image(self, bank: str, image_id: int) -> EntryRecord:
        """Make a stored image an entry of a bank."""
        return self._add_entry(bank, {"image_id": image_id})

    def add_fingerprint(
        self,
        bank: str,
        fingerprint: Fingerprint,
        *,
        notes: str | None = None,
        labels: Sequence[str] = (),
    ) -> EntryRecord:
        """Make a bare fingerprint an entry of a bank."""
        new = {"fingerprint": _written(fingerprint), "notes": notes, "labels": list(labels)}
        return self._add_entry(bank, new)

    def upload_entry(self, bank: str, image: Picture, name: str | None = None) -> EntryRecord:
        """Index a picture and make it an entry of a bank."""
        path = f"{_bank(bank)}/entries/upload"
        return self._transport.change(
            "POST", path, EntryRecord, files=form_of([named(image, name)])
        )

    def disable_entry(self, entry_id: int, until: datetime | None = None) -> EntryRecord:
        """Let an entry match nothing, until a moment or until it is enabled."""
        body = {"until": until.isoformat() if until else None}
        path = f"/v1/entries/{entry_id}/disable"
        return self._transport.change("POST", path, EntryRecord, json=body)

    def enable_entry(self, entry_id: int) -> EntryRecord:
        """Let a disabled entry match again."""
        return self._transport.change("POST", f"/v1/entries/{entry_id}/enable", EntryRecord)

    def remove_entry(self, entry_id: int) -> RemovedEntry:
        """Remove an entry from its bank."""
        return self._transport.change("DELETE", f"/v1/entries/{entry_id}", RemovedEntry)

    # --- decisions, retro-scans, floods ----------------------------------------------------------

    def decide(self, verdict: Verdict, outcome: Outcome, **said_of_it: Any) -> Decided:
        """Remember a decision on a match of a verdict: `entry_id` or `image_id`, and more."""
        request = DecisionRequest(
            sha256=verdict.sha256,
            pdq=verdict.pdq,
            pdq_quality=verdict.pdq_quality,
            outcome=outcome,
            **said_of_it,
        )
        body = request.model_dump(mode="json")
        return self._transport.change("POST", "/v1/decisions", Decided, json=body)

    def decisions(self, *, limit: int = 100, **only: Any) -> Iterator[Decision]:
        """Yield the decisions that hold, oldest first: of a sha256, entry, outcome."""
        return self._transport.pages("/v1/decisions", Decision, limit=limit, **only)

    def start_retro_scan(self, bank: str | None = None, since: int | None = None) -> RetroScan:
        """Begin a retro-scan, or go on with the one that was cut off."""
        body = said({"bank": bank, "since": since})
        return self._transport.change("POST", "/v1/retro-scans", RetroScan, json=body)

    def retro_scans(self, *, limit: int = 100) -> Iterator[RetroScan]:
        """Yield the retro-scans, oldest first."""
        return self._transport.pages("/v1/retro-scans", RetroScan, limit=limit)

    def retro_scan(self, scan_id: int) -> RetroScan:
        """Return one retro-scan as it is now."""
        return self._transport.ask("GET", f"/v1/retro-scans/{scan_id}", RetroScan)

    def retro_matches(self, scan_id: int, *, limit: int = 100) -> Iterator[RetroMatch]:
        """Yield what a retro-scan found."""
        path = f"/v1/retro-scans/{scan_id}/matches"
        return self._transport.pages(path, RetroMatch, limit=limit)

    def floods(self, state: FloodState | None = None, *, limit: int = 100) -> Iterator[Flood]:
        """Yield the flood flags, oldest first."""
        return self._transport.pages("/v1/floods", Flood, state=state, limit=limit)

    def quarantine_flood(self, flood_id: int) -> Flood:
        """Disable the entry of a flag until the flag is dismissed."""
        return self._transport.change("POST", f"/v1/floods/{flood_id}/quarantine", Flood)

    def dismiss_flood(self, flood_id: int) -> Flood:
        """Say that a flag meant nothing."""
        return self._transport.change("POST", f"/v1/floods/{flood_id}/dismiss", Flood)

    # --- thresholds, spaces, status --------------------------------------------------------------

    def thresholds(self, *, retired: bool = False, limit: int = 100) -> Iterator[ThresholdCard]:
        """Yield the threshold cards, newest first."""
        return self._transport.pages(
            "/v1/thresholds", ThresholdCard, retired=retired or None, limit=limit
        )

    def threshold(self, card_id: int) -> ThresholdCard:
        """Return one threshold card."""
        return self._transport.ask("GET", f"/v1/thresholds/{card_id}", ThresholdCard)

    def spaces(self) -> Iterator[SpaceSummary]:
        """Yield the embedding spaces of the index, with what each holds, by id."""
        return self._transport.pages("/v1/spaces", SpaceSummary)

    def status(self) -> Status:
        """Return what the index holds."""
        return self._transport.ask("GET", "/v1/status", Status)

    def _add_entry(self, bank: str, body: dict[str, Any]) -> EntryRecord:
        return self._transport.change("POST", f"{_bank(bank)}/entries", EntryRecord, json=body)


def options_of(
    *,
    k: int | None = None,
    banks: Sequence[str] = (),
    min_log_odds: float | None = None,
    tiers: Iterable[Tier] = (),
    created_after: datetime | None = None,
    tiles: bool = False,
) -> dict[str, Any]:
    """Write the options of a search as parameters of a request; docs/api.md explains them."""
    return said(
        {
            "k": k,
            "bank": list(banks),
            "min_log_odds": min_log_odds,
            "tier": [str(tier) for tier in tiers],
            "created_after": created_after.isoformat() if created_after else None,
            "tiles": tiles or None,
        }
    )


def _bank(name: str) -> str:
    return f"/v1/banks/{quote(name, safe='')}"


def _written(fingerprint: Fingerprint) -> dict[str, str]:
    return {"kind": fingerprint.kind.value, "value": fingerprint.hex}
