"""Client of the API in Python: `Lookalike(url, key)`."""

from search_api.client.client import Lookalike
from search_api.client.transport import (
    ApiError,
    Busy,
    Conflict,
    NotAllowed,
    NotFound,
    Unreachable,
    UnusableRequest,
)

__all__ = [
    "ApiError",
    "Busy",
    "Conflict",
    "Lookalike",
    "NotAllowed",
    "NotFound",
    "Unreachable",
    "UnusableRequest",
]
