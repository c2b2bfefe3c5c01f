"""Decisions, retro-scans and floods over HTTP, on a real server."""

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from threading import Event
from time import monotonic, sleep
from typing import Any, cast

import httpx
import pytest

from indexer.errors import UnavailableError
from indexer.retroscan import RetroScanner
from indexer.store import Store, open_store
from indexer.types import RetroScan, ScanState
from search_api.jobs.retro_scans import RetroScanJob
from support.commands import PHOTOS, Index

KNOWN, ALSO_KNOWN = "hedgehog.jpg", "coffee.jpg"
GALLERY = ("bee.jpg", "crab.jpg", "koala.jpg")
FLOOD = 5  # hits


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Index:
    """Index a few photos, two in a block bank; of a tiny model only the fingerprints count."""
    rules = {
        "LOOKALIKE_MODEL": str(tiny_model),
        "LOOKALIKE_NEAR_DUPLICATE_LOG_ODDS": "1000",
        "LOOKALIKE_LOOKALIKE_LOG_ODDS": "1000",
        "LOOKALIKE_FLOOD_MIN_HITS": str(FLOOD),
        "LOOKALIKE_FLOOD_P_VALUE": "0.1",
        "LOOKALIKE_SERVE_HITS_INTERVAL": "0.1",
    }
    index = Index(tmp_path_factory.mktemp("filled"), extra=rules)
    index.run_here("init")
    index.run_here("index", "add", *(PHOTOS / name for name in GALLERY))
    index.run_here("bank", "create", "unsafe")
    index.run_here("bank", "create", "benign", "--kind", "allow")
    index.run_here("bank", "add", "unsafe", PHOTOS / KNOWN, PHOTOS / ALSO_KNOWN)
    return index


@pytest.fixture
def index(filled: Index, tmp_path: Path) -> Index:
    return filled.copy(tmp_path / "home")


@pytest.fixture
def client(index: Index) -> Iterator[httpx.Client]:
    with index.serve() as client:
        yield client


@pytest.fixture
def store(index: Index) -> Iterator[Store]:
    with open_store(index.settings.resolved_database_url) as store:
        yield store


def search(client: httpx.Client, data: bytes) -> Any:
    return answer(client.post("/v1/search", files={"image": ("upload.jpg", data)}))


def photo(name: str) -> bytes:
    return (PHOTOS / name).read_bytes()


def answer(response: httpx.Response) -> Any:
    assert response.status_code == HTTPStatus.OK, response.text
    return response.json()


def items(response: httpx.Response) -> Any:
    """Return the items of a page that is the only one."""
    page = answer(response)
    assert page["next_cursor"] is None
    return page["items"]


def decide(client: httpx.Client, verdict: Any, **fields: Any) -> httpx.Response:
    query = {name: verdict[name] for name in ("sha256", "pdq", "pdq_quality")}
    return client.post("/v1/decisions", json=query | fields)


def wait_for(ask: Any, met: Any) -> Any:
    """Ask until the answer is as it should be."""
    give_up = monotonic() + 60
    while not met(got := ask()):
        assert monotonic() < give_up, got
        sleep(0.05)
    return got


# --- decisions -----------------------------------------------------------------------------------


def test_a_rejected_match_is_suppressed_for_these_bytes_and_no_others(
    client: httpx.Client,
) -> None:
    verdict = search(client, photo(KNOWN))
    [match] = verdict["matches"]
    said = {key: match[key] for key in ("entry_id", "tier", "decided_by")}

    decided = answer(
        decide(client, verdict, **said, outcome="rejected", analyst="jo", note="a statue")
    )

    after = search(client, photo(KNOWN))
    assert (after["tier"], after["hits"]) == ("none", [])
    assert after["matches"][0]["suppressed_by"]["decision_id"] == decided["decision"]["id"]
    assert search(client, photo(KNOWN) + b"another byte")["tier"] == "near_duplicate"
    assert items(client.get("/v1/decisions")) == [decided["decision"]]


def test_a_confirmed_query_is_known_from_then_on(client: httpx.Client) -> None:
    altered = photo(GALLERY[0]) + b"an upload that nobody stored"
    verdict = search(client, altered)
    [match] = verdict["matches"]

    decided = answer(
        decide(client, verdict, image_id=match["image_id"], outcome="confirmed", bank="unsafe")
    )

    assert (decided["bank"], decided["new_entries"]) == ("unsafe", 2)
    after = search(client, altered)
    assert (after["tier"], after["banks"]) == ("exact", ["unsafe"])
    assert wait_for(
        lambda: search(client, photo(GALLERY[0])), lambda now: now["banks"] == ["unsafe"]
    )


def test_decisions_are_listed_in_pages(client: httpx.Client) -> None:
    known, other = search(client, photo(KNOWN)), search(client, photo(ALSO_KNOWN))
    entry, other_entry = known["hits"][0], other["hits"][0]
    first = answer(decide(client, known, entry_id=entry, outcome="escalated"))["decision"]
    second = answer(decide(client, known, entry_id=entry, outcome="rejected"))["decision"]
    third = answer(decide(client, other, entry_id=other_entry, outcome="confirmed"))["decision"]

    def listed(**parameters: Any) -> list[int]:
        return [item["id"] for item in items(client.get("/v1/decisions", params=parameters))]

    assert listed() == [second["id"], third["id"]]
    assert listed(superseded=True) == [first["id"], second["id"], third["id"]]
    page = answer(client.get("/v1/decisions", params={"limit": 1}))
    assert page["items"] == [second]
    assert listed(limit=1, cursor=page["next_cursor"]) == [third["id"]]
    assert listed(sha256=known["sha256"]) == [second["id"]]
    assert listed(entry=other_entry) == listed(outcome="confirmed") == [third["id"]]


def test_a_decision_that_makes_no_sense_is_refused(client: httpx.Client) -> None:
    verdict = search(client, photo(KNOWN))
    [entry] = verdict["hits"]

    def refused(**fields: Any) -> tuple[int, str]:
        response = decide(client, verdict, **{"outcome": "confirmed", **fields})
        return response.status_code, response.json()["title"]

    unusable = HTTPStatus.UNPROCESSABLE_ENTITY
    assert refused(entry_id=99) == (HTTPStatus.NOT_FOUND, "not_found")
    assert refused(entry_id=entry, bank="unsave") == (HTTPStatus.NOT_FOUND, "not_found")
    assert refused() == (unusable, "invalid_input")
    assert refused(entry_id=entry, image_id=1) == (unusable, "invalid_input")
    assert refused(entry_id=entry, bank="benign") == (unusable, "invalid_input")
    assert refused(entry_id=entry, outcome="maybe") == (unusable, "invalid_request")
    assert refused(entry_id=entry, sha256="ab") == (unusable, "invalid_fingerprint")
    assert refused(entry_id=entry, colour="red") == (unusable, "invalid_request")
    assert items(client.get("/v1/decisions")) == []


# --- retro-scans ---------------------------------------------------------------------------------


def test_past_images_that_match_a_new_entry_are_listed(client: httpx.Client, index: Index) -> None:
    verdict = search(client, photo(GALLERY[0]))
    stored = verdict["matches"][0]["image_id"]
    pdq = f"pdq {verdict['pdq']}"
    index.run_here("bank", "add", "unsafe", "--fingerprint", pdq)

    begun = answer(client.post("/v1/retro-scans", json={"bank": "unsafe"}))
    url = f"/v1/retro-scans/{begun['id']}"
    done = wait_for(lambda: answer(client.get(url)), lambda scan: scan["state"] == "done")

    assert (done["bank"], done["scanned"], done["found"]) == ("unsafe", 3, 1)
    [match] = items(client.get(f"{url}/matches"))
    assert (match["image_id"], match["tier"]) == (stored, "near_duplicate")
    assert (match["decided_by"], match["pdq_distance"]) == ("pdq", 0)
    assert match["source"] == str(PHOTOS / GALLERY[0])
    assert items(client.get(f"{url}/matches", params={"cursor": match["id"]})) == []
    assert answer(client.post("/v1/retro-scans", json={"bank": "unsafe"})) == done
    assert items(client.get("/v1/retro-scans")) == [done]


def test_a_retro_scan_that_makes_no_sense_is_refused(client: httpx.Client) -> None:
    def refused(**request: Any) -> tuple[int, str]:
        response = client.post("/v1/retro-scans", json=request)
        return response.status_code, response.json()["title"]

    assert refused(bank="unsave") == (HTTPStatus.NOT_FOUND, "not_found")
    assert refused(bank="benign") == (HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_input")
    assert refused(since=10**6) == (HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_input")
    assert refused(banks="unsafe") == (HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request")
    for url in ("/v1/retro-scans/7", "/v1/retro-scans/7/matches"):
        assert client.get(url).status_code == HTTPStatus.NOT_FOUND


class _Waiting:
    """A scanner whose scan ends when it is told to."""

    def __init__(self, scan: RetroScan) -> None:
        self.scan = scan
        self.goes_on = Event()

    def begin(self, _bank: str | None, _since: int | None) -> RetroScan:
        return self.scan

    def run(self, scan: RetroScan, *, stop: Event) -> RetroScan:
        while not (stop.wait(0.01) or self.goes_on.is_set()):
            pass
        return scan


def test_a_server_runs_one_retro_scan_at_a_time(store: Store) -> None:
    with store.writer() as writer:
        scan = writer.retro_scans.begin(None, writer.spaces.active().id, 1, 1)  # type: ignore[union-attr]
    assert scan.state is ScanState.RUNNING
    waiting = _Waiting(scan)
    runner = RetroScanJob(cast("RetroScanner", waiting))
    with runner:
        runner.start(None, None)
        with pytest.raises(UnavailableError, match="one at a time"):
            runner.start(None, None)
        waiting.goes_on.set()

        def try_again() -> RetroScan | None:
            try:
                return runner.start(None, None)
            except UnavailableError:
                return None

        assert wait_for(try_again, bool) == scan
        waiting.goes_on.clear()
        runner_is_stopped_while_it_runs = monotonic()
    assert monotonic() - runner_is_stopped_while_it_runs < 30


# --- floods --------------------------------------------------------------------------------------


def test_a_flooding_entry_is_flagged_and_can_be_quarantined_and_freed(
    client: httpx.Client,
) -> None:
    for _ in range(FLOOD + 1):
        [entry] = search(client, photo(KNOWN))["hits"]
    [flag] = wait_for(lambda: items(client.get("/v1/floods")), bool)
    assert (flag["entry_id"], flag["bank"], flag["state"]) == (entry, "unsafe", "open")
    assert FLOOD <= flag["hits"] <= FLOOD + 1

    quarantined = answer(client.post(f"/v1/floods/{flag['id']}/quarantine"))
    assert quarantined["state"] == "quarantined"
    assert search(client, photo(KNOWN))["hits"] == []
    assert search(client, photo(ALSO_KNOWN))["tier"] == "exact"

    dismissed = answer(client.post(f"/v1/floods/{flag['id']}/dismiss"))
    assert search(client, photo(KNOWN))["hits"] == [entry]
    assert items(client.get("/v1/floods", params={"state": "open"})) == []
    assert items(client.get("/v1/floods", params={"state": "dismissed"})) == [dismissed]
    assert client.post("/v1/floods/99/dismiss").status_code == HTTPStatus.NOT_FOUND


def test_what_was_counted_is_written_when_the_server_stops(index: Index, store: Store) -> None:
    index.extra["LOOKALIKE_SERVE_HITS_INTERVAL"] = "1000"  # type: ignore[index] -- a dict
    with index.serve() as client:
        [entry] = search(client, photo(KNOWN))["hits"]
        search(client, photo(KNOWN))

    with store.reader() as catalog:
        first = catalog.hits.first_hour()
        assert first is not None
        hits = catalog.hits.of_entries(
            [entry], since=first, before=first.max.replace(tzinfo=first.tzinfo)
        )
    assert sum(hits[entry].values()) == 2
