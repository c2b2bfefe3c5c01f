"""API keys and their scopes."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from indexer.types.described import described


class Scope(StrEnum):
    """What a key may do; `admin` includes all others."""

    CHECK = "check"  # ask about pictures
    ANALYST = "analyst"  # read what is stored, decide, scan
    BANK_WRITE = "bank:write"  # change banks and images
    ADMIN = "admin"  # keys, audit, webhooks


def allows(held: Collection[Scope], wanted: Scope) -> bool:
    """Tell whether the scopes held include the one wanted."""
    return wanted in held or Scope.ADMIN in held


@described
@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of the server as it is listed; its secret is shown once, when it is made."""

    id: int
    """Rises with time."""
    public_id: str
    """The middle part of its token, `lk_<public id>_<secret>`: tells keys apart, proves nothing."""
    name: str
    """What it is for."""
    scopes: tuple[Scope, ...]
    """What it may do; admin includes all others."""
    requests_per_second: float | None
    """Requests a second that it may make on average; null for the server's own limit."""
    created_at: datetime
    """When it was made."""
    expires_at: datetime | None
    """From when on it does not work; null for never."""
    last_used_at: datetime | None
    """When it was used last, to the minute; null for never."""
    revoked_at: datetime | None
    """When it was revoked; null while it was not."""

    def works_at(self, now: datetime) -> bool:
        """Tell whether the key is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@described
@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A key that was made just now, with what proves that one has it."""

    key: ApiKey
    """The key as it is listed."""
    token: str = field(repr=False)
    """Give this to whoever is to use the key: it is shown this once and kept nowhere."""


@dataclass(frozen=True, slots=True)
class SecretHash:
    """A secret's scrypt hash, with all that making it again takes."""

    digest: bytes  # 32 bytes
    salt: bytes  # 16 bytes
    n: int  # scrypt's cost: it takes 128 * n * r bytes
    r: int
    p: int


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key to be stored."""

    public_id: str
    name: str
    scopes: tuple[Scope, ...]
    secret: SecretHash
    requests_per_second: float | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """That somebody signed in to the console with a key."""

    id: int
    key: ApiKey
    created_at: datetime
    expires_at: datetime
    last_seen_at: datetime
