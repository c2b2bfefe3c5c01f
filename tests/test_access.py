import inspect
import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts

from indexer.errors import LockedOut, RateLimited, SettingsError
from indexer.keys import create_key, revoke_key
from indexer.store import Store, open_store
from indexer.types import Scope
from search_api.access import describe
from search_api.access.client_address import read_caller
from search_api.access.lockout import Lockout
from search_api.access.middleware import PUBLIC, is_public
from search_api.access.rate_limit import RateLimit
from search_api.auth import Requirement
from search_api.middleware.security_headers import HEADERS
from search_api.settings import ServeSettings
from support.serving import app_over, client_of

ELSEWHERE = "203.0.113.9"
ACCESS_PAGE = Path(__file__).parents[1] / "docs" / "access.md"
WRONG = "lk_000000000000_" + "0" * 64


class Clock:
    """Seconds that pass when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def opened_copy(database: Path, folder: Path) -> Iterator[Store]:
    """Open a store on SQLite alone: databases are not what is asked about here."""
    copy = folder / "lookalike.db"
    copy.write_bytes(database.read_bytes())
    with open_store(f"sqlite:///{copy}") as store:
        yield store


@pytest.fixture
def sqlite(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Store]:
    with opened_copy(migrated_sqlite, tmp_path) as store:
        yield store


@dataclass(frozen=True)
class Closed:
    """An application that asks for keys, to which nothing but keys is added."""

    app: FastAPI
    store: Store
    tokens: dict[frozenset[Scope], str] = field(default_factory=dict)

    def key_with(self, scopes: AbstractSet[Scope]) -> str:
        """Return the key with these scopes, which is made once."""
        wanted = frozenset(scopes)
        if wanted not in self.tokens:
            self.tokens[wanted] = create_key(self.store, "one of some", wanted).token
        return self.tokens[wanted]


@pytest.fixture(scope="module")
def closed(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    with opened_copy(migrated_sqlite, tmp_path_factory.mktemp("closed")) as store:
        yield Closed(app_over(store, access="keys"), store)


def ask(
    app: FastAPI,
    path: str = "/v1/banks",
    method: str = "GET",
    *,
    peer: str = "127.0.0.1",
    host: str = "127.0.0.1:8000",
    **request: Any,
) -> httpx.Response:
    async def asking() -> httpx.Response:
        async with client_of(app, peer, host) as client:
            return await client.request(method, path, **request)

    return anyio.run(asking)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def title(response: httpx.Response) -> str:
    assert response.headers["content-type"] == "application/problem+json", response.text
    assert response.json()["status"] == response.status_code
    return str(response.json()["title"])


def named(response: httpx.Response) -> list[str]:
    """Return the code of a problem; HMA's clients are answered in HMA's words, without one."""
    if "message" in response.json():
        return ["unauthenticated" if response.status_code == 401 else "forbidden"]
    return [title(response)]


# --- every route ---------------------------------------------------------------------------------

ROUTES = [
    route
    for route in iter_route_contexts(app_over(None, access="keys").routes)  # type: ignore[arg-type] -- nothing is opened
    if isinstance(route.original_route, APIRoute)
]
NAMES = [f"{'/'.join(route.methods or ())} {route.path}" for route in ROUTES]


def scopes_of(dependant: Dependant) -> list[tuple[Scope, ...]]:
    """Return what a route's dependencies ask for."""
    own = [dependant.call.scopes] if isinstance(dependant.call, Requirement) else []
    return own + [scopes for inner in dependant.dependencies for scopes in scopes_of(inner)]


def calls_of(dependant: Dependant) -> list[Any]:
    """Return everything that FastAPI calls before a route's own function."""
    inner = dependant.dependencies
    return [each.call for each in inner] + [call for each in inner for call in calls_of(each)]


def filled(route: RouteContext) -> str:
    return re.sub(r"{[^}]*}", "1", route.path or "")


@pytest.mark.parametrize("route", ROUTES, ids=NAMES)
def test_what_comes_before_a_route_waits_for_no_thread(route: RouteContext) -> None:
    # FastAPI runs what is not async in one of 40 threads: a refusal would wait behind them
    for call in calls_of(route.original_route.dependant):  # type: ignore[attr-defined]
        called = call if inspect.isroutine(call) else type(call).__call__
        assert inspect.iscoroutinefunction(called) or inspect.isasyncgenfunction(called), call


def test_there_are_routes() -> None:
    assert len(ROUTES) > 15
    assert {"/v1/search", "/v1/keys", "/docs", "/openapi.json", "/console", "/metrics"} <= {
        route.path for route in ROUTES
    }


@pytest.mark.parametrize("route", ROUTES, ids=NAMES)
def test_each_route_but_the_public_ones_names_its_scope(route: RouteContext) -> None:
    assert bool(scopes_of(route.dependant)) != is_public(filled(route))


@pytest.mark.parametrize("route", ROUTES, ids=NAMES)
def test_each_route_is_closed_to_who_brings_no_key_or_too_small_a_one(
    route: RouteContext, closed: Closed
) -> None:
    if is_public(filled(route)):
        return
    app = closed.app
    (wanted,) = {frozenset(scopes) for scopes in scopes_of(route.dependant)}
    others = set(Scope) - wanted - {Scope.ADMIN}
    weak = closed.key_with(others) if others else None

    for method in route.methods or ():
        nobody = ask(app, filled(route), method)
        assert (nobody.status_code, *named(nobody)) == (401, "unauthenticated")
        assert nobody.headers["www-authenticate"] == 'Bearer realm="lookalike"'
        if weak is not None:
            refused = ask(app, filled(route), method, headers=bearer(weak))
            assert (refused.status_code, *named(refused)) == (403, "forbidden")
            assert any(scope in refused.text for scope in wanted)


MATRIX = {
    "Search, classify, embed": r"POST /v1/(search|classify|embed|explanations/class)",
    "Sign in to the console": r"GET /console(?!/operations/(audit|keys|webhooks)|.*/import)|"
    r"POST /console/(search|banks/{name}/match)",
    "Read images, banks": r"GET /v1/(images|banks|entries|clusters|cluster-runs|policies|decisions|"
    r"floods|retro-scans|templates|thresholds|spaces|status)\b(?!.*/preview)",
    "See pictures behind": r"GET /v1/(images|templates)/.*/preview|POST /v1/explanations/match",
    "[Reveal]": r"\S+ /v1/reveals",
    "Lease, decide and undo": r"\S+ /v1/reviews|POST /console/review",
    "Own settings": r"\S+ /v1/me",
    "Decide on matches": r"POST /v1/(decisions|floods|templates|retro-scans|cluster-runs)|"
    r"(PATCH|POST) /v1/clusters/{cluster_id}(/preview|/decisions.*)?$|"
    r"POST /console/(decisions|signatures|clusters)",
    "Change banks, entries": r"(POST|PATCH|DELETE) /v1/(banks|entries|images)|"
    r"POST /v1/clusters/.*/bank|GET .*/import|"
    r"POST /console/(banks(?!.*/match)|entries|images|operations/quar)",
    "List actions": r"\S+ /v1/cluster-actions",
    "List everyone's": r"\S+ /v1/(keys|audit|webhooks)|"
    r"\S+ /console/operations/(audit|keys|webhooks|deliveries)",
}
"""What the rows of the page's table are about, by how they begin."""


def test_the_page_s_table_says_what_each_route_of_ours_takes() -> None:
    rows = [line for line in ACCESS_PAGE.read_text().splitlines() if line.startswith("| ")]
    names = [Scope.CHECK, Scope.ANALYST, Scope.BANK_WRITE, Scope.ADMIN]
    for route in ROUTES:
        if not re.match(r"/(v1|console)\b", route.path or "") or is_public(filled(route)):
            continue
        (wanted,) = {frozenset(scopes) for scopes in scopes_of(route.dependant)}
        if len(wanted) == len(names):
            continue  # any key
        for method in route.methods or ():
            asked = f"{method} {route.path}"
            found = [row for row, routes in MATRIX.items() if re.match(routes, asked)]
            assert len(found) == 1, (asked, found)
            [cells] = [row.split("|")[2:6] for row in rows if row[2:].startswith(found[0])]
            said = {name for name, cell in zip(names, cells, strict=True) if cell.strip()}
            assert said == wanted | {Scope.ADMIN}, asked


def test_what_is_no_route_is_closed_too(sqlite: Store) -> None:
    app = app_over(sqlite, access="keys")

    assert title(ask(app, "/v1/nothing")) == "unauthenticated"
    assert title(ask(app, "/redoc")) == "unauthenticated"
    key = create_key(sqlite, "any", [Scope.CHECK]).token
    assert title(ask(app, "/redoc", headers=bearer(key))) == "not_found"


def test_health_and_the_log_in_are_open(sqlite: Store) -> None:
    app = app_over(sqlite, access="keys")

    assert ask(app, "/healthz", headers=bearer(WRONG)).json() == {"status": "alive"}
    assert ask(app, "/console/login").status_code == 200
    style = ask(app, "/static/base.css").headers
    assert style["content-type"].startswith("text/css")
    assert style["content-encoding"] == "gzip"
    assert {"/", "/healthz", "/readyz", "/status", "/status/live", "/console/login"} == PUBLIC


# --- keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["bearer", "Bearer", "header"])
def test_a_key_may_be_sent_either_way(sqlite: Store, way: str) -> None:
    token = create_key(sqlite, "any", [Scope.CHECK]).token
    headers = {"X-API-Key": token} if way == "header" else {"Authorization": f"{way} {token}"}

    assert ask(app_over(sqlite, access="keys"), "/openapi.json", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {WRONG}"},
        {"Authorization": "Basic dXNlcjpwYXNz"},
        {"Authorization": ""},
        {"X-API-Key": WRONG},
        {"Cookie": "lookalike_session=" + "0" * 64},
        {"Cookie": "lookalike_session=\xff; =;"},
    ],
    ids=str,
)
def test_what_is_no_key_lets_nobody_in(sqlite: Store, headers: dict[str, str]) -> None:
    raw = {name: value.encode("latin-1") for name, value in headers.items()}

    refused = ask(app_over(sqlite, access="keys"), "/openapi.json", headers=raw)

    assert title(refused) == "unauthenticated"


def test_a_key_that_is_sent_is_checked_on_loopback_too(sqlite: Store) -> None:
    app = app_over(sqlite)

    assert ask(app, "/openapi.json").status_code == 200
    assert title(ask(app, "/openapi.json", headers=bearer(WRONG))) == "unauthenticated"
    weak = create_key(sqlite, "weak", [Scope.CHECK]).token
    assert title(ask(app, "/v1/keys", headers=bearer(weak))) == "forbidden"


def test_a_revoked_key_is_refused(sqlite: Store) -> None:
    app = app_over(sqlite, access="keys")
    created = create_key(sqlite, "any", [Scope.CHECK])
    revoke_key(sqlite, created.key.id)

    assert title(ask(app, "/openapi.json", headers=bearer(created.token))) == "unauthenticated"


def test_the_document_tells_how_to_send_a_key() -> None:
    document = app_over(None).openapi()  # type: ignore[arg-type] -- nothing is opened

    schemes = document["components"]["securitySchemes"]
    assert {name: (s["type"], s.get("scheme")) for name, s in schemes.items()} == {
        "bearer": ("http", "bearer"),
        "header": ("apiKey", None),
        "session": ("apiKey", None),
    }
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if is_public(path):
                assert "security" not in operation
            else:
                assert [*map(list, operation["security"])] == [["bearer"], ["header"], ["session"]]
                told = set(operation["responses"])
                assert {"401", "403", "429", "503"} <= told or {"4XX", "503"} <= told


# --- closed by default ---------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.org"])
def test_a_server_for_others_is_closed_and_says_how_to_make_a_key(sqlite: Store, host: str) -> None:
    app, serve = app_over(sqlite, host=host), ServeSettings(host=host)

    assert title(ask(app, "/openapi.json")) == "unauthenticated"
    assert "lookalike key create" in (describe(sqlite, serve) or "")
    token = create_key(sqlite, "any", [Scope.CHECK]).token
    assert describe(sqlite, serve) is None
    assert ask(app, "/openapi.json", headers=bearer(token)).status_code == 200


def test_an_open_server_for_others_says_so_loudly(sqlite: Store) -> None:
    serve = ServeSettings(host="0.0.0.0", access="open")

    assert (describe(sqlite, serve) or "").startswith("WARNING: anybody")
    app = app_over(sqlite, host="0.0.0.0", access="open")
    assert ask(app, "/openapi.json", peer=ELSEWHERE, host="api").status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "[::1]:8000", "127.8.8.8"])
def test_loopback_is_open_to_this_machine(sqlite: Store, host: str) -> None:
    peer = "::1" if host.startswith("[") else "127.0.0.1"
    assert ask(app_over(sqlite), "/openapi.json", host=host, peer=peer).status_code == 200
    assert describe(sqlite, ServeSettings()) is None


@pytest.mark.parametrize(
    "request_",
    [
        {"host": "lookalike.example.org"},  # a name that leads here: another site's, or a proxy's
        {"host": "127.0.0.1.example.org"},
        {"headers": {"X-Forwarded-For": "127.0.0.1"}},
        {"headers": {"Forwarded": "for=127.0.0.1"}},
        {"headers": {"Via": "1.1 proxy"}},
        {"peer": ELSEWHERE},
    ],
    ids=str,
)
def test_what_others_send_through_this_machine_needs_a_key(
    sqlite: Store, request_: dict[str, Any]
) -> None:
    assert title(ask(app_over(sqlite), "/openapi.json", **request_)) == "unauthenticated"


def test_a_proxy_that_tells_nothing_of_itself_but_an_old_protocol_is_none_of_this_machine() -> None:
    scope = {
        "type": "http",
        "method": "GET",
        "client": ("127.0.0.1", 4711),
        "headers": [(b"host", b"127.0.0.1:8000")],
    }
    assert read_caller({**scope, "http_version": "1.1"}, ()).local
    assert not read_caller({**scope, "http_version": "1.0"}, ()).local


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://example.org"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
@pytest.mark.parametrize("access", ["auto", "open"])
def test_a_page_of_another_site_cannot_change_anything_here(
    sqlite: Store, access: str, headers: dict[str, str]
) -> None:
    app = app_over(sqlite, access=access)

    refused = ask(app, "/v1/keys/1/revoke", "POST", headers=headers)
    assert title(refused) == "unauthenticated"
    own = {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"}
    assert ask(app, "/v1/nothing", "POST", headers=own).status_code == 404


# --- proxies -------------------------------------------------------------------------------------


def caller(peer: str, *forwarded: str, proto: str | None = None) -> Any:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    if proto:
        headers.append((b"x-forwarded-proto", proto.encode()))
    scope = {"type": "http", "method": "GET", "scheme": "http", "client": (peer, 1)}
    return read_caller({**scope, "headers": headers}, [ip_network("10.0.0.0/8")])


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        (ELSEWHERE, ("1.1.1.1",), ELSEWHERE),  # no proxy of ours: it may say what it likes
        ("10.0.0.1", (), "10.0.0.1"),
        ("10.0.0.1", ("1.1.1.1",), "1.1.1.1"),
        ("10.0.0.1", ("9.9.9.9, 1.1.1.1",), "1.1.1.1"),  # what the client said before is ignored
        ("10.0.0.1", ("9.9.9.9, 1.1.1.1, 10.0.0.2",), "1.1.1.1"),
        ("10.0.0.1", ("9.9.9.9", "1.1.1.1"), "1.1.1.1"),
        ("10.0.0.1", ("1.1.1.1, nonsense",), "10.0.0.1"),
        ("10.0.0.1", ("10.0.0.3, 10.0.0.2",), "10.0.0.3"),
        ("::ffff:10.0.0.1", ("2001:db8::1",), "2001:db8::1"),
        ("", (), "unknown"),
    ],
)
def test_the_client_s_address_is_what_trusted_proxies_say(
    peer: str, forwarded: tuple[str, ...], address: str
) -> None:
    assert caller(peer, *forwarded).address == address


def test_only_a_trusted_proxy_may_say_that_it_was_https() -> None:
    assert caller("10.0.0.1", proto="https").secure
    assert not caller("10.0.0.1", proto="http").secure
    assert not caller(ELSEWHERE, proto="https").secure


def test_proxies_that_are_none_are_refused() -> None:
    assert ServeSettings(trusted_proxies="10.0.0.7, 192.168.0.0/16").proxy_networks == (
        ip_network("10.0.0.7"),
        ip_network("192.168.0.0/16"),
    )
    with pytest.raises(SettingsError, match="LOOKALIKE_SERVE_TRUSTED_PROXIES"):
        _ = ServeSettings(trusted_proxies="10.0.0.0/8, proxy").proxy_networks


# --- guessing ------------------------------------------------------------------------------------


def test_guessing_locks_an_address_out_for_longer_and_longer() -> None:
    clock = Clock()
    lockout = Lockout(clock)
    for _ in range(10):
        lockout.begin("192.0.2.1")

    waits = []
    for _ in range(12):
        with pytest.raises(LockedOut) as locked:
            lockout.begin("192.0.2.1")
        waits.append(locked.value.retry_after)
        clock.now += locked.value.retry_after
        lockout.begin("192.0.2.1")

    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]
    lockout.begin("192.0.2.2")  # another address
    clock.now += 3601
    for _ in range(9):
        lockout.begin("192.0.2.1")


def test_right_keys_lock_nobody_out() -> None:
    lockout = Lockout(Clock())
    for _ in range(100):
        lockout.begin("192.0.2.1")
        lockout.take_back("192.0.2.1")


def test_a_network_of_ipv6_counts_as_one_address() -> None:
    lockout = Lockout(Clock())
    for number in range(10):
        lockout.begin(f"2001:db8::{number:x}")

    with pytest.raises(LockedOut):
        lockout.begin("2001:db8::ffff:1")
    lockout.begin("2001:db8:1::1")


def test_what_is_remembered_of_guessers_is_bounded() -> None:
    lockout = Lockout(Clock())
    for number in range(20_000):
        lockout.begin(f"10.0.{number // 256}.{number % 256}")

    assert len(lockout._failures) == 10_000  # noqa: SLF001 -- memory is what is asked about


def test_whoever_guesses_is_locked_out_and_nobody_else(sqlite: Store) -> None:
    app = app_over(sqlite, access="keys")
    used, new = (create_key(sqlite, name, [Scope.CHECK]).token for name in ("used", "new"))
    assert ask(app, "/openapi.json", headers=bearer(used)).status_code == 200

    answers = [ask(app, "/openapi.json", headers=bearer(WRONG)) for _ in range(11)]

    assert [title(a) for a in answers] == ["unauthenticated"] * 10 + ["locked_out"]
    assert answers[-1].status_code == 429
    assert answers[-1].headers["retry-after"] == "1"
    assert title(ask(app, "/openapi.json", headers=bearer(new))) == "locked_out"
    assert ask(app, "/openapi.json", headers=bearer(used)).status_code == 200  # it is in use
    assert ask(app, "/openapi.json", headers=bearer(new), peer=ELSEWHERE).status_code == 200
    assert ask(app, "/openapi.json", headers=bearer(new)).status_code == 200  # known by now


def test_many_first_requests_at_once_with_a_right_key_are_no_guessing(sqlite: Store) -> None:
    app = app_over(sqlite, access="keys")
    token = create_key(sqlite, "any", [Scope.CHECK]).token
    statuses: list[int] = []

    async def asking() -> None:
        async with client_of(app) as client, anyio.create_task_group() as group:

            async def one() -> None:
                response = await client.get("/openapi.json", headers=bearer(token))
                statuses.append(response.status_code)

            for _ in range(50):
                group.start_soon(one)

    anyio.run(asking)
    assert statuses == [200] * 50


# --- rates ---------------------------------------------------------------------------------------


def test_a_key_makes_as_many_requests_as_it_may(sqlite: Store) -> None:
    clock = Clock()
    rate_limit = RateLimit(0, clock)
    key = create_key(sqlite, "n", [Scope.CHECK], requests_per_second=10).key
    free = create_key(sqlite, "free", [Scope.CHECK]).key

    made = 0
    for _ in range(100):  # 10 s of 20 requests a second, after a burst of two seconds' worth
        clock.now += 0.1
        for _ in range(2):
            rate_limit.take(free)
            with suppress(RateLimited):
                rate_limit.take(key)
                made += 1

    assert made == pytest.approx(20 + 10 * 10, abs=2)


def test_a_slow_rate_tells_how_long_to_wait(sqlite: Store) -> None:
    rate_limit = RateLimit(0.1, Clock())
    key = create_key(sqlite, "n", [Scope.CHECK]).key
    rate_limit.take(key)

    with pytest.raises(RateLimited, match=r"'n' may make 0\.1 requests a second") as limited:
        rate_limit.take(key)
    assert limited.value.retry_after == 10


def test_a_batch_counts_as_a_request_for_each_picture(sqlite: Store) -> None:
    clock = Clock()
    rate_limit = RateLimit(0, clock)
    key = create_key(sqlite, "n", [Scope.CHECK], requests_per_second=10).key
    rate_limit.take(key)
    rate_limit.charge(key, 15)
    rate_limit.take(key)
    with pytest.raises(RateLimited) as limited:
        rate_limit.charge(key, 15)
    assert limited.value.retry_after == 2  # 3 are left, and 10 come a second

    clock.now += 2
    rate_limit.take(key)
    rate_limit.charge(key, 31)  # more than a full bucket has
    clock.now += 1
    with pytest.raises(RateLimited):
        rate_limit.take(key)  # 12 were owed
    clock.now += 0.4
    rate_limit.take(key)


def test_too_many_requests_of_a_key_are_refused_and_those_of_another_are_not(
    sqlite: Store,
) -> None:
    app = app_over(
        sqlite, access="keys", requests_per_second=0.01
    )  # /openapi.json may take seconds
    one, other = (create_key(sqlite, name, [Scope.CHECK]).token for name in ("one", "other"))

    first, second = (ask(app, "/openapi.json", headers=bearer(one)) for _ in range(2))

    assert first.status_code == 200
    assert (second.status_code, title(second)) == (429, "rate_limited")
    assert 1 <= int(second.headers["retry-after"]) <= 100
    assert ask(app, "/openapi.json", headers=bearer(other)).status_code == 200


# --- headers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/healthz", "/v1/nothing", "/docs", "/static/docs.js", "/static/x"]
)
def test_every_answer_carries_the_headers(sqlite: Store, path: str) -> None:
    for access in ("open", "keys"):
        answer = ask(app_over(sqlite, access=access), path)

        assert [name for name in HEADERS if name not in answer.headers] == []
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert "strict-transport-security" not in answer.headers


def test_a_failure_that_nobody_foresaw_carries_them_too(sqlite: Store) -> None:
    answer = ask(app_over(sqlite), "/readyz")  # nothing was started: there is no service

    assert title(answer) == "internal_error"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_hmas_clients_are_told_in_hmas_way_of_what_nobody_foresaw(sqlite: Store) -> None:
    answer = ask(app_over(sqlite), "/c/banks")

    assert answer.status_code == 500
    assert list(answer.json()) == ["message"]


def test_https_is_asked_for_ever_after_only_where_it_was_used(sqlite: Store) -> None:
    app = app_over(sqlite, trusted_proxies="127.0.0.1")

    answer = ask(app, "/healthz", headers={"X-Forwarded-Proto": "https"})

    assert answer.headers["strict-transport-security"] == "max-age=31536000"
