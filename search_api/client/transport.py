"""HTTP transport of the client: retries, and problem documents as exceptions."""

from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Any, Final, TypeVar
from uuid import uuid4

import httpx
from pydantic import TypeAdapter, ValidationError
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from search_api.schemas import Page, Problem

AnswerT = TypeVar("AnswerT")
_ADAPTERS: Final[dict[Any, TypeAdapter[Any]]] = {}
_MAKING: Final = Lock()
_TURNED_AWAY: Final = {"overloaded", "timed_out", "rate_limited", "locked_out"}
_LONGEST_WAIT: Final = 30.0  # seconds between two attempts
_BACK_OFF: Final = wait_random_exponential(multiplier=0.2, max=_LONGEST_WAIT)


class ApiError(Exception):
    """The server refused a request; its attributes are those of the problem document."""

    def __init__(self, problem: Problem, retry_after: float | None = None) -> None:
        status = f"{problem.status} " if problem.status else ""
        super().__init__(f"{status}{problem.title}: {problem.detail}")
        self.code = problem.title
        self.status = problem.status
        self.detail = problem.detail
        self.request_id = problem.request_id
        self.retry_after = retry_after  # seconds


class UnusableRequest(ApiError):
    """400, 413, 415, 422: the picture, body or a parameter cannot be used."""


class NotAllowed(ApiError):
    """401, 403: without a key, or with one that may not do this."""


class NotFound(ApiError):
    """404: there is no such thing."""


class Conflict(ApiError):
    """409: it does not fit what is there."""


class Busy(ApiError):
    """429, 503: nothing is wrong with the request; try again later."""


class Unreachable(ApiError):
    """There was no answer: the connection was refused or lost, or it took too long; status 0."""

    def __init__(self, detail: str, *, was_sent: bool) -> None:
        problem = Problem(
            type="urn:lookalike:unreachable",
            title="unreachable",
            status=0,
            detail=detail,
            request_id=None,
        )
        super().__init__(problem)
        self.was_sent = was_sent
        """Whether the server may have got the request."""


_ERRORS: Final[Mapping[int, type[ApiError]]] = {
    400: UnusableRequest,
    401: NotAllowed,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    413: UnusableRequest,
    415: UnusableRequest,
    422: UnusableRequest,
    429: Busy,
    503: Busy,
}


class Transport:
    """Sends requests to one server; safe to use from several threads.

    Parameters
    ----------
    client : httpx.Client
        Knows the server's address and the key.
    attempts : int
        How often a request is sent at most, when the server is busy or the connection fails.
    """

    def __init__(self, client: httpx.Client, attempts: int) -> None:
        self._client = client
        self._retrying = Retrying(
            stop=stop_after_attempt(attempts),
            retry=retry_if_exception(_may_pass),
            wait=_wait,
            reraise=True,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def ask(self, method: str, path: str, shape: type[AnswerT], **options: Any) -> AnswerT:
        """Send a request that changes nothing, and read the answer in its shape."""
        response = self._retrying.copy()(self._send, method, path, options)
        return _adapter(shape).validate_json(response.content)

    def fetch(self, path: str, **options: Any) -> bytes:
        """Ask for what is no JSON, such as a picture."""
        return self._retrying.copy()(self._send, "GET", path, options).content

    def once(self, method: str, path: str, shape: type[AnswerT], **options: Any) -> AnswerT:
        """Send a request that would do more if it came twice, and that cannot carry a key.

        Answers with secrets are remembered nowhere: only what the server turned away unread is sent
        again.
        """
        retrying = self._retrying.copy(retry=retry_if_exception(_was_not_run))
        response = retrying(self._send, method, path, options)
        return _adapter(shape).validate_json(response.content)

    def change(self, method: str, path: str, shape: type[AnswerT], **options: Any) -> AnswerT:
        """Send a request that changes something: with a key, so that it is carried out once."""
        headers = {"Idempotency-Key": uuid4().hex}
        return self.ask(method, path, shape, headers=headers, **options)

    def pages(self, path: str, shape: type[AnswerT], **parameters: Any) -> Iterator[AnswerT]:
        """Yield the items of a list, asking for its pages as they are needed."""
        cursor = None
        while True:
            wanted = {**parameters, "cursor": cursor}
            page = self.ask("GET", path, Page[shape], params=said(wanted))  # type: ignore[valid-type]
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def _send(self, method: str, path: str, options: Mapping[str, Any]) -> httpx.Response:
        try:
            response = self._client.request(method, path, **options)
        except httpx.RequestError as error:
            raise _unreachable(error, self._client) from error
        if response.is_error:
            raise _error(response)
        return response


def _adapter(shape: type[AnswerT]) -> TypeAdapter[AnswerT]:
    """Return what reads answers of a shape; one thread at a time makes it, and only once.

    CPython 3.11 cannot parse source, from which fields are described, in several threads at once.
    """
    with _MAKING:
        adapter: TypeAdapter[AnswerT] | None = _ADAPTERS.get(shape)
        if adapter is None:
            adapter = _ADAPTERS[shape] = TypeAdapter(shape)
        return adapter


def said(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the parameters that say nothing."""
    return {name: value for name, value in parameters.items() if value not in (None, (), [])}


def _error(response: httpx.Response) -> ApiError:
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:  # a proxy's answer, most likely
        problem = Problem(
            type="about:blank",
            title="unknown",
            status=response.status_code,
            detail=response.text[:500],
            request_id=None,
        )
    after = response.headers.get("retry-after", "")
    retry_after = float(after) if after.isdecimal() else None
    return _ERRORS.get(response.status_code, ApiError)(problem, retry_after)


def _unreachable(error: httpx.RequestError, client: httpx.Client) -> Unreachable:
    """Say which server did not answer, why, and what to do."""
    url = client.base_url
    place = f"{url.host}:{url.port or (443 if url.scheme == 'https' else 80)}"
    reason = str(error) or type(error).__name__
    match error:
        case httpx.ConnectError() | httpx.ConnectTimeout():
            said = f"{place} cannot be reached ({reason}). Check the address, and that "
            said += "`lookalike serve` runs there."
        case httpx.PoolTimeout():
            said = f"No connection to {place} was free in time. Use fewer threads for one client."
        case httpx.TimeoutException():
            said = f"{place} did not answer in time ({reason}). Give the client a longer `timeout`,"
            said += " or see in the server's log what keeps it."
        case _:
            said = f"The connection to {place} broke before the answer was complete ({reason}). "
            said += "See in the server's log whether it was stopped, then try again."
    unsent = httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout
    return Unreachable(said, was_sent=not isinstance(error, unsent))


def _may_pass(error: BaseException) -> bool:
    """Tell whether sending again may help: it does no harm, as changes have a key."""
    return isinstance(error, Busy | Unreachable)


def _was_not_run(error: BaseException) -> bool:
    """Tell whether the server surely did nothing of what it was asked."""
    turned_away = isinstance(error, Busy) and error.code in _TURNED_AWAY
    return turned_away or (isinstance(error, Unreachable) and not error.was_sent)


def _wait(state: RetryCallState) -> float:
    """Wait as long as the server asks for, else longer each time."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Busy) and error.retry_after is not None:
        return min(error.retry_after, _LONGEST_WAIT)
    return _BACK_OFF(state)
