import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep

import httpx
import pytest
from prometheus_client import ProcessCollector
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from indexer.matching import open_matcher
from indexer.store import open_store
from indexer.types import Action, Match, SearchCompleteness, Tier, Verdict
from search_api.telemetry.metrics import GALLERY, OTHER_BANKS, Metrics
from support.commands import PHOTOS, Index

DOCS = (Path(__file__).parents[1] / "docs" / "operations.md").read_text()


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    index = Index(tmp_path_factory.mktemp("home"), extra={"LOOKALIKE_SERVE_COUNT_INTERVAL": "0.1"})
    index.run_here("init")
    index.run_here("bank", "create", "known-unsafe")
    index.run_here("bank", "add", "known-unsafe", PHOTOS / "hedgehog.jpg")
    return index


@pytest.fixture(scope="module")
def client(index: Index) -> Iterator[httpx.Client]:
    with index.serve() as client:
        yield client


def samples(text: str) -> dict[str, float]:
    """Return each sample under its name and labels, as they are written."""
    return {
        f"{sample.name}{dict(sorted(sample.labels.items())) or ''}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def measured(client: httpx.Client, name: str, **labels: str) -> float:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return samples(answer.text).get(f"{name}{dict(sorted(labels.items())) or ''}", 0)


def until(condition: object, seconds: float = 60) -> None:
    assert callable(condition)
    deadline = monotonic() + seconds
    while not condition():
        assert monotonic() < deadline
        sleep(0.05)


def send(client: httpx.Client, data: bytes) -> httpx.Response:
    return client.post("/v1/search", files={"image": ("a.jpg", data)})


def test_a_search_is_timed_with_its_stages(client: httpx.Client) -> None:
    request = {"method": "POST", "route": "/v1/search", "status": "200"}
    stages = ("decode", "cut", "prepare", "hash", "forward", "search", "catalog", "judge")
    timed = "lookalike_stage_duration_seconds_count"
    before = {stage: measured(client, timed, stage=stage) for stage in stages}
    answered = measured(client, "lookalike_http_request_duration_seconds_count", **request)
    batches = measured(client, "lookalike_forward_batch_size_sum")

    assert send(client, (PHOTOS / "bee.jpg").read_bytes()).status_code == 200

    for stage in stages:
        assert measured(client, timed, stage=stage) > before[stage], stage
    now = measured(client, "lookalike_http_request_duration_seconds_count", **request)
    assert now == answered + 1
    assert measured(client, "lookalike_forward_batch_size_sum") > batches


def test_the_time_that_writers_hold_the_lock_is_measured(client: httpx.Client) -> None:
    before = {
        state: measured(client, "lookalike_log_lock_seconds_count", state=state)
        for state in ("waited", "held")
    }

    client.post("/v1/banks", json={"name": "another", "kind": "allow"}).raise_for_status()

    for state, count in before.items():
        assert measured(client, "lookalike_log_lock_seconds_count", state=state) > count
    assert measured(client, "lookalike_stage_duration_seconds_count", stage="log_lock_held") == 0


def test_a_match_counts_for_its_bank(client: httpx.Client) -> None:
    labels = {"tier": "exact", "bank": "known-unsafe"}
    before = measured(client, "lookalike_matches_total", **labels)

    send(client, (PHOTOS / "hedgehog.jpg").read_bytes())

    assert measured(client, "lookalike_matches_total", **labels) == before + 1
    assert measured(client, "lookalike_verdicts_total", tier="exact") >= 1


def test_a_refused_picture_counts_under_its_code(client: httpx.Client) -> None:
    before = measured(client, "lookalike_http_problems_total", code="unreadable_image")

    send(client, b"no picture")

    after = measured(client, "lookalike_http_problems_total", code="unreadable_image")
    assert after == before + 1


def test_paths_that_are_no_route_make_one_series(client: httpx.Client) -> None:
    for number in range(3):
        client.get(f"/secret-{number}")
    client.get("/v1/images/999")

    shown = client.get("/metrics").text
    routes = set(re.findall(r'request_duration_seconds_count{.*route="([^"]*)"', shown))
    assert "secret" not in shown
    assert {"unmatched", "/v1/images/{image_id}"} <= routes


def test_files_make_one_series(client: httpx.Client) -> None:
    labels = {"method": "GET", "route": "/static/{path}"}
    for file, status in (("icon.svg", 200), ("base.css", 200), ("secret.css", 404)):
        assert client.get(f"/static/{file}").status_code == status

    answered = "lookalike_http_request_duration_seconds_count"
    assert measured(client, answered, **labels, status="200") == 2
    assert measured(client, answered, **labels, status="404") == 1


def test_deliveries_that_wait_and_that_were_given_up_are_shown(
    client: httpx.Client, index: Index
) -> None:
    webhooks = [
        client.post(
            "/v1/webhooks", json={"url": f"https://{host}.example/", "events": ["flood_flag"]}
        ).json()["webhook"]["id"]
        for host in ("kept", "removed")
    ]
    with open_store(index.settings.resolved_database_url) as store, store.writer() as writer:
        for webhook in webhooks:
            writer.webhooks.edit(webhook, enabled=False)
            writer.webhooks.ping(webhook)
            writer.webhooks.ping(webhook)
        writer.connection.execute(
            text(
                "UPDATE webhook_deliveries SET next_attempt_at = NULL, dead_at = :now WHERE id IN "
                "(SELECT MIN(id) FROM webhook_deliveries GROUP BY webhook_id)"
            ),
            {"now": "2026-11-28 09:00:00+00:00"},
        )
        writer.webhooks.remove(webhooks[1])

    until(lambda: measured(client, "lookalike_webhook_deliveries", state="pending") == 1)
    assert measured(client, "lookalike_webhook_deliveries", state="dead") == 1


def test_methods_that_nobody_knows_make_one_series(client: httpx.Client) -> None:
    for method in ("PROPFIND", "MKCOL"):
        client.request(method, "/v1/search")

    shown = client.get("/metrics").text
    assert 'method="other"' in shown
    assert "MKCOL" not in shown


def test_what_the_index_holds_is_shown(client: httpx.Client, index: Index) -> None:
    broken = index.home / "broken.jpg"
    broken.write_bytes(b"no picture")
    index.run_here("index", "add", PHOTOS / "koala.jpg", broken, code=2)

    until(lambda: measured(client, "lookalike_images") == 2)
    until(lambda: measured(client, "lookalike_quarantined_files", code="unreadable_image") == 1)
    assert measured(client, "lookalike_bank_entries") == 1
    assert measured(client, "lookalike_database_up") == 1
    with open_store(index.settings.resolved_database_url) as store, store.reader() as catalog:
        head = catalog.log.head()
    until(lambda: measured(client, "lookalike_view_watermark") == head)
    assert measured(client, "lookalike_view_lag_changes") == 0
    assert measured(client, "lookalike_worker_resident_memory_bytes") > 10_000_000


def test_ingest_jobs_are_shown_by_the_state_of_their_parts(
    client: httpx.Client, index: Index
) -> None:
    add = ("index", "add", PHOTOS / "bee.jpg", PHOTOS / "crab.jpg")
    index.run_here(*add, "--queue", "--part-size", 1)
    until(lambda: measured(client, "lookalike_ingest_parts", state="waiting") == 2)
    assert 'lookalike_ingest_parts{state="quarantined"} 0.0' in client.get("/metrics").text

    index.run_here("index", "work", "--once")

    until(lambda: measured(client, "lookalike_ingest_parts", state="done") == 1)
    assert measured(client, "lookalike_ingest_parts", state="waiting") == 1
    assert measured(client, "lookalike_ingest_processed_files") == 1


def test_what_left_the_quarantine_is_shown_as_none(client: httpx.Client, index: Index) -> None:
    broken = index.home / "empty.jpg"
    broken.write_bytes(b"")
    index.run_here("index", "add", broken, code=2)
    until(lambda: measured(client, "lookalike_quarantined_files", code="empty_image") == 1)

    index.run_here("index", "quarantine", "clear", "--code", "empty_image")

    until(lambda: 'files{code="empty_image"} 0.0' in client.get("/metrics").text)


def test_the_lag_is_what_a_view_has_not_applied(index: Index) -> None:
    with open_store(index.settings.resolved_database_url) as store:
        matcher = open_matcher(store, index.settings)
        index.run_here("index", "add", PHOTOS / "crab.jpg")
        with store.reader() as catalog:
            behind, since = catalog.log.lag(matcher.views.watermark)
            matcher.catch_up()
            caught_up = catalog.log.lag(matcher.views.watermark)

    assert behind > 0
    assert since is not None
    assert caught_up == (0, None)


# --- without a server ----------------------------------------------------------------------------


MATCH = Match(
    tier=Tier.LOOKALIKE,
    decided_by="pdq",  # type: ignore[arg-type]
    threshold=31,
    threshold_source="settings",
    threshold_card=None,
    similarity=None,
    pdq_distance=3,
    log_odds=None,
    bank="a",
    bank_kind=None,
    entry_id=None,
    image_id=None,
    source=None,
    suppressed_by=None,
)


def verdict(*matches: Match) -> Verdict:
    return Verdict("", Tier.LOOKALIKE, (), (), matches, {}, "", "", "", 0, 0, SearchCompleteness())


def banks_of(metrics: Metrics) -> set[str]:
    return set(re.findall(r'matches_total{bank="([^"]*)"', metrics.exposition().decode()))


def test_actions_are_counted_while_a_policy_is_in_force() -> None:
    metrics = Metrics()

    metrics.count_verdict(replace(verdict(), action=Action.REVIEW))
    metrics.count_verdict(verdict())

    counted = samples(metrics.exposition().decode())
    actions = {name: value for name, value in counted.items() if "actions_total" in name}
    assert actions == {"lookalike_actions_total{'action': 'review'}": 1}


def test_a_bank_that_is_matched_twice_by_a_picture_counts_once() -> None:
    metrics = Metrics()

    metrics.count_verdict(
        verdict(replace(MATCH, tier=Tier.EXACT), MATCH, replace(MATCH, bank=None))
    )

    shown = samples(metrics.exposition().decode())
    counted = {name: value for name, value in shown.items() if "matches_total" in name}
    assert counted == {
        "lookalike_matches_total{'bank': 'a', 'tier': 'exact'}": 1,
        f"lookalike_matches_total{{'bank': '{GALLERY}', 'tier': 'lookalike'}}": 1,
    }


def test_however_many_banks_there_are_the_series_are_bounded() -> None:
    metrics = Metrics()

    for number in range(300):
        metrics.count_verdict(verdict(replace(MATCH, bank=f"bank-{number}")))

    assert len(banks_of(metrics)) == 101
    assert OTHER_BANKS in banks_of(metrics)


def test_the_operations_page_lists_the_metrics() -> None:
    listed = re.findall(r"^\| `(lookalike_\w+)` \| (\w+) \| (.*?) \| (.*) \|$", DOCS, re.MULTILINE)
    registry = Metrics().registry
    families = [
        (family.name + ("_total" if family.type == "counter" else ""), family)
        for collector in registry._collector_to_names  # noqa: SLF001 -- it has no other list
        if not isinstance(collector, ProcessCollector)
        for family in collector.describe()
    ]

    assert [(name, kind, says) for name, kind, _, says in listed] == [
        (name, family.type, family.documentation) for name, family in families
    ]


@pytest.mark.parametrize("is_open", [False, True])
def test_a_closed_server_shows_its_metrics_to_analysts_unless_they_are_open(
    index: Index, *, is_open: bool
) -> None:
    closed = {"LOOKALIKE_SERVE_ACCESS": "keys", "LOOKALIKE_SERVE_METRICS_OPEN": str(is_open)}
    keys = {
        scope: index.run_here("key", "create", "--name", scope, "--scope", scope, "--json").json
        for scope in ("check", "analyst")
    }

    with Index(index.home, extra=closed).serve() as client:
        statuses = [
            client.get("/metrics", headers={"Authorization": f"Bearer {token}"}).status_code
            for token in (keys["check"]["token"], keys["analyst"]["token"])
        ]
        nobody = client.get("/metrics").status_code

    assert [nobody, *statuses] == ([200] * 3 if is_open else [401, 403, 200])
