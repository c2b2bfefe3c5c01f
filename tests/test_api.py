import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import pytest
from PIL import Image

from indexer.ingest import Ingest, open_ingest
from indexer.sources import walk
from indexer.store import Store, open_store
from support import pictures
from support.commands import PHOTOS, Index
from support.postgres import postgres_database

KNOWN = "hedgehog.jpg"
GALLERY = ("bee.jpg", "crab.jpg", "koala.jpg")
STRANGER = PHOTOS / "aqueduct.jpg"
LATER = ("swans.jpg", "moose.jpg", "sheep.jpg", "coffee.jpg", "camels.jpg")
MAX_IMAGE_BYTES = 1_000_000
MAX_REQUEST_BYTES = 1_500_000


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Index a few photos, one of them in the block bank `known-unsafe`."""
    limits = {
        "LOOKALIKE_MAX_IMAGE_BYTES": str(MAX_IMAGE_BYTES),
        "LOOKALIKE_MAX_IMAGE_PIXELS": "50000000",
        "LOOKALIKE_SERVE_MAX_REQUEST_BYTES": str(MAX_REQUEST_BYTES),
        "LOOKALIKE_SERVE_QUEUE_TIMEOUT": "60",  # sixteen ask at once
    }
    index = Index(tmp_path_factory.mktemp("home"), extra=limits)
    fill(index)
    return index


@pytest.fixture(scope="module")
def client(index: Index) -> Iterator[httpx.Client]:
    """Start a server over the index, shared by the tests of this file."""
    with index.serve() as client:
        yield client


@pytest.fixture(scope="module")
def store(index: Index) -> Iterator[Store]:
    """Open the served index as another process would."""
    with open_store(index.settings.resolved_database_url) as store:
        yield store


@pytest.fixture(scope="module")
def ingest(index: Index, store: Store) -> Ingest:
    return open_ingest(store, index.settings)


def fill(index: Index) -> None:
    index.run_here("init")
    index.run_here("index", "add", *(PHOTOS / name for name in GALLERY))
    index.run_here("bank", "create", "known-unsafe")
    index.run_here("bank", "add", "known-unsafe", PHOTOS / KNOWN)


def altered(name: str) -> bytes:
    """Return a photo at half its size, saved again."""
    buffer = BytesIO()
    with Image.open(PHOTOS / name) as photo:
        photo.resize((photo.width // 2, photo.height // 2)).save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def search(client: httpx.Client, data: bytes, field: str = "image", **parameters: Any) -> Any:
    response = client.post("/v1/search", files={field: ("upload.jpg", data)}, params=parameters)
    assert response.status_code == HTTPStatus.OK, response.text
    return response.json()


def assert_problem(response: httpx.Response, status: HTTPStatus, code: str) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["detail"]
    assert {key: problem[key] for key in ("type", "title", "status")} == {
        "type": f"urn:lookalike:{code}",
        "title": code,
        "status": status,
    }


# --- answers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", [PHOTOS / KNOWN, PHOTOS / GALLERY[0], STRANGER], ids=["entry", "gallery", "stranger"]
)
def test_the_verdict_is_that_of_the_command(client: httpx.Client, index: Index, path: Path) -> None:
    verdict = search(client, path.read_bytes())

    from_command = index.run_here("search", path, "--json").json
    assert verdict == from_command | {"query": "upload.jpg"}


def test_an_altered_copy_is_found_with_its_evidence(client: httpx.Client) -> None:
    verdict = search(client, altered(KNOWN))

    best = verdict["matches"][0]
    assert (verdict["tier"], verdict["banks"]) == ("near_duplicate", ["known-unsafe"])
    assert (best["bank"], best["bank_kind"]) == ("known-unsafe", "block")
    assert (best["decided_by"], best["threshold"]) == ("pdq", 31)
    assert best["threshold_source"] == "settings"
    assert best["source"] == str(PHOTOS / KNOWN)


@pytest.mark.parametrize("field", ["image", "file", "x"])
def test_the_field_may_have_any_name(client: httpx.Client, field: str) -> None:
    assert search(client, (PHOTOS / KNOWN).read_bytes(), field)["tier"] == "exact"


def test_parameters_bound_the_answer(client: httpx.Client) -> None:
    data = STRANGER.read_bytes()

    assert len(search(client, data, min_log_odds=-100)["matches"]) >= 4
    assert len(search(client, data, min_log_odds=-100, k=2)["matches"]) == 2
    chosen = search(client, data, min_log_odds=-100, bank="known-unsafe")["matches"]
    assert [match["bank"] for match in chosen] == ["known-unsafe"]
    assert {match["threshold_source"] for match in chosen} == {"request"}


def test_the_cosine_threshold_of_before_is_refused_with_its_replacement(
    client: httpx.Client,
) -> None:
    files = {"image": ("a.jpg", STRANGER.read_bytes())}

    for path, named in (("/v1/search", "min_log_odds"), ("/v1/classify", "none")):
        refused = client.post(path, files=files, params={"threshold": 0.9})
        assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert "threshold: No such parameter." in refused.json()["detail"]
        assert named in refused.json()["detail"]


def test_classify_is_that_of_the_command(client: httpx.Client, index: Index) -> None:
    response = client.post("/v1/classify", files={"image": ("a.jpg", STRANGER.read_bytes())})

    from_command = index.run_here("classify", STRANGER, "--json").json
    assert response.status_code == HTTPStatus.OK
    assert response.json() == from_command | {"query": "a.jpg"}


def test_an_image_is_described_as_in_the_list(client: httpx.Client, index: Index) -> None:
    listed = index.run_here("index", "list", "--bank", "known-unsafe", "--json").json[0]

    shown = client.get(f"/v1/images/{listed['image_id']}").json()

    assert shown == listed
    assert shown["sources"] == [str(PHOTOS / KNOWN)]
    assert [entry["bank"] for entry in shown["entries"]] == ["known-unsafe"]


def test_the_neighbours_of_an_image_leave_itself_out(client: httpx.Client, index: Index) -> None:
    images = index.run_here("index", "list", "--json").json
    image_id = images[0]["image_id"]

    neighbours = client.get(f"/v1/images/{image_id}/similar", params={"k": 3}).json()["items"]
    of_bank = client.get(f"/v1/images/{image_id}/similar", params={"bank": "known-unsafe"}).json()[
        "items"
    ]

    assert len(neighbours) == 3
    assert image_id not in {match["image_id"] for match in neighbours}
    assert {match["bank"] for match in of_bank} == {"known-unsafe"}


def test_health_and_readiness(client: httpx.Client, index: Index) -> None:
    changes = index.run_here("status", "--json").json["counts"]["changes"]

    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {
        "status": "ready",
        "watermark": changes,
        "warnings": [],
    }


def test_concurrent_queries_get_their_own_answers(client: httpx.Client) -> None:
    names = [path.name for path in sorted(PHOTOS.glob("*.jpg"))[:16]]
    barrier = threading.Barrier(len(names))

    def ask(name: str) -> Any:
        barrier.wait()
        data = (PHOTOS / name).read_bytes()
        response = client.post("/v1/search", files={"image": (name, data)})
        return response.json()

    with ThreadPoolExecutor(len(names)) as pool:
        together = list(pool.map(ask, names))

    for name, verdict in zip(names, together, strict=True):
        assert verdict["query"] == name
        assert verdict == search(client, (PHOTOS / name).read_bytes()) | {"query": name}


# --- the log is followed -------------------------------------------------------------------------


@pytest.mark.parametrize("name", LATER)
def test_what_another_process_commits_or_removes_is_known_within_a_second(
    client: httpx.Client, store: Store, ingest: Ingest, name: str
) -> None:
    query = altered(name)
    assert search(client, query)["tier"] == "none"
    ingest.run(walk([PHOTOS / name]))
    committed = monotonic()

    def found() -> bool:
        return bool(search(client, query)["matches"])

    assert seconds_until(found, since=committed) < 1

    image_id = search(client, query)["matches"][0]["image_id"]
    with store.writer() as writer:
        writer.images.remove([image_id])
    assert not found()
    assert_problem(client.get(f"/v1/images/{image_id}"), HTTPStatus.NOT_FOUND, "not_found")


def seconds_until(condition: Callable[[], object], since: float) -> float:
    while not condition():
        assert monotonic() < since + 30
        sleep(0.02)
    return monotonic() - since


@pytest.mark.slow
def test_a_server_over_postgres_answers_and_follows(postgres_url: str, tmp_path: Path) -> None:
    query = altered("swans.jpg")
    with postgres_database(postgres_url) as url:
        index = Index(tmp_path / "home", url)
        fill(index)
        with index.serve() as client, open_store(url) as store:
            ingest = open_ingest(store, index.settings)
            assert search(client, altered(KNOWN))["banks"] == ["known-unsafe"]
            assert search(client, query)["tier"] == "none"
            ingest.run(walk([PHOTOS / "swans.jpg"]))
            committed = monotonic()
            assert seconds_until(lambda: search(client, query)["matches"], committed) < 1


# --- problems ------------------------------------------------------------------------------------

BOUNDARY = {"content-type": "multipart/form-data; boundary=b"}
JPEG = {"content-type": "image/jpeg"}
BAD_REQUESTS: dict[str, dict[str, Any]] = {
    "no parts": {"content": b"--b--\r\n", "headers": BOUNDARY},
    "two files": {"files": [("a", b"1"), ("b", b"2")]},
    "a field too": {"files": {"image": b"1"}, "data": {"comment": "x"}},
    "a field instead": {"data": {"image": "picture.jpg"}},
    "not multipart": {"content": b"\xff\xd8\xff", "headers": JPEG},
    "nothing": {},
    "no boundary": {"content": b"x", "headers": {"content-type": "multipart/form-data"}},
    "not as announced": {"content": b"no parts at all", "headers": BOUNDARY},
}


@pytest.mark.parametrize("route", ["/v1/search", "/v1/classify"])
@pytest.mark.parametrize("request_", BAD_REQUESTS.values(), ids=BAD_REQUESTS)
def test_a_request_without_exactly_one_file_is_refused(
    client: httpx.Client, route: str, request_: dict[str, Any]
) -> None:
    response = client.post(route, **request_)

    assert_problem(response, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_input")
    assert "curl -F image=@picture.jpg" in response.json()["detail"]


@pytest.mark.parametrize("route", ["/v1/search", "/v1/classify"])
@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 400, "empty_image"),
        (pictures.text(), 415, "unreadable_image"),
        (pictures.truncated(pictures.plain_jpeg()), 415, "unreadable_image"),
        (pictures.png_bomb(), 413, "image_too_large"),
        (bytes(MAX_IMAGE_BYTES + 1), 413, "image_too_large"),
    ],
    ids=["empty", "text", "truncated", "too many pixels", "too many bytes"],
)
def test_a_picture_that_cannot_be_used_is_refused(
    client: httpx.Client, route: str, data: bytes, status: int, code: str
) -> None:
    response = client.post(route, files={"image": ("a.jpg", data)})

    assert_problem(response, HTTPStatus(status), code)


def test_a_body_that_announces_too_much_is_refused_unread(client: httpx.Client) -> None:
    head = f"POST /v1/search HTTP/1.1\r\nhost: localhost\r\ncontent-length: {10**12}\r\n\r\n"
    with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as connection:
        connection.sendall(head.encode())
        answer = connection.makefile("rb").readline()

    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_body_that_grows_too_large_is_refused(client: httpx.Client) -> None:
    def body() -> Iterator[bytes]:
        yield b'--b\r\ncontent-disposition: form-data; name="a"; filename="a"\r\n\r\n'
        for _ in range(MAX_REQUEST_BYTES // 50_000 + 1):
            yield bytes(50_000)

    response = client.post("/v1/search", content=body(), headers=BOUNDARY)

    assert_problem(response, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "request_too_large")


@pytest.mark.parametrize(
    "parameters",
    [{"k": 0}, {"k": 1001}, {"k": "many"}, {"min_log_odds": "many"}, {"min_log_odds": "nan"}],
    ids=str,
)
def test_a_parameter_that_cannot_be_used_is_named(
    client: httpx.Client, parameters: dict[str, Any]
) -> None:
    data = STRANGER.read_bytes()

    response = client.post("/v1/search", files={"image": data}, params=parameters)

    assert_problem(response, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request")
    assert next(iter(parameters)) in response.json()["detail"]


def test_an_unknown_bank_is_not_found_and_the_nearest_is_named(client: httpx.Client) -> None:
    data = STRANGER.read_bytes()

    response = client.post("/v1/search", files={"image": data}, params={"bank": "known-unsave"})

    assert_problem(response, HTTPStatus.NOT_FOUND, "not_found")
    assert "Did you mean known-unsafe?" in response.json()["detail"]


@pytest.mark.parametrize("tail", ["", "/similar"])
def test_an_unknown_image_is_not_found(client: httpx.Client, tail: str) -> None:
    unknown = client.get(f"/v1/images/{2**63 - 1}{tail}")

    assert_problem(unknown, HTTPStatus.NOT_FOUND, "not_found")
    for image_id in ("0", str(2**63), "first"):
        response = client.get(f"/v1/images/{image_id}{tail}")
        assert_problem(response, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request")


def test_an_unknown_route_is_not_found(client: httpx.Client) -> None:
    assert_problem(client.get("/v1/nothing"), HTTPStatus.NOT_FOUND, "not_found")


def test_a_wrong_method_is_told_the_right_one(client: httpx.Client) -> None:
    response = client.get("/v1/search")

    assert_problem(response, HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed")
    assert response.headers["allow"] == "POST"


# --- starting and stopping -----------------------------------------------------------------------


def test_a_server_without_an_index_says_how_to_make_one(tmp_path: Path) -> None:
    index = Index(tmp_path, extra={"LOOKALIKE_SERVE_PORT": "0"})

    assert "`lookalike init`" in index.run_here("serve", code=4).stderr


def test_an_address_that_is_taken_is_named(index: Index, client: httpx.Client) -> None:
    port = client.base_url.port

    done = index.run_here("serve", "--port", port, code=2)

    assert f"127.0.0.1:{port}" in done.stderr
    assert "--port" in done.stderr


@pytest.mark.slow
def test_an_interrupted_server_ends_without_a_traceback(index: Index) -> None:
    with index.start("serve", "--port", 0) as server:
        assert server.stdout is not None
        console, address = server.stdout.readline(), server.stdout.readline()
        url = console.removeprefix("Console: ").removesuffix("/console\n")
        assert address == f"Listening on {url} (documentation: {url}/docs)\n"
        server.send_signal(signal.SIGINT)
        _, stderr = server.communicate(timeout=30)

    assert server.returncode == 130
    assert "Traceback" not in stderr
