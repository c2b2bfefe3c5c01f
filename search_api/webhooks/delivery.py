"""Delivery of the outbox, at least once, with retries and back-off."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import time

import anyio
import structlog

from indexer.errors import LookalikeError, NotFoundError
from indexer.store import Store
from indexer.types import ClaimedDelivery
from search_api.jobs.periodic import PeriodicTask
from search_api.outbound.safe_http import SafeHttp
from search_api.settings import ServeSettings
from search_api.webhooks.registration import Receivers
from search_api.webhooks.signature import signed_headers

log = structlog.get_logger(__name__)
MOST_ATTEMPTS = 13
_GROWTH = 4  # each wait is so many times the one before
_LONGEST = 12 * 3600.0  # seconds; with the first wait of 5 s all waits make about three days
_AT_ONCE, _OF_EACH = 16, 4  # deliveries claimed together, and those of one webhook among them
_KEPT = timedelta(days=30)  # how long what was delivered is remembered
_ANSWER_BYTES = 65_536  # of an answer that is read, so that it has come to its end
_OK, _GONE = range(200, 300), 410


@dataclass(frozen=True, slots=True)
class Attempt:
    """How an attempt to deliver went."""

    delivery: ClaimedDelivery
    status: int | None  # HTTP
    error: str | None  # None if it was delivered


@dataclass(frozen=True, slots=True)
class Round:
    """What a round of deliveries came to."""

    delivered: int = 0
    failed: int = 0


class Deliverer(PeriodicTask):
    """Claims deliveries, attempts them, and writes down how it went; from a thread of its own.

    What a process that is killed had claimed is due again when the lease ends: a receiver may get
    an event twice, with the same `webhook-id`, and never not at all.
    """

    def __init__(self, store: Store, serve: ServeSettings) -> None:
        self._store = store
        self._serve = serve
        self._receivers = Receivers(serve)
        self._outbound = SafeHttp(connect_timeout=serve.webhook_timeout / 2)
        self._lease = timedelta(seconds=3 * serve.webhook_timeout)
        self._forgotten_at: datetime | None = None
        super().__init__(
            self._deliver_and_forget,
            name="webhooks",
            interval=serve.webhook_interval,
            doing="delivering webhooks",
        )

    def deliver_due(self) -> Round:
        """Attempt what is due, at most so much as a round takes; an empty round: nothing is due.

        Raises
        ------
        UnavailableError
            The database cannot be used.
        """
        with self._store.reader() as catalog:
            if not catalog.deliveries.has_due(datetime.now(UTC)):
                return Round()
        with self._store.writer() as writer:
            claimed = writer.deliveries.claim(_AT_ONCE, self._lease, of_each=_OF_EACH)
        attempts = asyncio.run(self._attempt_all(claimed))
        with self._store.writer() as writer:
            for attempt in attempts:
                delivery = attempt.delivery
                writer.deliveries.settle(
                    delivery,
                    status=attempt.status,
                    error=attempt.error,
                    next_attempt_at=self._next(attempt),
                )
                if attempt.status == _GONE:
                    with suppress(NotFoundError):  # removed meanwhile
                        writer.webhooks.edit(delivery.webhook_id, enabled=False)
        failed = sum(attempt.error is not None for attempt in attempts)
        return Round(len(attempts) - failed, failed)

    def deliver_all(self) -> Round:
        """Attempt all that is due, round after round, until told to stop.

        Raises
        ------
        UnavailableError
            The database cannot be used.
        """
        done = Round()
        while not self.is_stopping and (latest := self.deliver_due()) != Round():
            done = Round(done.delivered + latest.delivered, done.failed + latest.failed)
        return done

    def _deliver_and_forget(self) -> None:
        self.deliver_all()
        self._forget()

    def _forget(self) -> None:
        """Delete, once a day, what was delivered long ago."""
        now = datetime.now(UTC)
        if self._forgotten_at is None or now - self._forgotten_at > timedelta(days=1):
            with self._store.writer() as writer:
                writer.deliveries.forget(now - _KEPT)
            self._forgotten_at = now

    async def _attempt_all(self, claimed: Sequence[ClaimedDelivery]) -> list[Attempt]:
        return await asyncio.gather(*(self._attempt(delivery) for delivery in claimed))

    async def _attempt(self, delivery: ClaimedDelivery) -> Attempt:
        status = None
        try:
            with anyio.fail_after(self._serve.webhook_timeout):
                status = await self._send(delivery)
            error = None if status in _OK else f"The receiver answered {status}."
        except TimeoutError:
            error = f"The receiver did not answer within {self._serve.webhook_timeout:g} s."
        except LookalikeError as failure:
            error = str(failure)
        except Exception as failure:  # or no other attempt of the round would be written down
            log.exception("webhook delivery failed unexpectedly", delivery=delivery.id)
            error = f"The attempt failed unforeseen: {type(failure).__name__}."
        if error:
            log.warning(
                "webhook delivery failed",
                webhook=delivery.webhook_id,
                delivery=delivery.id,
                attempt=delivery.attempts,
                reason=error,
            )
        return Attempt(delivery, status, error)

    async def _send(self, delivery: ClaimedDelivery) -> int:
        url = self._receivers.check(delivery.url)
        body = delivery.payload.encode()
        headers = {
            "Content-Type": "application/json",
            **signed_headers(delivery.secret, delivery.message_id, int(time()), body),
        }
        private = self._receivers.is_private(url)
        async with self._outbound.stream(
            "POST", url, headers=headers, content=body, private=private
        ) as response:
            read = 0
            async for chunk in response.aiter_stream():
                read += len(chunk)
                if read > _ANSWER_BYTES:
                    break
            return response.status

    def _next(self, attempt: Attempt) -> datetime | None:
        """Return when to try again; None for the last attempt, or a receiver that is gone."""
        number = attempt.delivery.attempts
        if attempt.error is None or attempt.status == _GONE or number >= MOST_ATTEMPTS:
            return None
        wait = min(self._serve.webhook_retry * _GROWTH ** (number - 1), _LONGEST)
        jitter = random.uniform(0.8, 1.2)  # noqa: S311 -- spreads load, keeps no secret
        return datetime.now(UTC) + timedelta(seconds=wait * jitter)
