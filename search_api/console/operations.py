"""Operations: how the index and the server are."""

from dataclasses import dataclass
from typing import Final

from indexer.store import Catalog, QuarantinedFile
from indexer.types import (
    AuditHead,
    ClusterRun,
    DeliveryState,
    RetroScan,
    Webhook,
    WebhookDelivery,
)

PAGE: Final = 100
_LATEST: Final = 8


@dataclass(frozen=True, slots=True)
class Work:
    """What runs or ran last."""

    scans: list[RetroScan]
    """Newest first."""
    runs: list[ClusterRun]
    """Newest first."""


@dataclass(frozen=True, slots=True)
class QuarantinePage:
    """Files that could not be indexed."""

    codes: dict[str, int]
    """How many by reason."""
    files: list[QuarantinedFile]
    next_after: str | None


@dataclass(frozen=True, slots=True)
class Receiver:
    """A webhook with its latest deliveries of a state."""

    webhook: Webhook
    deliveries: list[WebhookDelivery]
    """Newest first."""


@dataclass(frozen=True, slots=True)
class ChainState:
    """The end of the audit log, and what guards it."""

    head: AuditHead
    flaws: list[str]
    """Triggers that are missing; empty while the database refuses changes."""


def read_work(catalog: Catalog) -> Work:
    """Read the latest retro-scans and cluster runs."""
    newest = catalog.retro_scans.newest()
    scans = catalog.retro_scans.page(after_id=max(0, newest.id - _LATEST)) if newest else []
    return Work(scans[::-1], catalog.cluster_runs.latest(limit=_LATEST))


def read_quarantine(catalog: Catalog, code: str, after: str) -> QuarantinePage:
    """Read the files behind a URI, of one reason or of all."""
    files = catalog.quarantine.page(code=code or None, after_uri=after, limit=PAGE + 1)
    return QuarantinePage(
        codes=catalog.quarantine.counts_by_code(),
        files=files[:PAGE],
        next_after=files[PAGE - 1].uri if len(files) > PAGE else None,
    )


def read_receivers(catalog: Catalog, state: DeliveryState | None) -> list[Receiver]:
    """Read the webhooks with their latest deliveries."""
    return [
        Receiver(webhook, catalog.deliveries.newest(webhook.id, state=state, limit=PAGE))
        for webhook in catalog.webhooks.page()
    ]


def read_chain(catalog: Catalog) -> ChainState:
    """Read the end of the audit log."""
    return ChainState(catalog.audit.head(), catalog.audit.guard_flaws())
