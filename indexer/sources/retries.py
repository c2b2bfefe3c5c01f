"""Retries of requests to remote sources."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final, ParamSpec, TypeVar

from indexer.errors import LookalikeError, UnreadableSource
from indexer.sources.names import quoted

_ATTEMPTS: Final = 4
_LONGEST_PAUSE: Final = 8.0  # seconds between two attempts, growing up to it
_FINAL: Final = (  # errors that the next attempt would meet again
    LookalikeError, FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError,
    ImportError, NotImplementedError, TypeError, ValueError,
)  # fmt: skip

_REFUSALS: Final = range(400, 500)  # HTTP: asking again changes nothing
_PASSING: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})

P = ParamSpec("P")
ResultT = TypeVar("ResultT")


def attempt(uri: str, act: Callable[P, ResultT], *args: P.args, **kwargs: P.kwargs) -> ResultT:
    """Act, and again after a pause when the fault may pass.

    Raises
    ------
    UnreadableSource
        It failed for good; the message names `uri`.
    """
    from tenacity import (
        Retrying,
        retry_if_exception,
        stop_after_attempt,
        wait_random_exponential,
    )

    retrying = Retrying(
        stop=stop_after_attempt(_ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.2, max=_LONGEST_PAUSE),
        retry=retry_if_exception(_may_pass),
        reraise=True,
    )
    return once(uri, lambda: retrying(act, *args, **kwargs))


def once(uri: str, act: Callable[P, ResultT], *args: P.args, **kwargs: P.kwargs) -> ResultT:
    """Act one time, with the errors of `attempt`."""
    try:
        return act(*args, **kwargs)
    except LookalikeError:
        raise
    except Exception as error:  # each protocol's library raises types of its own
        raise _fault(uri, error) from error


def _may_pass(error: BaseException) -> bool:
    """Tell a fault that may pass from an answer that stands."""
    if isinstance(error, _FINAL) or not isinstance(error, Exception):
        return False
    status = getattr(error, "status", None)  # of HTTP, by aiohttp
    return not isinstance(status, int) or status in _PASSING or status not in _REFUSALS


def _fault(uri: str, error: Exception) -> UnreadableSource:
    reason = str(error) or type(error).__name__
    if isinstance(error, FileNotFoundError):
        return UnreadableSource(f"{quoted(uri)} does not exist. Check the name and the bucket.")
    if isinstance(error, PermissionError) or type(error).__name__ == "NoCredentialsError":
        hint = "Give this user the credentials to list and read it."
    elif _may_pass(error):
        hint = f"It was tried {_ATTEMPTS} times: check the network and the server, then run again."
    else:
        hint = "Check the URL."
    return UnreadableSource(f"{quoted(uri)} cannot be read: {reason!r}. {hint}")
