import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from indexer.errors import DatabaseUnavailable, InputError, NotFoundError, Unauthenticated
from indexer.keys import KeyCache, Sessions, create_key, revoke_key, tokens
from indexer.store import Store, open_store
from indexer.types import Scope, allows
from support.commands import Index


class Clock:
    """Seconds that pass when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def key_cache(store: Store, clock: Clock) -> KeyCache:
    return KeyCache(store, clock=clock)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Public ids of the tokens whose secrets were hashed to be compared."""
    seen: list[str] = []

    def spy(token: tokens.Token, kept: Any) -> bool:
        seen.append(token.public_id)
        return tokens.matches(token, kept)

    monkeypatch.setattr("indexer.keys.key_cache.matches", spy)
    return seen


# --- making --------------------------------------------------------------------------------------


def test_a_key_is_shown_once_and_only_its_hash_is_kept(store: Store, tmp_path: Path) -> None:
    created = create_key(store, "uploads", [Scope.CHECK])

    _, public_id, secret = created.token.split("_")
    assert created.key.public_id == public_id
    assert len(bytes.fromhex(secret)) == 32
    assert created.token not in repr(created)
    with store.reader() as catalog:
        key, kept = catalog.keys.with_secret(public_id) or pytest.fail("not stored")
    assert key == created.key
    assert (kept.n, kept.r, kept.p, len(kept.salt)) == (2**14, 8, 1, 16)
    assert tokens.matches(tokens.Token(public_id, secret), kept)
    for file in tmp_path.iterdir():  # SQLite's; Postgres leaves the folder empty
        assert secret.encode() not in file.read_bytes()


def test_two_keys_have_nothing_in_common(store: Store) -> None:
    one, other = (create_key(store, "same", [Scope.CHECK]) for _ in range(2))

    with store.reader() as catalog:
        kept = [catalog.keys.with_secret(c.key.public_id) for c in (one, other)]
    assert len({one.token, other.token}) == len({k[1].salt for k in kept if k}) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "x" * 65},
        {"name": "line\nbreak"},
        {"scopes": []},
        {"expires_at": datetime(2020, 1, 1, tzinfo=UTC)},
        {"requests_per_second": 0.0},
        {"requests_per_second": float("inf")},
    ],
    ids=str,
)
def test_a_key_that_makes_no_sense_is_refused(store: Store, wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        create_key(store, **{"name": "n", "scopes": [Scope.CHECK], **wrong})


def test_admin_includes_every_scope_and_no_other_does() -> None:
    assert all(allows([Scope.ADMIN], scope) for scope in Scope)
    for held in set(Scope) - {Scope.ADMIN}:
        assert {scope for scope in Scope if allows([held], scope)} == {held}


# --- checking ------------------------------------------------------------------------------------


def test_a_key_is_hashed_once_and_then_known(
    store: Store, key_cache: KeyCache, hashed: list[str]
) -> None:
    created = create_key(store, "uploads", [Scope.CHECK])

    assert key_cache.recall(created.token) is None
    assert key_cache.verify(created.token) == created.key
    assert key_cache.recall(created.token) == key_cache.verify(created.token) == created.key
    assert hashed == [created.key.public_id]


def test_nothing_in_memory_holds_a_token(store: Store, key_cache: KeyCache) -> None:
    created = create_key(store, "uploads", [Scope.CHECK])
    key_cache.verify(created.token)

    assert created.token.split("_")[2] not in repr(vars(key_cache))


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token[:-1] + ("0" if token[-1] != "0" else "1"),
        lambda token: token + "0",
        lambda token: token.upper(),
        lambda token: f" {token}",
        lambda _: "",
        lambda _: "lk_000000000000_" + "0" * 64,
        lambda _: "\udcff",
    ],
)
def test_anything_but_the_token_is_refused(store: Store, key_cache: KeyCache, change: Any) -> None:
    token = create_key(store, "uploads", [Scope.CHECK]).token
    key_cache.verify(token)

    with pytest.raises(Unauthenticated):
        key_cache.verify(change(token))
    assert key_cache.recall(change(token)) is None


def test_only_a_known_public_id_costs_a_slow_hash_and_each_wrong_secret_one(
    store: Store, key_cache: KeyCache, hashed: list[str]
) -> None:
    public_id = create_key(store, "uploads", [Scope.CHECK]).key.public_id

    for text in ("nonsense", "lk_000000000000_" + "0" * 64, *[f"lk_{public_id}_{'0' * 64}"] * 3):
        with pytest.raises(Unauthenticated):
            key_cache.verify(text)

    assert hashed == [public_id]


def test_a_revoked_key_works_no_longer_than_the_bound(
    store: Store, key_cache: KeyCache, clock: Clock, hashed: list[str]
) -> None:
    created = create_key(store, "uploads", [Scope.CHECK])
    key_cache.verify(created.token)
    revoke_key(store, created.key.id)

    clock.now += 5.1

    assert key_cache.recall(created.token) is None
    with pytest.raises(Unauthenticated):
        key_cache.verify(created.token)
    assert len(hashed) == 1


def test_refreshing_lets_go_of_a_revoked_key_at_once(store: Store, key_cache: KeyCache) -> None:
    kept, revoked = (create_key(store, name, [Scope.CHECK]) for name in ("kept", "revoked"))
    for created in (kept, revoked):
        key_cache.verify(created.token)
    revoke_key(store, revoked.key.id)

    key_cache.refresh()

    assert key_cache.recall(kept.token) == kept.key
    assert key_cache.recall(revoked.token) is None


def test_refreshing_keeps_a_key_fresh_without_another_hash(
    store: Store, key_cache: KeyCache, clock: Clock, hashed: list[str]
) -> None:
    created = create_key(store, "uploads", [Scope.CHECK])
    key_cache.verify(created.token)

    for _ in range(5):
        clock.now += 4
        key_cache.refresh()
        assert key_cache.recall(created.token) == created.key
    clock.now += 601
    key_cache.refresh()
    assert not key_cache.is_known(created.token)
    assert len(hashed) == 1


def test_an_expired_key_stops_at_its_moment(store: Store, key_cache: KeyCache) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=0.7)
    created = create_key(store, "uploads", [Scope.CHECK], expires_at=soon)
    assert key_cache.verify(created.token)

    while datetime.now(UTC) < soon:
        pass

    assert key_cache.recall(created.token) is None
    with pytest.raises(Unauthenticated):
        key_cache.verify(created.token)


def test_a_key_is_not_trusted_for_long_without_its_database(tmp_path: Path, clock: Clock) -> None:
    index = Index(tmp_path)
    index.run_here("db", "upgrade")
    with open_store(index.settings.resolved_database_url) as store:
        key_cache = KeyCache(store, clock=clock)
        created = create_key(store, "uploads", [Scope.CHECK])
        key_cache.verify(created.token)
        (tmp_path / "lookalike.db").unlink()
        (tmp_path / "lookalike.db").mkdir()
        store.close()

        assert key_cache.recall(created.token)
        clock.now += 5.1
        assert key_cache.recall(created.token) is None
        with pytest.raises(DatabaseUnavailable):
            key_cache.verify(created.token)


@pytest.mark.postgres
def test_use_is_written_behind(store: Store, key_cache: KeyCache) -> None:
    created = create_key(store, "uploads", [Scope.CHECK])
    key_cache.verify(created.token)
    with store.reader() as catalog:
        assert catalog.keys.get(created.key.id).last_used_at is None

    begun = datetime.now(UTC)
    key_cache.recall(created.token)
    key_cache.write_use()

    with store.reader() as catalog:
        used = catalog.keys.get(created.key.id).last_used_at
    assert used is not None
    assert begun <= used <= datetime.now(UTC)
    with store.writer() as writer:  # another server's clock, or its writing, was behind
        writer.keys.note_use({created.key.id: begun - timedelta(days=1)})
    with store.reader() as catalog:
        assert catalog.keys.get(created.key.id).last_used_at == used


def test_revoking_twice_keeps_the_first_moment(store: Store) -> None:
    key = create_key(store, "uploads", [Scope.CHECK]).key

    assert revoke_key(store, key.id) == revoke_key(store, key.id)
    with pytest.raises(NotFoundError, match="no key 99"):
        revoke_key(store, 99)


# --- sessions ------------------------------------------------------------------------------------


@pytest.fixture
def sessions(store: Store, clock: Clock) -> Sessions:
    lifetime, idle = timedelta(hours=12), timedelta(minutes=30)
    return Sessions(store, lifetime=lifetime, idle=idle, clock=clock)


@pytest.mark.postgres
def test_a_session_is_found_by_its_token_until_it_is_ended(
    store: Store, sessions: Sessions
) -> None:
    key = create_key(store, "ana", [Scope.ANALYST]).key
    token, opened = sessions.open(key)

    found = sessions.find(token)

    assert found == opened == sessions.recall(token)
    assert found.session.key == key
    assert sessions.find(token[:-1]) is None
    sessions.end(token)
    sessions.end(token)
    assert sessions.recall(token) is sessions.find(token) is None


def test_a_session_ends_with_its_key(store: Store, sessions: Sessions, clock: Clock) -> None:
    key = create_key(store, "ana", [Scope.ANALYST]).key
    token, _ = sessions.open(key)
    assert sessions.find(token)
    revoke_key(store, key.id)

    clock.now += 2.1

    assert sessions.recall(token) is sessions.find(token) is None


def test_a_session_runs_out(store: Store, clock: Clock) -> None:
    key = create_key(store, "ana", [Scope.ANALYST]).key
    hour, never = timedelta(hours=1), timedelta(0)
    for lifetime, idle in ((-hour, hour), (hour, never)):
        sessions = Sessions(store, lifetime=lifetime, idle=idle, clock=clock)
        token, _ = sessions.open(key)
        assert sessions.find(token) is None


def test_using_a_session_keeps_it_from_running_out(store: Store, sessions: Sessions) -> None:
    token, opened = sessions.open(create_key(store, "ana", [Scope.ANALYST]).key)
    earlier = datetime.now(UTC) - timedelta(minutes=20)
    with store.writer() as writer:
        writer.sessions.note_use(opened.session.id, earlier)

    assert sessions.find(token)

    again = sessions.find(token)
    assert again is not None
    assert again.session.last_seen_at > earlier + timedelta(minutes=19)


# --- commands ------------------------------------------------------------------------------------


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    index = Index(tmp_path)
    index.run_here("db", "upgrade")
    return index


def test_the_command_makes_lists_and_revokes(index: Index) -> None:
    made = index.run_here("key", "create", "--name", "Ana", "--scope", "analyst", "--expires", "9d")
    token = made.stdout.strip()

    (listed,) = index.run_here("key", "list", "--json").json

    assert token.startswith(f"lk_{listed['public_id']}_")
    assert token not in made.stderr
    assert (listed["name"], listed["scopes"], listed["revoked_at"]) == ("Ana", ["analyst"], None)
    left = datetime.fromisoformat(listed["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=8.9) < left <= timedelta(days=9)
    assert "Ana" in index.run_here("key", "list").stdout
    assert "is revoked" in index.run_here("key", "revoke", listed["id"]).stdout
    assert index.run_here("key", "list", "--json").json[0]["revoked_at"]


def test_the_command_gives_machines_the_key_and_its_token(index: Index) -> None:
    arguments = ("--name", "n", "--scope", "check", "--scope", "bank:write", "--rate", "2.5")
    created = index.run_here("key", "create", *arguments, "--json").json

    assert created["token"].startswith(f"lk_{created['key']['public_id']}_")
    assert created["key"]["scopes"] == ["check", "bank:write"]
    assert created["key"]["requests_per_second"] == 2.5
    assert json.dumps(created["key"]) == json.dumps(index.run_here("key", "list", "--json").json[0])


def test_the_command_refuses_what_makes_no_sense(index: Index) -> None:
    create = ("key", "create", "--name", "n")
    assert "--scope" in index.run_here(*create, code=2).stderr
    index.run_here(*create, "--scope", "everything", code=2)
    index.run_here(*create, "--scope", "check", "--expires", "2020-01-01", code=2)
    index.run_here("key", "revoke", "7", code=4)
