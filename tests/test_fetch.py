import asyncio
import gzip
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from time import monotonic, sleep

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from indexer.errors import (
    FetchDisabled,
    FetchFailed,
    FetchRefused,
    ImageTooLarge,
    LookalikeError,
    SettingsError,
)
from search_api.outbound.addresses import is_public
from search_api.outbound.fetch import Fetcher
from search_api.outbound.safe_http import Resolve, resolve
from search_api.settings import ServeSettings
from support.web import Web, page, redirect, running

MAX_BYTES = 100_000


@pytest.fixture(scope="module")
def server() -> Iterator[Web]:
    with running() as web:
        yield web


@pytest.fixture
def web(server: Web) -> Web:
    server.pages.clear()
    server.requests.clear()
    server.pages["/picture.jpg"] = page(b"a picture")
    return server


def fetcher(
    hosts: str | None, private: str | None = None, *, timeout: float = 5, resolve: Resolve = resolve
) -> Fetcher:
    serve = ServeSettings(fetch_hosts=hosts, fetch_private_hosts=private, fetch_timeout=timeout)
    return Fetcher(serve, max_bytes=MAX_BYTES, resolve=resolve)


def trusting(web: Web, *, timeout: float = 5) -> Fetcher:
    """Make a fetcher that is allowed to fetch from the test's server."""
    return fetcher(f"http://{web.place}", "127.0.0.1", timeout=timeout)


def get(by: Fetcher, url: str) -> bytes:
    return asyncio.run(by.get(url))


def resolving(*answers: str) -> Resolve:
    """Return a resolver that gives one address after the other, one a question."""
    left = list(answers)

    async def resolve(_host: str, _port: int) -> list[str]:
        return [left.pop(0)]

    return resolve


# --- what is fetched -----------------------------------------------------------------------------


def test_a_picture_of_an_allowed_host_is_fetched(web: Web) -> None:
    assert get(trusting(web), web.url("/picture.jpg")) == b"a picture"


def test_nothing_but_the_request_is_told_to_the_host(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # where nothing listens
    web.pages["/sets"] = page(status=302, Location="/picture.jpg", Set_Cookie="a=b; Path=/")

    get(trusting(web), web.url("/sets"))

    assert [path for path, _ in web.requests] == ["/sets", "/picture.jpg"]
    for _, headers in web.requests:
        assert set(headers) == {"host", "user-agent", "accept", "accept-encoding"}
        assert headers["host"] == web.place


def test_three_redirects_are_followed(web: Web) -> None:
    web.pages |= {"/1": redirect("/2"), "/2": redirect(web.url("/3"), 307)}
    web.pages["/3"] = redirect("picture.jpg", 301)

    assert get(trusting(web), web.url("/1")) == b"a picture"


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress], ids=["gzip", "deflate"])
def test_an_answer_that_was_packed_all_the_same_is_unpacked(web: Web, compress: object) -> None:
    name = "gzip" if compress is gzip.compress else "deflate"
    packed = compress(b"a picture" * 1_000)  # type: ignore[operator]
    web.pages["/packed"] = page(packed, Content_Encoding=name)

    assert get(trusting(web), web.url("/packed")) == b"a picture" * 1_000


# --- what is refused -----------------------------------------------------------------------------


def test_nothing_is_fetched_unless_a_setting_allows_hosts(web: Web) -> None:
    with pytest.raises(FetchDisabled, match="LOOKALIKE_SERVE_FETCH_HOSTS"):
        get(fetcher(None, "127.0.0.1"), web.url("/picture.jpg"))
    assert web.requests == []


def test_a_private_address_is_refused_though_its_host_is_allowed(web: Web) -> None:
    with pytest.raises(FetchRefused, match="not public"):
        get(fetcher(f"http://{web.place}"), web.url("/picture.jpg"))
    assert web.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "https://images.example.org/a.jpg",  # the entry says http
        "http://images.example.org/a.jpg",  # another port
        "http://images.example.org:8081/a.jpg",
        "http://images.example.org.:8080/a.jpg",
        "http://images.example.org.evil.example:8080/a.jpg",
        "http://evil-images.example.org:8080/a.jpg",
        "http://user@images.example.org:8080/a.jpg",
        "http://images.example.org:8080@evil.example/a.jpg",
        "http://@images.example.org:8080/a.jpg",
        "http://:@images.example.org:8080/a.jpg",
        "http://evil.example\\@images.example.org:8080/a.jpg",
        "http://evil.example#@images.example.org:8080/a.jpg",
        "http://evil.example?@images.example.org:8080/a.jpg",
        "http://ⓘmages.example.org:8080/a.jpg",
        "http://images。evil。example:8080/a.jpg",
        "http://images.exаmple.org:8080/a.jpg",  # noqa: RUF001 -- a Cyrillic letter
        "http://images%2eexample.org:8080/a.jpg",
        "http://images.example.org:8080\t/a.jpg",
        "http://images.example.org:8080/a.jpg HTTP/1.1\r\nHost: x",
        " http://images.example.org:8080/a.jpg",
        "//images.example.org:8080/a.jpg",
        "ftp://images.example.org:8080/a.jpg",
        "file:///etc/passwd",
        "http:///a.jpg",
        "http://cdn.org/a.jpg",  # below it alone is allowed
        "https://cdn.org/a.jpg",
        "https://notcdn.org/a.jpg",
        "https://a.cdn.org.evil.example/a.jpg",
        "https://a.cdn.org:444/a.jpg",
        "http://images.example.org:99999/a.jpg",
        "http://images.example.org:0/a.jpg",
        "http://images.example.org:8080/" + "a" * 3_000,
        "",
    ],
)
def test_a_url_that_is_not_allowed_reaches_no_resolver(url: str) -> None:
    by = fetcher("http://images.example.org:8080,*.cdn.org", resolve=resolving())

    with pytest.raises(FetchRefused):
        get(by, url)


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "017700000001",
        "0x7f.1",
        "127.1",
        "0177.0.0.1",
        "127.0.0.1",
        "0",
        "0.0.0.0",
        "[::]",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "localhost",
    ],
)
def test_no_notation_of_loopback_is_fetched_from(web: Web, host: str) -> None:
    with pytest.raises(FetchRefused):
        get(fetcher("*.example.org"), web.url("/picture.jpg", host))
    allowed = f"http://{host}:{web.port}"
    with pytest.raises(FetchRefused):  # nor if the list itself names it
        get(fetcher(allowed), web.url("/picture.jpg", host))
    assert web.requests == []


@pytest.mark.parametrize("target", ["http://127.0.0.1:9/", "http://169.254.169.254/", "file:///x"])
def test_a_redirect_leads_to_no_host_that_is_not_allowed(web: Web, target: str) -> None:
    web.pages["/away"] = redirect(target)

    with pytest.raises(FetchRefused):
        get(trusting(web), web.url("/away"))


def test_a_redirect_to_an_allowed_name_of_a_private_address_is_refused(web: Web) -> None:
    web.pages["/away"] = redirect(web.url("/picture.jpg", "localhost"))
    by = fetcher(f"http://{web.place},http://localhost:{web.port}", "127.0.0.1")

    with pytest.raises(FetchRefused, match="localhost has an address that is not public"):
        get(by, web.url("/away"))
    assert [path for path, _ in web.requests] == ["/away"]


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    async def both(_host: str, _port: int) -> list[str]:
        return ["93.184.215.14", "10.0.0.1"]

    with pytest.raises(FetchRefused, match="not public"):
        get(fetcher("images.example.org", resolve=both), "https://images.example.org/a.jpg")


def test_a_name_that_changes_its_address_after_the_check_leads_nowhere_else(web: Web) -> None:
    asked = []

    async def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1" if len(asked) == 1 else "127.0.0.2"]  # none listens on the second

    place = f"http://images.example.org:{web.port}"
    by = fetcher(place, "images.example.org", resolve=rebinding)

    assert get(by, f"{place}/picture.jpg") == b"a picture"
    assert asked == ["images.example.org"]
    assert web.requests[0][1]["host"] == f"images.example.org:{web.port}"


def test_a_name_that_turns_private_between_two_redirects_is_refused(web: Web) -> None:
    place = f"http://images.example.org:{web.port}"
    web.pages["/again"] = redirect("/picture.jpg")
    by = fetcher(place, resolve=resolving("127.0.0.1"))

    with pytest.raises(FetchRefused, match="not public"):
        get(by, f"{place}/again")
    assert web.requests == []


@pytest.mark.parametrize(
    "entry", ["https://", "a b", "example.org/path", "*.*.org", "h:0", "h:65536", "*", "ftp://h"]
)
def test_a_setting_that_names_no_host_is_refused_at_start(entry: str) -> None:
    with pytest.raises(SettingsError, match="LOOKALIKE_SERVE_FETCH_HOSTS"):
        fetcher(f"images.example.org,{entry}")


# --- what fails ----------------------------------------------------------------------------------


def test_redirects_without_end_are_given_up(web: Web) -> None:
    web.pages["/loop"] = redirect("/loop")

    with pytest.raises(FetchFailed, match="redirects"):
        get(trusting(web), web.url("/loop"))
    assert len(web.requests) == 4


def test_a_picture_that_says_it_is_too_large_is_not_read(web: Web) -> None:
    web.pages["/large"] = page(length=MAX_BYTES + 1)

    with pytest.raises(ImageTooLarge, match=str(MAX_BYTES)):
        get(trusting(web), web.url("/large"))


def test_a_picture_that_turns_out_too_large_is_broken_off(web: Web) -> None:
    sent = []

    def stream(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()  # its end is that of the connection
        for _ in range(10_000):
            request.wfile.write(b"x" * 10_000)
            sent.append(10_000)

    web.pages["/stream"] = stream

    with pytest.raises(ImageTooLarge):
        get(trusting(web), web.url("/stream"))
    assert sum(sent) < 50_000_000


def test_the_largest_picture_that_is_allowed_is_fetched(web: Web) -> None:
    web.pages["/most"] = page(b"x" * MAX_BYTES)

    assert len(get(trusting(web), web.url("/most"))) == MAX_BYTES


def test_a_decompression_bomb_is_broken_off(web: Web) -> None:
    web.pages["/bomb"] = page(gzip.compress(bytes(50_000_000)), Content_Encoding="gzip")

    with pytest.raises(ImageTooLarge):
        get(trusting(web), web.url("/bomb"))


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (page(b"no", 404), "answered 404"),
        (page(b"part", 206), "answered 206"),
        (page(b"cut off", length=100), "closed the connection"),
        (page(b"x", Content_Encoding="br"), "not requested"),
        (page(b"xxxxx", Content_Encoding="gzip"), "damaged"),
        (page(gzip.compress(b"a picture")[:-9], Content_Encoding="gzip"), "cut short"),
        (page(status=302), "without a Location"),
        (lambda request: request.wfile.write(b"not HTTP\r\n\r\n"), "closed the connection"),
    ],
)
def test_an_answer_that_is_no_picture_fails(web: Web, answer: object, why: str) -> None:
    web.pages["/odd"] = answer  # type: ignore[assignment]

    with pytest.raises(FetchFailed, match=why):
        get(trusting(web), web.url("/odd"))


def test_a_server_that_drips_is_given_up(web: Web) -> None:
    def drip(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        for _ in range(1_000):
            request.wfile.write(b"x")
            sleep(0.05)

    web.pages["/drip"] = drip
    start = monotonic()

    with pytest.raises(FetchFailed, match=r"within 0\.4 s"):
        get(trusting(web, timeout=0.4), web.url("/drip"))
    assert monotonic() - start < 40


def test_a_host_that_is_not_there_fails(web: Web) -> None:
    with pytest.raises(FetchFailed, match="does not exist"):
        get(fetcher("nowhere.invalid"), "https://nowhere.invalid/a.jpg")
    with pytest.raises(FetchFailed, match="cannot be reached"):
        get(fetcher("http://127.0.0.1:9", "127.0.0.1"), "http://127.0.0.1:9/")
    with pytest.raises(FetchFailed, match="cannot be reached"):  # it does not speak TLS
        get(fetcher(web.place, "127.0.0.1"), f"https://{web.place}/picture.jpg")


def test_a_message_tells_nothing_of_what_stands_in_a_url() -> None:
    by = fetcher("images.example.org")

    for url in ("https://me:secret@images.example.org/", "https://evil.example/secret?key=secret"):
        with pytest.raises(LookalikeError) as refused:
            get(by, url)
        assert "secret" not in str(refused.value)


# --- addresses -----------------------------------------------------------------------------------

NOT_PUBLIC = [  # IANA's registry of special-purpose addresses, and multicast
    IPv4Network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",
    )
]
v4 = st.one_of(
    st.ip_addresses(v=4),
    st.sampled_from(NOT_PUBLIC).flatmap(lambda network: st.ip_addresses(network=network)),
)


@given(v4)
def test_an_address_is_public_unless_a_registry_keeps_it(address: IPv4Address) -> None:
    assert is_public(address) != any(address in network for network in NOT_PUBLIC)


@given(v4)
@example(IPv4Address("127.0.0.1"))
def test_no_ipv6_form_of_an_ipv4_address_is_public(address: IPv4Address) -> None:
    number = int(address)
    forms = {
        "compatible": number,
        "mapped": 0xFFFF << 32 | number,
        "translated": 0xFFFF << 48 | number,
        "NAT64": 0x0064_FF9B << 96 | number,
        "local NAT64": 0x0064_FF9B_0001 << 80 | number,
        "6to4": 0x2002 << 112 | number << 80 | 1,
        "Teredo": 0x2001 << 112 | number ^ 0xFFFF_FFFF,
    }

    assert [name for name, value in forms.items() if is_public(IPv6Address(value))] == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("2a00:1450:4001:830::200e", True),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("fd00:ec2::254", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("2001:db8::1", False),
        ("100::1", False),
        ("4000::1", False),
    ],
)
def test_an_ipv6_address_is_public_if_it_is_given_out(address: str, *, public: bool) -> None:
    assert is_public(IPv6Address(address)) is public
