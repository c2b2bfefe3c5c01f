"""Key administration: create and revoke API keys."""

from collections.abc import Collection
from datetime import UTC, datetime

from indexer.errors import InputError
from indexer.keys.tokens import hash_secret, new_token
from indexer.store import Store
from indexer.types import ApiKey, CreatedKey, NewKey, Scope

MAX_NAME = 64


def create_key(
    store: Store,
    name: str,
    scopes: Collection[Scope],
    *,
    expires_at: datetime | None = None,
    requests_per_second: float | None = None,
) -> CreatedKey:
    """Make a key.

    Parameters
    ----------
    store : Store
    name : str
        What the key is for: 1 to 64 printable characters.
    scopes : collection of Scope
        At least one.
    expires_at : datetime, optional
        From when on it does not work, with its zone; never if unset.
    requests_per_second : float, optional
        Requests that it may make on average; the server's own limit if unset.

    Raises
    ------
    InputError
        Name, scopes, expiry or rate cannot be used.
    """
    if not (name.strip() and name.isprintable() and len(name) <= MAX_NAME):
        raise InputError(
            f"{name!r} is not a valid key name. Use 1 to {MAX_NAME} printable characters "
            "that describe its purpose."
        )
    if not scopes:
        raise InputError(f"A key needs at least one scope of {', '.join(Scope)}.")
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise InputError(f"The expiry is not in the future: {expires_at:%Y-%m-%d %H:%M}.")
    if requests_per_second is not None and not 0 < requests_per_second < float("inf"):
        raise InputError(
            f"The rate must be above 0, got {requests_per_second:g}. Omit it for the "
            "server's limit."
        )
    token = new_token()
    new = NewKey(
        public_id=token.public_id,
        name=name,
        scopes=tuple(scope for scope in Scope if scope in scopes),
        secret=hash_secret(token),
        requests_per_second=requests_per_second,
        expires_at=expires_at,
    )
    with store.writer() as writer:
        key = writer.keys.add(new)
    return CreatedKey(key, token.text)


def revoke_key(store: Store, key_id: int) -> ApiKey:
    """Let a key work no longer, nor the sessions opened with it; doing it twice changes nothing.

    Raises
    ------
    NotFoundError
        There is no such key.
    """
    with store.writer() as writer:
        return writer.keys.revoke(key_id)
