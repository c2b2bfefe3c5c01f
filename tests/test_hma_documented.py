"""What HMA documents of its routes and tests of itself, route by route, in our own words.

`test_hma.py` has what is ours. Where we differ on purpose, `docs/hma.md` says so.
"""

from collections.abc import Iterator
from time import time
from typing import Any

import httpx
import numpy as np
import pytest

from support import web
from support.commands import PHOTOS, Index
from support.hma_client import HmaClient, HmaError

YEAR = 365 * 24 * 3600  # seconds
GENERATOR = np.random.default_rng(12)


def photo(name: str) -> bytes:
    return (PHOTOS / f"{name}.jpg").read_bytes()


def pdq() -> str:
    """Return a hash that is far from any other: about 128 bits."""
    return GENERATOR.bytes(32).hex()


def nearby(signal: str, bits: int) -> str:
    """Return a hash at that distance."""
    unpacked = np.unpackbits(np.frombuffer(bytes.fromhex(signal), np.uint8))
    unpacked[:bits] ^= 1
    return np.packbits(unpacked).tobytes().hex()


@pytest.fixture(scope="module")
def site() -> Iterator[web.Web]:
    with web.running() as site:
        site.pages["/bee.jpg"] = web.page(photo("bee"))
        site.pages["/koala.jpg"] = web.page(photo("koala"))
        yield site


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory, site: web.Web) -> Iterator[httpx.Client]:
    allowed = {
        "LOOKALIKE_SERVE_FETCH_HOSTS": f"http://{site.place}",
        "LOOKALIKE_SERVE_FETCH_PRIVATE_HOSTS": "127.0.0.1",
    }
    index = Index(tmp_path_factory.mktemp("home"), extra=allowed)
    index.run_here("init")
    with index.serve() as http:
        yield http


@pytest.fixture(scope="module")
def client(http: httpx.Client) -> Iterator[HmaClient]:
    client = HmaClient(str(http.base_url))
    yield client
    client.close()


@pytest.fixture
def bank(client: HmaClient) -> Iterator[str]:
    client.create_bank("A_BANK")
    yield "A_BANK"
    client.delete_bank("A_BANK")


def status_of(ask: Any, *arguments: Any, **named: Any) -> int:
    """Return the status of what is refused."""
    with pytest.raises(HmaError) as caught:
        ask(*arguments, **named)
    return caught.value.status


# --- health --------------------------------------------------------------------------------------


def test_it_is_alive(client: HmaClient) -> None:
    assert client.text("/status") == client.text("/status/live") == (200, "I-AM-ALIVE")


def test_the_openapi_document_describes_the_routes(client: HmaClient) -> None:
    document = client.get("/openapi/openapi.json")

    assert document["info"]["title"]
    assert {"/h/hash", "/m/lookup", "/c/banks"} <= document["paths"].keys()
    assert {"/h/hash", "/m/lookup", "/c/banks"} <= {*client.get("/site-map")}


# --- banks ---------------------------------------------------------------------------------------


def test_there_are_no_banks_at_first(client: HmaClient) -> None:
    assert client.banks() == []


@pytest.mark.parametrize("name", ["01_BANK", "my_bank"])
def test_a_bank_s_name_is_capitals_and_begins_with_no_digit(client: HmaClient, name: str) -> None:
    assert status_of(client.create_bank, name) == 400


def test_a_new_bank_matches_unless_told_otherwise(client: HmaClient) -> None:
    made = client.post("/c/banks", {"name": "BANK_01"}, expected=201)
    off = {"name": "BANK_02", "enabled": False}

    assert made == {"name": "BANK_01", "matching_enabled_ratio": 1.0}
    assert client.banks() == [made]
    made = client.post("/c/banks", off, expected=201)
    assert made == {"name": "BANK_02", "matching_enabled_ratio": 0.0}
    for name in ("BANK_01", "BANK_02"):
        client.delete_bank(name)


def test_a_bank_is_renamed_and_disabled_one_after_the_other(client: HmaClient, bank: str) -> None:
    assert status_of(client.update_bank, bank, name="1_bank") == 400
    assert client.update_bank(bank, name="RENAMED")["name"] == "RENAMED"
    assert client.update_bank("RENAMED", enabled=False)["matching_enabled_ratio"] == 0
    assert client.update_bank("RENAMED", enabled_ratio=0.5)["matching_enabled_ratio"] == 0.5
    assert client.banks() == [{"name": "RENAMED", "matching_enabled_ratio": 0.5}]
    client.create_bank("OTHER")
    assert status_of(client.update_bank, "OTHER", name="RENAMED") == 403
    client.delete_bank("OTHER")
    client.delete_bank("RENAMED")
    assert status_of(client.update_bank, "RENAMED", enabled=True) == 404


def test_deleting_a_bank_that_is_gone_succeeds(client: HmaClient, bank: str) -> None:
    assert client.delete_bank(bank) == client.delete_bank(bank) == {"message": "Done"}
    assert client.banks() == []


# --- contents ------------------------------------------------------------------------------------


def test_a_content_added_by_url_has_the_hash_of_its_picture(
    client: HmaClient, bank: str, site: web.Web
) -> None:
    added = client.add_url(bank, site.url("/bee.jpg"))

    hashed = client.hash_url(site.url("/bee.jpg"))
    assert added["signals"]["pdq"] == hashed["pdq"] == client.hash_file(photo("bee"))["pdq"]
    known = client.content(bank, added["id"])
    assert (known["id"], known["bank"]["name"]) == (added["id"], bank)
    assert known["disable_until_ts"] == 1
    assert {"signals", "metadata", "note"}.isdisjoint(known)
    asked = client.content(bank, added["id"], include_signals="true")
    assert asked["signals"]["pdq"] == hashed["pdq"]
    assert client.delete_content(bank, added["id"]) == 1


def test_what_is_not_there_is_not_found(client: HmaClient, bank: str) -> None:
    assert status_of(client.content, "NO_BANK", 1) == 404
    assert status_of(client.content, bank, 1) == 404
    assert status_of(client.update_content, bank, 1, disable_until_ts=0) == 404
    assert status_of(client.add_signal, "NO_BANK", pdq=pdq()) == 404
    assert status_of(client.delete_content, "NO_BANK", 1) == 404


def test_a_content_may_be_disabled_for_a_year_but_not_for_centuries(
    client: HmaClient, bank: str
) -> None:
    content = client.add_signal(bank, pdq=pdq())["id"]
    later = int(time()) + YEAR

    changed = client.update_content(bank, content, disable_until_ts=later)

    assert changed["disable_until_ts"] == later
    assert status_of(client.update_content, bank, content, disable_until_ts=9999999999) == 400
    assert status_of(client.update_content, bank, content, disable_until_ts="soon") == 400


def test_metadata_comes_back_unless_it_is_declined(
    client: HmaClient, bank: str, site: web.Web
) -> None:
    said = {
        "content_id": "ext-1",
        "content_uri": "https://example.com/1",
        "json": {"source": "test", "nested": {"key": "value"}},
    }
    content = client.add_url(bank, site.url("/koala.jpg"), metadata=said)["id"]

    assert client.content(bank, content)["metadata"] == said
    assert "metadata" not in client.content(bank, content, include_metadata="false")
    wrong = {"metadata": {"no_such_key": 5}}
    assert status_of(client.add_url, bank, site.url("/koala.jpg"), **wrong) == 400


def test_a_note_is_said_changed_and_cleared(client: HmaClient, bank: str) -> None:
    content = client.add_signal(bank, pdq=pdq(), note="from a campaign")["id"]
    assert client.content(bank, content)["note"] == "from a campaign"

    for text in ("first", "second"):
        client.update_content(bank, content, note=text)
        assert client.content(bank, content)["note"] == text
    for nothing in ("", None):
        client.update_content(bank, content, note="said")
        client.update_content(bank, content, note=nothing)
        assert "note" not in client.content(bank, content)
    assert status_of(client.add_signal, bank, pdq=pdq(), note="x" * 256) == 400


def test_signals_must_be_given_and_be_of_their_type(client: HmaClient, bank: str) -> None:
    assert status_of(client.add_signal, bank) == 400
    assert status_of(client.add_signal, bank, pdq="no hash") == 400
    assert status_of(client.add_signal, bank, no_such_type="aa") == 400


# --- hashing -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/a.jpg",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:text/html,x",
        "wss://example.com",
        "example.com",
        "//example.com",
        "http://",
        "http:///example.com",
        "http://example.com:abc",
        "not a url",
        "",
    ],
)
def test_a_url_that_is_not_of_the_web_is_refused(client: HmaClient, url: str) -> None:
    assert status_of(client.hash_url, url) == 400


def test_only_hosts_that_are_allowed_are_fetched_from(client: HmaClient, site: web.Web) -> None:
    asked = len(site.requests)

    assert status_of(client.hash_url, site.url("/bee.jpg", host="localhost")) == 400
    assert status_of(client.hash_url, "http://example.org/a.jpg") == 400
    assert len(site.requests) == asked


def test_what_is_too_large_is_413(client: HmaClient, site: web.Web) -> None:
    site.pages["/large.jpg"] = web.page(b"x", length=2**31)

    assert status_of(client.hash_url, site.url("/large.jpg")) == 413


def test_a_request_holds_one_file_in_a_field_of_its_type(
    client: HmaClient, http: httpx.Client
) -> None:
    two = [("photo", ("a.jpg", photo("bee"))), ("photo", ("b.jpg", photo("bee")))]

    assert http.post("/h/hash", files=two).status_code == 400
    assert http.post("/h/hash").status_code == 400
    assert status_of(client.hash_file, photo("bee"), content_type="file") == 400
    assert status_of(client.hash_file, photo("bee"), types="no_such_type") == 400
    assert status_of(client.hash_file, photo("bee"), types=",") == 400
    assert client.hash_file(photo("bee"), types="pdq").keys() == {"pdq"}


# --- matching ------------------------------------------------------------------------------------


def test_added_hashes_are_indexed_and_found(client: HmaClient, bank: str) -> None:
    before = client.index_status("pdq")["pdq"]["size"]
    hashes = [pdq() for _ in range(5)]
    contents = [client.add_signal(bank, pdq=each)["id"] for each in hashes]
    end = time() + 60
    while client.index_status("pdq")["pdq"]["size"] < before + 5:
        assert time() < end

    status = client.index_status("pdq")

    assert status["pdq"]["present"] is True
    assert status["pdq"]["size"] == before + 5
    match = {"bank_content_id": contents[-1], "distance": "0"}
    assert client.lookup_signal(hashes[-1], "pdq") == {bank: [match]}
    assert client.raw_lookup(hashes[0], "pdq") == contents[:1]
    assert client.lookup_signal("5" * 64, "pdq") == {}
    assert status_of(client.index_status, "no_such_type") == 400


def test_lookups_name_banks_contents_and_distances(client: HmaClient) -> None:
    signal, names = pdq(), ["BANK_A", "BANK_B", "BANK_C"]
    contents = {}
    for name in names:
        client.create_bank(name)
        contents[name] = client.add_signal(name, pdq=signal)["id"]
    end = time() + 60
    while len(client.raw_lookup(signal, "pdq")) < len(names):
        assert time() < end
    query = nearby(signal, 7)

    def raw(banks: str | None, **more: Any) -> list[Any]:
        return client.raw_lookup(query, "pdq", banks=banks, **more)

    assert sorted(raw(None)) == sorted(contents.values())
    assert raw("BANK_A") == [contents["BANK_A"]]
    assert sorted(raw("BANK_A,BANK_B")) == sorted([contents["BANK_A"], contents["BANK_B"]])
    assert raw("NO_BANK") == []
    told = raw("BANK_A,BANK_B", include_distance="True")
    assert {(each["bank_content_id"], each["distance"]) for each in told} == {
        (contents["BANK_A"], "7"),
        (contents["BANK_B"], "7"),
    }
    assert client.lookup_signal(query, "pdq").keys() == {*names}
    assert client.lookup_signal(query, "pdq", banks="BANK_A").keys() == {"BANK_A"}
    assert client.lookup_signal(query, "pdq", banks="BANK_A,BANK_C").keys() == {"BANK_A", "BANK_C"}
    assert client.lookup_signal(query, "pdq", banks="NO_BANK") == {}
    for name in names:
        client.delete_bank(name)


def test_a_picture_is_looked_up_by_url_and_by_upload_alike(
    client: HmaClient, site: web.Web
) -> None:
    by_url = client.lookup_url(site.url("/bee.jpg"))

    assert by_url == client.lookup_file(photo("bee"))
    assert by_url["pdq"] == {}


def test_two_hashes_are_compared(client: HmaClient) -> None:
    one = pdq()

    assert client.post("/m/compare", {"pdq": [one, nearby(one, 9)]}) == {
        "pdq": [True, {"distance": 9}]
    }
    assert client.compare("pdq", one, pdq())[0] is False


@pytest.mark.parametrize(
    "body",
    [
        ["text"],
        {"pdq": "text"},
        {"pdq": []},
        {"pdq": ["no hash", "no hash"]},
        {"pdq": ["ab" * 32] * 3},
        {"no_such_type": ["ab" * 32] * 2},
    ],
)
def test_a_comparison_of_anything_but_two_hashes_is_refused(client: HmaClient, body: Any) -> None:
    assert status_of(client.post, "/m/compare", body) == 400


# --- exchanges -----------------------------------------------------------------------------------


def test_a_kind_of_exchange_is_described(client: HmaClient) -> None:
    (api,) = client.get("/c/exchanges/apis")
    known = client.get(f"/c/exchanges/api/{api}")
    schema = client.get(f"/c/exchanges/api/{api}/schema")

    assert known == {"supports_authentification": False, "has_set_authentification": False}
    for field in schema["config_schema"]["fields"]:
        assert field.keys() == {"name", "type", "required", "default", "help", "choices"}
    assert schema["credentials_schema"] is None


def test_an_exchange_that_is_not_there_is_not_found_but_may_be_deleted(client: HmaClient) -> None:
    assert status_of(client.get, "/c/exchange/NO_EXCHANGE") == 404
    assert status_of(client.get, "/c/exchange/NO_EXCHANGE/status") == 404
    assert client.delete("/c/exchange/NO_EXCHANGE") == {"message": "Exchange deleted"}
