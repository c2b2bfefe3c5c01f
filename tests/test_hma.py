"""A client that was written from HMA's documentation runs unchanged against a real server."""

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from time import monotonic, sleep, time
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from indexer.images.decode import decode
from indexer.images.fingerprints import parse_fingerprint, pdq
from indexer.settings import Settings
from indexer.store import Store, open_store
from indexer.types import BankKind, FingerprintKind
from support import pictures, web
from support.commands import PHOTOS, Index
from support.hma_client import HmaClient, HmaError

BANK = "COOP_ORG1_KNOWN"
TYPES = ["pdq", "sha256", "photo_md5"]


def photo(name: str) -> bytes:
    return (PHOTOS / f"{name}.jpg").read_bytes()


def altered(name: str) -> bytes:
    """Return a photo at half its size, saved again."""
    with Image.open(PHOTOS / f"{name}.jpg") as image:
        return pictures.encode(image.resize((image.width // 2, image.height // 2)), "JPEG")


def flat() -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (64, 64), "navy").save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def site() -> Iterator[web.Web]:
    with web.running() as site:
        yield site


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, site: web.Web) -> Index:
    allowed = {
        "LOOKALIKE_SERVE_FETCH_HOSTS": f"http://{site.place}",
        "LOOKALIKE_SERVE_FETCH_PRIVATE_HOSTS": "127.0.0.1",
    }
    index = Index(tmp_path_factory.mktemp("home"), extra=allowed)
    index.run_here("init")
    return index


@pytest.fixture(scope="module")
def http(index: Index) -> Iterator[httpx.Client]:
    with index.serve() as http:
        yield http


@pytest.fixture(scope="module")
def client(http: httpx.Client) -> Iterator[HmaClient]:
    client = HmaClient(str(http.base_url))
    yield client
    client.close()


@pytest.fixture(scope="module")
def store(index: Index) -> Iterator[Store]:
    with open_store(index.settings.resolved_database_url) as store:
        yield store


@pytest.fixture
def bank(client: HmaClient) -> Iterator[str]:
    """Make a bank for one test."""
    client.create_bank(BANK)
    yield BANK
    if BANK in {each["name"] for each in client.banks()}:
        client.delete_bank(BANK)


def eventually(ask: Callable[[], Any], wanted: Callable[[Any], bool] = bool) -> Any:
    """Ask until the server's views have what was just added, which takes under a second."""
    end = monotonic() + 60
    while not wanted(answer := ask()):
        assert monotonic() < end, answer
        sleep(0.02)
    return answer


def refused(status: int, ask: Callable[..., Any], *arguments: Any, **named: Any) -> str:
    with pytest.raises(HmaError) as caught:
        ask(*arguments, **named)
    assert caught.value.status == status, caught.value
    assert caught.value.message
    return caught.value.message


# --- hashing -------------------------------------------------------------------------------------


def test_a_picture_has_a_signal_of_each_type(client: HmaClient, site: web.Web) -> None:
    site.pages["/bee.jpg"] = web.page(photo("bee"))

    uploaded = client.hash_file(photo("bee"))

    assert [*uploaded] == TYPES
    assert client.hash_url(site.url("/bee.jpg")) == uploaded
    assert client.hash_url(site.url("/bee.jpg"), types="pdq, sha256").keys() == {"pdq", "sha256"}


ODD_ONES = {
    "palette": pictures.palette_png,
    "gif": pictures.gif,
    "cmyk": pictures.cmyk_jpeg,
    "16 bit": pictures.grey_16_bit_png,
    "rotated": lambda: pictures.exif_rotated(6),
}


@pytest.mark.parametrize("make", ODD_ONES.values(), ids=ODD_ONES)
def test_pictures_that_hma_reads_wrongly_are_hashed_as_what_they_show(
    client: HmaClient, make: Callable[[], bytes]
) -> None:
    plain = client.hash_file(pictures.plain_jpeg())["pdq"]

    matches, distance = client.compare("pdq", plain, client.hash_file(make())["pdq"])

    assert matches, distance


def test_a_request_for_hashes_that_cannot_be_served_says_so(client: HmaClient) -> None:
    assert "photo" in refused(400, client.hash_file, b"x", content_type="video")
    refused(400, client.post, "/h/hash", {})
    refused(400, client.hash_file, b"no picture")
    refused(400, client.hash_file, b"")
    refused(400, client.get, "/h/hash")
    assert "FETCH_HOSTS" in refused(400, client.hash_url, "http://169.254.169.254/latest")
    assert "vpdq" in refused(400, client.hash_url, "http://127.0.0.1/", types="vpdq")


def test_an_embedding_is_said_only_where_it_is_named(
    client: HmaClient, bank: str, site: web.Web
) -> None:
    site.pages["/lemur.jpg"] = web.page(photo("red-panda"))
    url = site.url("/lemur.jpg")
    *others, embedding = client.signal_types()
    added = client.add_url(bank, url)

    assert others == TYPES == [*added["signals"]]
    assert [*client.lookup_url(url)] == TYPES
    assert [*client.content(bank, added["id"], include_signals="true")["signals"]] == TYPES
    (signal,) = client.hash_url(url, types=embedding).values()
    (named,) = eventually(lambda: client.lookup_url(url, types=embedding), lambda a: a[embedding])
    assert named == embedding
    by_type = client.lookup_url(url, signal_type=embedding)
    assert by_type == client.lookup_signal(signal, embedding)
    assert [each["bank_content_id"] for each in by_type[bank]] == [added["id"]]
    wanted = {"include_signals": "true", "types": embedding}
    assert client.content(bank, added["id"], **wanted)["signals"] == {embedding: signal}
    assert client.lookup_url(url, signal_type="md5") == {}  # nothing of a type that is not here


# --- banks ---------------------------------------------------------------------------------------


def test_a_bank_is_made_changed_and_deleted(client: HmaClient) -> None:
    made = client.create_bank("COOP_ORG1_NEW", enabled_ratio="0.5")

    assert made == {"name": "COOP_ORG1_NEW", "matching_enabled_ratio": 0.5}
    assert made in client.banks()
    assert client.bank("COOP_ORG1_NEW") == made
    assert "already exists" in refused(403, client.create_bank, "COOP_ORG1_NEW")
    renamed = client.update_bank("COOP_ORG1_NEW", name="COOP_ORG1_NEWER", enabled=False)
    assert renamed == {"name": "COOP_ORG1_NEWER", "matching_enabled_ratio": 0}
    refused(404, client.bank, "COOP_ORG1_NEW")
    on = client.update_bank("COOP_ORG1_NEWER", enabled_ratio="1.0")
    assert on["matching_enabled_ratio"] == 1
    assert client.delete_bank("COOP_ORG1_NEWER") == {"message": "Done"}
    refused(404, client.bank, "COOP_ORG1_NEWER")
    assert client.delete_bank("COOP_ORG1_NEWER") == {"message": "Done"}


@pytest.mark.parametrize("name", ["lower", "1ST", "A B", "", "Ä", "A\n"])
def test_a_name_that_hma_does_not_allow_is_refused(client: HmaClient, name: str) -> None:
    refused(400, client.create_bank, name)


def test_a_ratio_is_a_share(client: HmaClient, bank: str) -> None:
    for ratio in ("1.5", "-1", "nan", "half"):
        refused(400, client.update_bank, bank, enabled_ratio=ratio)


def test_our_other_banks_are_listed_and_matched_but_allow_banks_are_not_seen(
    client: HmaClient, store: Store
) -> None:
    mine = parse_fingerprint(FingerprintKind.PDQ, client.hash_file(photo("crab"))["pdq"])
    with store.writer() as writer:
        unsafe = writer.banks.create("known-unsafe", BankKind.BLOCK)
        entry = writer.entries.add_fingerprint(unsafe.id, mine)

    matches = eventually(lambda: client.lookup_signal(mine.hex, "pdq"))

    assert matches == {"known-unsafe": [{"bank_content_id": entry, "distance": "0"}]}
    assert client.bank("known-unsafe")["matching_enabled_ratio"] == 1
    with store.writer() as writer:
        benign = writer.banks.create("benign", BankKind.ALLOW)
        writer.entries.add_fingerprint(benign.id, mine)
    assert eventually(lambda: not client.lookup_signal(mine.hex, "pdq"))
    assert client.lookup_file(photo("crab"))["pdq"] == {}
    assert client.raw_lookup(mine.hex, "pdq") == [entry]
    assert "benign" not in {each["name"] for each in client.banks()}
    refused(404, client.bank, "benign")
    refused(404, client.delete_bank, "benign")
    with store.writer() as writer:
        writer.banks.remove("benign")
        writer.banks.remove("known-unsafe")


# --- contents and matching -----------------------------------------------------------------------


def test_an_uploaded_picture_is_found_by_every_signal(client: HmaClient, bank: str) -> None:
    added = client.add_file(bank, photo("bee"))

    assert added["signals"] == client.hash_file(photo("bee"))
    for name, signal in added["signals"].items():
        matches = eventually(lambda n=name, s=signal: client.lookup_signal(s, n))
        assert [each["bank_content_id"] for each in matches[bank]] == [added["id"]]
        assert float(matches[bank][0]["distance"]) == pytest.approx(0, abs=1e-5)
    found = client.lookup_file(altered("bee"))
    assert [*found] == TYPES
    assert [each["bank_content_id"] for each in found["pdq"][bank]] == [added["id"]]
    assert found["sha256"] == {}
    assert client.lookup_file(photo("aqueduct")) == {name: {} for name in TYPES}


def test_a_mirrored_upload_is_found_by_pdq(client: HmaClient, bank: str) -> None:
    added = client.add_file(bank, photo("moose"))
    with Image.open(PHOTOS / "moose.jpg") as image:
        mirrored = pictures.encode(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), "JPEG")

    found = eventually(lambda: client.lookup_file(mirrored)["pdq"])

    assert [each["bank_content_id"] for each in found[bank]] == [added["id"]]


def test_a_picture_is_added_and_looked_up_by_url(
    client: HmaClient, bank: str, site: web.Web
) -> None:
    site.pages["/koala.jpg"] = web.page(photo("koala"))
    url = site.url("/koala.jpg")
    said = {"content_id": "item-1", "content_uri": "https://example.org/1", "json": {"org": "1"}}

    added = client.add_url(bank, url, metadata=said, note="from a report")

    found = eventually(lambda: client.lookup_url(url), lambda answer: bank in answer["pdq"])
    assert [*found] == TYPES
    assert client.lookup_url(url, signal_type="pdq") == found["pdq"]
    assert client.lookup_url(url, types="pdq") == {"pdq": found["pdq"]}
    known = client.content(bank, added["id"], include_signals="true")
    assert known == {
        "id": added["id"],
        "disable_until_ts": 1,
        "original_media_uri": url,
        "bank": {"name": bank, "matching_enabled_ratio": 1},
        "collab_metadata": {},
        "signals": added["signals"],
        "metadata": said,
        "note": "from a report",
    }
    few = client.content(bank, added["id"], include_metadata="false")
    assert {"signals", "metadata"}.isdisjoint(few)


def test_metadata_comes_with_a_form_whole_or_as_consoles_send_it(
    client: HmaClient, bank: str
) -> None:
    whole = {"content_id": "a", "json": {"x": 1}}
    one = client.add_file(bank, photo("swans"), metadata=whole, note="n")["id"]
    flat_ = {"content_id": "b", "content_uri": "u", "metadata": {"source": "report"}}
    other = client.add_file(bank, photo("coffee"), **flat_)["id"]

    assert client.content(bank, one, include_metadata="true")["metadata"] == whole
    assert client.content(bank, other, include_metadata="true")["metadata"] == {
        "content_id": "b",
        "content_uri": "u",
        "json": {"source": "report"},
    }
    again = client.add_file(bank, photo("swans"), metadata={**whole, "collab": {"L": ["1"]}})
    assert again["id"] == one  # what this server itself told of lists is passed over
    assert client.content(bank, one)["metadata"] == whole
    refused(400, client.add_file, bank, photo("swans"), note="n" * 256)
    refused(400, client.add_file, bank, photo("swans"), metadata=[1])
    refused(400, client.add_file, bank, photo("swans"), metadata='{"json": {"x": 1e999}}')
    refused(400, client.add_file, bank, photo("swans"), metadata='{"x": ' * 60 + "1" + "}" * 60)


def test_bare_signals_are_one_content(client: HmaClient, bank: str) -> None:
    hashes = client.hash_file(photo("sheep"))
    given = {"pdq": hashes["pdq"], "photo_md5": hashes["photo_md5"]}

    added = client.add_signal(bank, **given, note="from a list")

    assert added["signals"] == given
    found = eventually(lambda: client.lookup_file(photo("sheep")), lambda a: bank in a["pdq"])
    assert {match["bank_content_id"] for match in found["pdq"][bank]} == {added["id"]}
    assert {match["bank_content_id"] for match in found["photo_md5"][bank]} == {added["id"]}
    assert client.add_signal(bank, **given)["id"] == added["id"]
    client.update_content(bank, added["id"], disable_until_ts=0)
    assert client.lookup_file(photo("sheep"))["photo_md5"] == {}
    assert client.delete_content(bank, added["id"]) == 1
    refused(404, client.content, bank, added["id"])
    assert eventually(lambda: not client.raw_lookup(hashes["pdq"], "pdq"))


def test_signals_that_cannot_be_kept_are_refused(client: HmaClient, bank: str) -> None:
    hashes = client.hash_file(photo("sheep"))
    embedding = [*client.signal_types()][-1]
    (signal,) = client.hash_file(photo("sheep"), types=embedding).values()

    assert "image" in refused(400, client.add_signal, bank, **{embedding: signal})
    refused(400, client.add_signal, bank)
    refused(400, client.add_signal, bank, pdq="no hash")
    refused(400, client.add_signal, bank, pdq="0" * 64)
    refused(400, client.add_signal, bank, vpdq="00")
    refused(404, client.add_signal, "COOP_NOWHERE", pdq=hashes["pdq"])
    refused(404, client.add_file, "COOP_NOWHERE", photo("sheep"))
    refused(400, client.add_file, bank, b"no picture")
    refused(400, client.post, f"/c/bank/{bank}/content", {})


def test_a_content_is_disabled_until_a_moment_and_enabled(client: HmaClient, bank: str) -> None:
    added = client.add_file(bank, photo("camels"))
    signal = added["signals"]["pdq"]
    eventually(lambda: client.lookup_signal(signal, "pdq"))
    assert client.content(bank, added["id"])["disable_until_ts"] == 1  # enabled
    soon = int(time()) + 3600

    state = client.update_content(bank, added["id"], disable_until_ts=str(soon), note="wait")

    assert (state["disable_until_ts"], state["note"]) == (soon, "wait")
    assert client.lookup_signal(signal, "pdq") == {}
    assert client.raw_lookup(signal, "pdq") == [added["id"]]
    assert client.update_content(bank, added["id"], disable_until_ts=1)["disable_until_ts"] == 1
    assert client.lookup_signal(signal, "pdq")
    assert client.update_content(bank, added["id"], disable_until_ts=0)["disable_until_ts"] == 0
    assert client.lookup_signal(signal, "pdq") == {}
    past = int(time()) - 60
    assert client.update_content(bank, added["id"], disable_until_ts=past)["note"] == "wait"
    assert client.content(bank, added["id"])["disable_until_ts"] == past
    assert client.lookup_signal(signal, "pdq")
    assert "note" not in client.update_content(bank, added["id"], note=None)
    assert "note" not in client.content(bank, added["id"])
    refused(400, client.update_content, bank, added["id"], disable_until_ts=int(time()) + 2**28)
    refused(400, client.update_content, bank, added["id"], disable_until_ts=-1)
    refused(404, client.update_content, bank, 2**40, disable_until_ts=1)
    assert client.delete_content(bank, 2**40) == 0
    assert client.delete_content(bank, added["id"]) == 1
    assert client.lookup_signal(signal, "pdq") == {}


def test_the_coin_decides_which_banks_take_part(client: HmaClient, bank: str) -> None:
    signal = client.add_file(bank, photo("dandelions"))["signals"]["pdq"]
    eventually(lambda: client.lookup_signal(signal, "pdq"))
    client.update_bank(bank, enabled_ratio=0.5)

    def takes_part(seed: int) -> bool:
        return bool(client.lookup_signal(signal, "pdq", seed=seed))

    first = [takes_part(seed) for seed in range(12)]

    assert {*first} == {True, False}
    assert first == [takes_part(seed) for seed in range(12)]
    client.update_bank(bank, enabled_ratio=0)
    assert not any(takes_part(seed) for seed in range(4))
    assert client.lookup_file(photo("dandelions"))["pdq"] == {}
    assert client.lookup_file(photo("dandelions"), bypass_coinflip="true")["pdq"]


def test_banks_and_distances_are_asked_for(client: HmaClient, bank: str) -> None:
    signal = client.add_file(bank, photo("earthrise"))["signals"]["pdq"]
    eventually(lambda: client.lookup_signal(signal, "pdq"))
    near = f"{int(signal[0], 16) ^ 3:x}{signal[1:]}"  # 2 bits away

    assert client.lookup_signal(near, "pdq", banks=f"{bank},OTHER")[bank][0]["distance"] == "2"
    assert client.lookup_signal(near, "pdq", banks="OTHER") == {}
    assert client.lookup_file(photo("earthrise"), banks="OTHER")["pdq"] == {}
    (match,) = client.raw_lookup(near, "pdq", include_distance="true", banks=bank)
    assert match["distance"] == "2"
    assert client.raw_lookup(near, "pdq", banks="OTHER") == []


def test_a_flat_picture_matches_nothing_and_is_never_refused(client: HmaClient, bank: str) -> None:
    hashes = client.hash_file(flat())

    assert [*hashes] == ["sha256", "photo_md5"]
    assert client.hash_file(flat(), types="pdq") == {}
    assert {client.lookup_signal("", name) == {} for name in client.signal_types()} == {True}
    assert client.lookup_signal("0" * 64, "pdq") == {}
    assert client.raw_lookup("", "pdq") == []
    assert client.lookup_file(flat())["pdq"] == {}
    assert "pdq" not in client.add_file(bank, flat())["signals"]


def test_a_picture_may_be_added_by_some_of_its_signals_alone(
    client: HmaClient, bank: str, site: web.Web
) -> None:
    site.pages["/koala.jpg"] = web.page(photo("koala"))
    site.pages["/flat.png"] = web.page(flat())
    url = site.url("/koala.jpg")

    added = client.add_url(bank, url, types="pdq", note="by its PDQ")

    assert [*added["signals"]] == ["pdq"]
    found = eventually(lambda: client.lookup_url(url), lambda answer: answer["pdq"])
    assert [each["bank_content_id"] for each in found["pdq"][bank]] == [added["id"]]
    assert found["sha256"] == found["photo_md5"] == {}
    assert client.content(bank, added["id"])["note"] == "by its PDQ"
    whole = client.add_url(bank, url, types=",".join(client.signal_types()))
    assert [*whole["signals"]] == [*client.signal_types()]
    assert whole["id"] != added["id"]
    assert "vpdq" in refused(400, client.add_url, bank, url, types="vpdq")
    refused(400, client.add_url, bank, url, types=",")
    assert "flat" in refused(400, client.add_url, bank, site.url("/flat.png"), types="pdq")


def test_what_a_list_says_of_a_content_is_told(
    client: HmaClient, bank: str, store: Store, index: Index, tmp_path: Path
) -> None:
    signal = client.hash_file(photo("hedgehog"))["pdq"]
    file = tmp_path / "list.csv"
    file.write_text(f"id,source,labels,pdq\n42-image1,ncmec,A1;B2,{signal}\n")
    index.run_here("bank", "import", bank, file)
    collab = {"ncmec": ["42-image1"], "ncmec.labels": ["A1", "B2"]}

    (match,) = eventually(lambda: client.lookup_signal(signal, "pdq"))[bank]

    known = client.content(bank, match["bank_content_id"])
    assert known["collab_metadata"] == collab
    assert known["metadata"] == {"collab": collab}
    state = client.update_content(bank, match["bank_content_id"], note="seen")
    assert state["collab_metadata"] == collab
    with store.reader() as catalog:
        (entry,) = catalog.entries.page(bank)
    assert (entry.source, entry.notes) == ("ncmec", "seen")


def test_an_allow_entry_that_an_analyst_rejected_excuses_nothing_on_either_route(
    client: HmaClient, http: httpx.Client, bank: str, store: Store
) -> None:
    upload = altered("moose")
    blocked = client.add_file(bank, photo("moose"))
    mine = parse_fingerprint(FingerprintKind.PDQ, client.hash_file(upload)["pdq"])
    with store.writer() as writer:
        excusing = writer.entries.add_fingerprint(
            writer.banks.create("benign", BankKind.ALLOW).id, mine
        )

    def search() -> tuple[str, list[int]]:
        verdict = http.post("/v1/search", files={"image": upload}).raise_for_status().json()
        return verdict["sha256"], verdict["hits"]

    def look_up() -> list[int]:
        matches = client.lookup_file(upload)["pdq"].get(bank, [])
        return [each["bank_content_id"] for each in matches]

    sha256, _ = eventually(search, lambda answer: not answer[1])
    eventually(look_up, lambda found: not found)
    rejected = {"sha256": sha256, "entry_id": excusing, "outcome": "rejected"}
    client.post("/v1/decisions", rejected)
    assert search() == (sha256, [blocked["id"]])
    assert look_up() == [blocked["id"]]
    assert client.lookup_signal(mine.hex, "pdq") == {}  # whose bytes are not known
    client.post("/v1/decisions", {**rejected, "entry_id": blocked["id"]})
    assert search() == (sha256, [])
    assert look_up() == []
    with store.writer() as writer:
        writer.banks.remove("benign")


def test_signals_are_compared_at_the_bounds_in_force(client: HmaClient) -> None:
    signal = client.hash_file(photo("bee"))["pdq"]
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(signal), np.uint8))
    bits[:31] ^= 1
    near = np.packbits(bits).tobytes().hex()
    bits[31] ^= 1

    assert client.compare("pdq", signal, near) == (True, 31)
    assert client.compare("pdq", signal, np.packbits(bits).tobytes().hex()) == (False, 32)
    assert client.compare("sha256", "ab" * 32, "ab" * 32) == (True, 0)
    refused(400, client.post, "/m/compare", {"pdq": [signal]})
    refused(400, client.post, "/m/compare", {"vpdq": [signal, near]})


def test_lookups_that_cannot_be_answered_are_refused(client: HmaClient) -> None:
    refused(400, client.get, "/m/lookup")
    refused(400, client.get, "/m/lookup", signal="ab")
    refused(400, client.get, "/m/raw_lookup", signal="ab")
    refused(400, client.lookup_signal, "ab", "pdq")
    refused(400, client.lookup_signal, "ab" * 32, "vpdq")
    refused(400, client.lookup_signal, "AAAA", [*client.signal_types()][-1])


def test_texts_that_no_encoding_has_are_refused_or_kept(client: HmaClient, bank: str) -> None:
    odd = "\ud800"  # half a character, as JSON may escape it
    pair = ["ab" * 32, "ab" * 32]

    refused(400, client.post, "/m/compare", {odd: pair})
    refused(400, client.post, "/m/compare", {"pdq": [odd, odd]})
    refused(400, client.post, f"/c/bank/{bank}/signal", {odd: "ab"})
    refused(400, client.post, f"/c/bank/{bank}/signal", {"pdq": odd})
    refused(400, client.post, "/c/banks", {"name": odd})
    refused(400, client.add_file, bank, photo("swans"), metadata={"json": {odd: odd}})
    refused(400, client.add_file, bank, photo("swans"), metadata={"content_id": odd})
    assert client.add_file(bank, photo("swans"), metadata={"content_id": "\x00"})
    refused(404, client.content, "%00", 1)


def test_lookups_are_written_to_the_audit_log(client: HmaClient, bank: str, store: Store) -> None:
    signals = client.add_file(bank, photo("hedgehog"))["signals"]
    client.lookup_signal(signals["pdq"], "pdq")
    client.lookup_file(photo("hedgehog"))
    client.hash_file(photo("hedgehog"))
    wanted = {
        ("lookup.signal", signals["pdq"]),
        ("lookup.search", signals["sha256"]),
        ("lookup.hash", signals["sha256"]),
    }

    def written() -> set[tuple[str, str | None]]:
        with store.reader() as catalog:
            return {(row.action, row.subject_id) for row in catalog.audit.all()}

    eventually(written, lambda rows: wanted <= rows)


# --- configuration and health --------------------------------------------------------------------


def test_a_signal_type_whose_ratio_is_0_is_off(client: HmaClient, bank: str) -> None:
    client.set_signal_type("photo_md5", "0.0")

    assert client.signal_types()["photo_md5"] == 0
    assert "photo_md5" not in client.hash_file(photo("bee"))
    assert "photo_md5" not in client.lookup_file(photo("bee"))
    added = client.add_file(bank, photo("bee"))
    assert "photo_md5" not in added["signals"]
    shown = client.content(bank, added["id"], include_signals="true")["signals"]
    assert shown == added["signals"]
    assert "not enabled" in refused(400, client.lookup_signal, "ab" * 16, "photo_md5")
    refused(400, client.compare, "photo_md5", "ab" * 16, "ab" * 16)
    refused(400, client.add_signal, bank, photo_md5="ab" * 16)
    client.set_signal_type("photo_md5", "1.0")
    assert "photo_md5" in client.hash_file(photo("bee"))
    refused(400, client.set_signal_type, "vpdq", "1.0")


def test_the_index_tells_how_far_it_is(client: HmaClient, bank: str) -> None:
    before = client.index_status()["pdq"]["size"]
    begun = int(time())
    client.add_file(bank, photo("red-panda"))

    status = eventually(lambda: client.index_status()["pdq"], lambda s: s["size"] > before)

    assert status["present"]
    assert begun <= status["built_to"] <= time()
    assert client.index_status("pdq").keys() == {"pdq"}
    assert client.get("/c/signal_type/index", signal_type="pdq") == {
        "pdq": {
            "db_size": status["size"],
            "index_size": status["size"],
            "index_out_of_date": False,
            "newest_db_item": status["built_to"],
            "index_built_to": status["built_to"],
        }
    }
    refused(400, client.index_status, "vpdq")


def test_exchanges_are_well_formed_though_there_are_none(client: HmaClient) -> None:
    assert client.get("/c/exchanges") == []
    (api,) = client.get("/c/exchanges/apis")
    assert client.get(f"/c/exchanges/api/{api}").keys() == {
        "supports_authentification",
        "has_set_authentification",
    }
    assert client.get(f"/c/exchanges/api/{api}/schema")["config_schema"]["fields"]
    refused(400, client.get, "/c/exchanges/api/ncmec")
    refused(404, client.get, "/c/exchanges/api/ncmec/schema")
    credentials = f"/c/exchanges/api/{api}"
    assert client.post(credentials, {"credential_json": {}}) == client.get(credentials)
    refused(400, client.post, credentials, {"credential_json": {"user": "u", "password": "p"}})
    refused(400, client.post, credentials, [])
    refused(400, client.post, "/c/exchanges/api/ncmec", {"credential_json": {}})
    unknown = "Exchange 'NONE' not found"
    assert unknown in refused(404, client.get, "/c/exchange/NONE")
    assert unknown in refused(404, client.put, "/c/exchange/NONE", {"enabled": False})
    assert unknown in refused(404, client.get, "/c/exchange/NONE/status")
    assert client.delete("/c/exchange/NONE") == {"message": "Exchange deleted"}
    new = {"bank": "NEW", "api": api, "api_json": {}}
    assert "bank import" in refused(400, client.post, "/c/exchanges", new)
    told = refused(400, client.post, "/c/exchanges", {**new, "api": "ncmec"})
    assert "No such exchange type 'ncmec'" in told
    assert "`bank`" in refused(400, client.post, "/c/exchanges", {**new, "bank": "new bank"})
    assert "`api`" in refused(400, client.post, "/c/exchanges", {"bank": "NEW"})
    refused(400, client.post, "/c/exchanges", {**new, "api_json": []})
    refused(400, client.post, "/c/exchanges", {"api": api})
    assert client.get("/c/content_type") == [{"name": "photo", "enabled": True}]


def test_what_other_parts_of_the_server_refuse_is_a_message_too(client: HmaClient) -> None:
    refused(404, client.get, "/c/nothing")
    refused(405, client.delete, "/m/compare")
    refused(404, client.get, "/c/bank/KNOWN/content/one")
    refused(413, client.post, "/m/compare", {"pdq": ["0" * 60_000_000]})


def test_status_and_site_map(client: HmaClient) -> None:
    assert client.text("/status") == (200, "I-AM-ALIVE")
    assert client.text("/status/live") == (200, "I-AM-ALIVE")
    paths = client.get("/site-map")
    assert paths == sorted(paths)
    assert {"/h/hash", "/m/lookup", "/c/bank/{name}"} <= {*paths}


def test_the_hash_of_an_upload_is_that_of_the_index(client: HmaClient) -> None:
    rgb = decode(photo("bee"), Settings().image_limits).rgb

    ours = pdq(rgb).bits.hex()

    assert client.compare("pdq", ours, client.hash_file(photo("bee"))["pdq"])[0]


# --- paths ----------------------------------------------------------------------------------------


def test_a_path_behind_a_base_url_that_ends_in_a_slash_is_the_same_path(
    http: httpx.Client, bank: str
) -> None:
    base = str(http.base_url).rstrip("/")

    for path in ("/c/banks", f"/c/bank/{bank}", "/status", "/site-map", "/v1/banks", "/healthz"):
        doubled = http.get(f"{base}/{path}")
        assert (doubled.status_code, doubled.content) == (200, http.get(path).content)
    sent = {"content": b"{}", "headers": {"content-type": "application/json"}}
    assert http.post(f"{base}//c/banks", **sent).json().keys() == {"message"}
    assert http.get(f"{base}//c/bank/NOT_THERE").status_code == 404
    assert http.get(f"{base}/c//banks").status_code == 404


def test_the_openapi_document_is_where_hma_has_it(http: httpx.Client) -> None:
    document = http.get("/openapi/openapi.json").raise_for_status().json()

    assert document == http.get("/openapi.json").json()
    assert "/m/lookup" in document["paths"]
