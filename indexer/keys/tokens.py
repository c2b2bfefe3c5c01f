"""API tokens, `lk_<public id>_<secret>`, and the slow hash (scrypt) of their secrets."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from typing import Final

from indexer.types import SecretHash

_FORM: Final = re.compile(r"lk_([0-9a-f]{12})_([0-9a-f]{64})")
_COST: Final = (2**14, 8, 1)  # n, r, p: 16 MiB and some 50 ms a hash
_MAX_MEMORY: Final = 2**28  # bytes; a row that asks for more is not one of ours


@dataclass(frozen=True, slots=True)
class Token:
    """The two parts of a key's text."""

    public_id: str
    """Names the key; 12 hexadecimal digits."""
    secret: str = field(repr=False)
    """256 random bits as 64 hexadecimal digits."""

    @property
    def text(self) -> str:
        """The key as it is given to the server."""
        return f"lk_{self.public_id}_{self.secret}"


def new_token() -> Token:
    """Make a random token."""
    return Token(secrets.token_hex(6), secrets.token_hex(32))


def parse_token(text: str) -> Token | None:
    """Read a token; None when the text has not the form of one."""
    found = _FORM.fullmatch(text)
    return Token(found[1], found[2]) if found else None


def hash_secret(token: Token) -> SecretHash:
    """Hash a token's secret with a new salt."""
    salt = secrets.token_bytes(16)
    n, r, p = _COST
    return SecretHash(_scrypt(token, salt, n, r, p), salt, n, r, p)


def matches(token: Token, kept: SecretHash) -> bool:
    """Compare a token's secret with a kept hash, in constant time; slow."""
    digest = _scrypt(token, kept.salt, kept.n, kept.r, kept.p)
    return hmac.compare_digest(digest, kept.digest)


def _scrypt(token: Token, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(
        token.secret.encode(), salt=salt, n=n, r=r, p=p, maxmem=_MAX_MEMORY, dklen=32
    )
