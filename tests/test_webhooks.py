"""What happens is told to webhooks, signed, until they have it: on both databases."""

import asyncio
import base64
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Event, Thread
from typing import Any

import pytest
from sqlalchemy import text
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from indexer.errors import FetchRefused, InputError, NotFoundError
from indexer.store import NewRetroMatch, Store, open_store
from indexer.types import (
    BankKind,
    DeliveryState,
    Signal,
    Tier,
    WebhookDelivery,
    WebhookEvent,
    WebhookSecret,
)
from search_api.outbound.safe_http import SafeHttp
from search_api.settings import ServeSettings
from search_api.webhooks import delivery
from search_api.webhooks.delivery import Deliverer, Round
from search_api.webhooks.registration import Receivers, create_webhook, rotate_secret
from search_api.webhooks.signature import new_secret, signature, signed_headers
from support.catalog import add, bind
from support.web import Web, in_turn, page, running

pytestmark = pytest.mark.postgres

BOTH = tuple(WebhookEvent)
HOUR = datetime(2026, 11, 28, 9, tzinfo=UTC)


@pytest.fixture
def serve() -> ServeSettings:
    return ServeSettings(webhook_private_hosts="127.0.0.1", webhook_timeout=2, webhook_retry=0.001)


@pytest.fixture
def web() -> Iterator[Web]:
    """Run a receiver that takes what it is sent."""
    with running() as web:
        web.pages["/hook"] = page(status=204)
        yield web


@pytest.fixture
def entry_id(store: Store) -> int:
    """Make a block bank of one image."""
    with store.writer() as writer:
        bank = writer.banks.create("unsafe", BankKind.BLOCK)
    add(store, bind(store), 1, bank_id=bank.id)
    with store.reader() as catalog:
        return catalog.entries.page("unsafe")[0].id


def hook(
    store: Store, serve: ServeSettings, web: Web, *events: WebhookEvent, path: str = "/hook"
) -> WebhookSecret:
    return create_webhook(store, Receivers(serve), web.url(path), events or BOTH)


def flag(store: Store, entry_id: int, *, hits: int = 500) -> None:
    with store.writer() as writer:
        writer.floods.flag(entry_id, HOUR, hits, 2.5)


def scan(store: Store, entry_id: int, *image_ids: int) -> int:
    """Write a step of a retro-scan that finds these images; return the scan's id."""
    with store.writer() as writer:
        space = writer.spaces.active()
        assert space is not None
        begun = writer.retro_scans.begin(None, space.id, 1, writer.log.head())
        found = [
            NewRetroMatch(entry_id, image_id, Tier.NEAR_DUPLICATE, Signal.PDQ, 0.97, 8, 31.0)
            for image_id in image_ids
        ]
        return writer.retro_scans.advance(begun, begun.last_change, 1, found).id


def outbox(store: Store, made: WebhookSecret) -> list[WebhookDelivery]:
    with store.reader() as catalog:
        return catalog.deliveries.page(made.webhook.id)


def only(store: Store, made: WebhookSecret) -> WebhookDelivery:
    [delivery] = outbox(store, made)
    return delivery


def make_due(store: Store) -> None:
    """Let what waits be due, as if its time had passed."""
    with store.writer() as writer:
        writer.connection.execute(
            text(
                "UPDATE webhook_deliveries SET next_attempt_at = :past "
                "WHERE next_attempt_at IS NOT NULL"
            ),
            {"past": "2020-01-01 00:00:00+00:00"},
        )


def wait_for(event: Event) -> None:
    event.wait(10)


def verified(web: Web, made: WebhookSecret, number: int = -1) -> Any:
    """Return what was sent, once an implementation that is not ours finds it signed."""
    return Verifier(made.secret).verify(web.bodies[number], web.requests[number][1])


# --- signatures ----------------------------------------------------------------------------------


def test_a_signature_is_that_of_the_specification() -> None:
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'

    made = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)

    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="  # of its test vectors


def test_another_implementation_takes_our_signature_and_refuses_a_changed_body() -> None:
    secret, now = new_secret(), int(datetime.now(UTC).timestamp())
    headers = signed_headers(secret, "msg_1", now, b'{"a":1}')

    assert Verifier(secret).verify(b'{"a":1}', headers) == {"a": 1}
    for body, key in ((b'{"a":2}', secret), (b'{"a":1}', new_secret())):
        with pytest.raises(WebhookVerificationError):
            Verifier(key).verify(body, headers)


def test_the_receiver_s_recipe_in_the_docs_verifies_a_signature() -> None:
    page_text = (Path(__file__).parents[1] / "docs" / "webhooks.md").read_text()
    recipe = page_text.partition("```python\n")[2].partition("```")[0]
    place: dict[str, Any] = {}
    exec(recipe, place)  # noqa: S102 -- our own page
    secret, now = new_secret(), int(datetime.now(UTC).timestamp())
    headers = signed_headers(secret, "msg_1", now, b"{}")

    assert place["is_ours"](secret, headers, b"{}")
    assert not place["is_ours"](secret, headers, b"{ }")
    assert not place["is_ours"](new_secret(), headers, b"{}")
    assert not place["is_ours"](secret, signed_headers(secret, "msg_1", now - 600, b"{}"), b"{}")


def test_a_secret_is_as_long_as_the_specification_asks() -> None:
    assert new_secret() != new_secret()
    assert len(base64.b64decode(new_secret().removeprefix("whsec_"))) == 32


# --- the outbox ----------------------------------------------------------------------------------


def test_a_flag_is_told_to_those_who_want_it(
    store: Store, serve: ServeSettings, web: Web, entry_id: int
) -> None:
    wanting = hook(store, serve, web, WebhookEvent.FLOOD_FLAG)
    other = hook(store, serve, web, WebhookEvent.RETRO_MATCH)

    flag(store, entry_id)
    done = Deliverer(store, serve).deliver_all()

    assert done == Round(delivered=1)
    assert outbox(store, other) == []
    sent = verified(web, wanting)
    assert sent["type"] == "flood_flag"
    assert sent["data"]["entry_id"] == entry_id
    assert (sent["data"]["bank"], sent["data"]["hits"]) == ("unsafe", 500)
    assert web.requests[0][1]["webhook-id"] == only(store, wanting).message_id
    assert web.requests[0][1]["content-type"] == "application/json"


def test_a_step_of_a_scan_is_one_event_with_its_matches(
    store: Store, serve: ServeSettings, web: Web, entry_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.store.verdicts.retro_scan_edits._LISTED", 2)
    images = add(store, bind(store), 2, 3, 4)
    made = hook(store, serve, web)

    scan(store, entry_id)  # finds nothing
    scan_id = scan(store, entry_id, *images)
    Deliverer(store, serve).deliver_all()

    data = verified(web, made)["data"]
    assert (data["scan_id"], data["count"]) == (scan_id, 3)
    assert [match["image_id"] for match in data["matches"]] == images[:2]
    with store.reader() as catalog:  # what is left out is found where the event says
        rest = catalog.retro_scans.matches(scan_id, after_id=data["after"])
        assert [match.image_id for match in rest] == images
    assert [name for name in data["matches"][0] if name in ("source", "path")] == []
    assert len(web.bodies) == 1


def test_nothing_is_written_where_nobody_wants_it(store: Store, entry_id: int) -> None:
    flag(store, entry_id)

    with store.reader() as catalog:
        assert not catalog.deliveries.has_due(datetime.now(UTC) + timedelta(days=9))


def test_an_event_is_rolled_back_with_what_happened(
    store: Store, serve: ServeSettings, web: Web, entry_id: int
) -> None:
    made = hook(store, serve, web)

    def flag_in_vain() -> None:
        with store.writer() as writer:
            writer.floods.flag(entry_id, HOUR, 500, 2.5)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        flag_in_vain()
    assert outbox(store, made) == []


def test_a_disabled_webhook_is_sent_nothing_until_it_is_enabled(
    store: Store, serve: ServeSettings, web: Web, entry_id: int
) -> None:
    made = hook(store, serve, web)
    flag(store, entry_id)
    with store.writer() as writer:
        writer.webhooks.edit(made.webhook.id, enabled=False)
    flag(store, entry_id, hits=501)  # never told

    assert Deliverer(store, serve).deliver_all() == Round()
    with store.writer() as writer:
        writer.webhooks.edit(made.webhook.id, enabled=True)
    assert Deliverer(store, serve).deliver_all() == Round(delivered=1)
    assert verified(web, made)["data"]["hits"] == 500


# --- delivering ----------------------------------------------------------------------------------


def test_a_receiver_that_fails_is_tried_again_until_it_takes_the_event(
    store: Store, serve: ServeSettings, web: Web, entry_id: int
) -> None:
    answers = [page(status=503), page(status=500), page(status=302, Location="/"), page()]
    web.pages["/hook"] = in_turn(*answers)
    made = hook(store, serve, web)
    flag(store, entry_id)
    deliverer = Deliverer(store, serve)

    for _ in range(4):
        deliverer.deliver_due()
        make_due(store)

    delivery = only(store, made)
    assert (delivery.state, delivery.attempts, delivery.last_status) == ("delivered", 4, 200)
    assert delivery.last_error is None
    assert {headers["webhook-id"] for _, headers in web.requests} == {delivery.message_id}
    assert [path for path, _ in web.requests] == ["/hook"] * 4  # the redirect was not followed
    assert len({bytes(body) for body in web.bodies}) == 1


def test_an_event_that_nobody_takes_is_given_up_listed_and_can_be_retried(
    store: Store,
    serve: ServeSettings,
    web: Web,
    entry_id: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delivery, "MOST_ATTEMPTS", 3)
    web.pages["/hook"] = page(status=500)
    made = hook(store, serve, web)
    flag(store, entry_id)
    deliverer = Deliverer(store, serve)

    for _ in range(5):
        deliverer.deliver_due()
        make_due(store)

    with store.reader() as catalog:
        [dead] = catalog.deliveries.page(made.webhook.id, state=DeliveryState.DEAD)
    assert (dead.attempts, dead.last_error) == (3, "The receiver answered 500.")
    web.pages["/hook"] = page()
    with store.writer() as writer:
        writer.deliveries.retry(dead.id)
    assert deliverer.deliver_all() == Round(delivered=1)
    assert only(store, made).state is DeliveryState.DELIVERED
    with pytest.raises(InputError, match="delivered"), store.writer() as writer:
        writer.deliveries.retry(dead.id)


def test_waits_grow_up_to_hours_and_take_about_three_days() -> None:
    waits = [min(5.0 * 4 ** (n - 1), 12 * 3600) for n in range(1, delivery.MOST_ATTEMPTS)]

    assert timedelta(days=2.5) < timedelta(seconds=sum(waits)) < timedelta(days=3.5)
    assert ServeSettings().webhook_retry == waits[0]


def test_a_wait_is_that_of_its_attempt_give_or_take_a_fifth(
    store: Store, web: Web, entry_id: int
) -> None:
    serve = ServeSettings(webhook_private_hosts="127.0.0.1")
    web.pages["/hook"] = page(status=500)
    made = hook(store, serve, web)
    flag(store, entry_id)
    deliverer = Deliverer(store, serve)

    for wait in (5, 20, 80):
        deliverer.deliver_due()
        left = only(store, made).next_attempt_at
        assert left is not None
        seconds = (left - datetime.now(UTC)).total_seconds()
        assert 0.8 * wait - 3 < seconds < 1.21 * wait
        make_due(store)


def test_a_receiver_that_is_gone_is_disabled(
    store: Store, serve: ServeSettings, web: Web, entry_id: int
) -> None:
    web.pages["/hook"] = page(status=410)
    made = hook(store, serve, web)
    flag(store, entry_id)

    assert Deliverer(store, serve).deliver_all() == Round(failed=1)

    assert only(store, made).state is DeliveryState.DEAD
    with store.reader() as catalog:
        assert not catalog.webhooks.get(made.webhook.id).enabled


def test_a_receiver_that_is_gone_and_removed_meanwhile_does_not_undo_the_round(
    store: Store, serve: ServeSettings, web: Web, entry_id: int
) -> None:
    gone, kept = hook(store, serve, web, path="/gone"), hook(store, serve, web)

    def remove(_request: object) -> Any:
        with store.writer() as writer:
            writer.webhooks.remove(gone.webhook.id)
        return page(status=410)(_request)

    web.pages["/gone"] = remove
    flag(store, entry_id)

    assert Deliverer(store, serve).deliver_all() == Round(delivered=1, failed=1)

    assert only(store, kept).state is DeliveryState.DELIVERED


def test_an_attempt_that_fails_unforeseen_counts_and_does_not_undo_the_round(
    store: Store, serve: ServeSettings, web: Web, entry_id: int
) -> None:
    broken, kept = hook(store, serve, web), hook(store, serve, web)
    with store.writer() as writer:
        writer.webhooks.set_secret(broken.webhook.id, "whsec_damaged")
    flag(store, entry_id)

    assert Deliverer(store, serve).deliver_due() == Round(delivered=1, failed=1)

    assert only(store, kept).state is DeliveryState.DELIVERED
    assert only(store, broken).last_error == "The attempt failed unforeseen: Error."


def test_a_receiver_that_hangs_does_not_hold_up_the_others(
    store: Store, web: Web, entry_id: int
) -> None:
    serve = ServeSettings(webhook_private_hosts="127.0.0.1", webhook_timeout=2)
    hanging = Event()
    web.pages["/hang"] = lambda _request: wait_for(hanging)
    slow, quick = hook(store, serve, web, path="/hang"), hook(store, serve, web)
    for hits in range(500, 506):
        flag(store, entry_id, hits=hits)

    Deliverer(store, serve).deliver_due()

    assert [each.attempts for each in outbox(store, slow)] == [1, 1, 1, 1, 0, 0]
    assert [each.state for each in outbox(store, quick)] == ["delivered"] * 4 + ["pending"] * 2
    assert outbox(store, slow)[0].last_error == "The receiver did not answer within 2 s."
    hanging.set()


def test_two_deliverers_deliver_everything_and_nothing_twice(
    database_url: str, store: Store, serve: ServeSettings, web: Web, entry_id: int
) -> None:
    made = hook(store, serve, web)
    for hits in range(500, 540):
        flag(store, entry_id, hits=hits)
    together = Barrier(2)

    def deliver() -> None:
        with open_store(database_url) as own:
            together.wait(10)
            Deliverer(own, serve).deliver_all()

    threads = [Thread(target=deliver) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {each.state for each in outbox(store, made)} == {DeliveryState.DELIVERED}
    assert sorted(json.loads(body)["data"]["hits"] for body in web.bodies) == [*range(500, 540)]


def test_what_another_has_claimed_is_ours_once_its_lease_ends(
    store: Store, serve: ServeSettings, web: Web, entry_id: int
) -> None:
    made = hook(store, serve, web)
    flag(store, entry_id)
    with store.writer() as writer:
        [claimed] = writer.deliveries.claim(10, timedelta(seconds=60), of_each=10)
    deliverer = Deliverer(store, serve)

    assert deliverer.deliver_all() == Round()  # it is being delivered
    make_due(store)
    assert deliverer.deliver_all() == Round(delivered=1)
    with store.writer() as writer:  # the one who had claimed it comes back late
        writer.deliveries.settle(claimed, status=None, error="timed out")
    assert only(store, made).state is DeliveryState.DELIVERED


def test_a_receiver_at_a_private_address_must_be_allowed(
    store: Store, serve: ServeSettings, web: Web, entry_id: int
) -> None:
    made = hook(store, serve, web)
    flag(store, entry_id)

    Deliverer(store, ServeSettings()).deliver_all()

    assert "https alone" in str(only(store, made).last_error)
    assert web.requests == []

    async def send() -> None:
        url = Receivers(serve).check(web.url("/hook"))
        async with SafeHttp(connect_timeout=1).stream("POST", url, headers={}, private=False):
            pass

    with pytest.raises(FetchRefused, match="not public"):
        asyncio.run(send())


@pytest.mark.parametrize(
    "url",
    ["http://hooks.example.org/", "https://me:pw@hooks.example.org/", "ftp://h", "hooks", ""],
)
def test_a_url_that_events_may_not_be_sent_to_makes_no_webhook(
    store: Store, serve: ServeSettings, url: str
) -> None:
    with pytest.raises(FetchRefused):
        create_webhook(store, Receivers(serve), url, BOTH)
    with store.reader() as catalog:
        assert catalog.webhooks.page() == []


# --- webhooks themselves -------------------------------------------------------------------------


def test_a_secret_can_be_rotated(
    store: Store, serve: ServeSettings, web: Web, entry_id: int
) -> None:
    before = hook(store, serve, web)
    after = rotate_secret(store, before.webhook.id)
    flag(store, entry_id)
    Deliverer(store, serve).deliver_all()

    assert verified(web, after)["type"] == "flood_flag"
    with pytest.raises(WebhookVerificationError):
        verified(web, before)


def test_a_removed_webhook_is_told_nothing_and_its_secret_is_gone(
    store: Store, serve: ServeSettings, web: Web, entry_id: int
) -> None:
    made = hook(store, serve, web)
    flag(store, entry_id)
    with store.writer() as writer:
        writer.webhooks.remove(made.webhook.id)
    flag(store, entry_id, hits=501)

    assert Deliverer(store, serve).deliver_all() == Round()
    with pytest.raises(NotFoundError):
        outbox(store, made)
    with store.reader() as catalog:
        connection = catalog.connection
        assert connection.execute(text("SELECT secret FROM webhooks")).scalars().all() == [None]
        dead = "SELECT COUNT(*) FROM webhook_deliveries WHERE dead_at IS NOT NULL"
        assert connection.execute(text(dead)).scalar() == 1


def test_what_was_delivered_long_ago_is_forgotten_and_nothing_else(
    store: Store, serve: ServeSettings, web: Web, entry_id: int
) -> None:
    made = hook(store, serve, web)
    flag(store, entry_id)
    Deliverer(store, serve).deliver_all()
    flag(store, entry_id, hits=501)
    later = datetime.now(UTC) + timedelta(days=1)

    with store.writer() as writer:
        assert writer.deliveries.forget(later - timedelta(days=30)) == 0
        assert writer.deliveries.forget(later) == 1
    assert only(store, made).state is DeliveryState.PENDING


def test_changes_of_webhooks_are_audited_without_secret_or_url(
    store: Store, serve: ServeSettings
) -> None:
    made = create_webhook(
        store, Receivers(serve), "https://hooks.example.org/token-in-the-path", BOTH
    )
    with store.writer() as writer:
        writer.webhooks.edit(made.webhook.id, url="https://other.example.org/token", enabled=False)
        writer.webhooks.ping(made.webhook.id)
    again = rotate_secret(store, made.webhook.id)
    with store.writer() as writer:
        writer.webhooks.remove(made.webhook.id)

    with store.reader() as catalog:
        rows = [row for row in catalog.audit.all() if row.subject == "webhook"]
    assert [row.action for row in rows] == [
        "webhook.create",
        "webhook.edit",
        "webhook.disable",
        "webhook.test",
        "webhook.rotate_secret",
        "webhook.remove",
    ]
    everything = " ".join(row.detail for row in rows)
    for kept in (made.secret, again.secret, "token"):
        assert kept not in everything
    assert "hooks.example.org" in everything


def test_a_secret_is_never_listed(store: Store, serve: ServeSettings, web: Web) -> None:
    made = hook(store, serve, web)

    with store.reader() as catalog:
        assert made.secret not in repr(catalog.webhooks.page())
    assert hmac.compare_digest(made.secret[:6], "whsec_")
