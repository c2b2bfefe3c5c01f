"""The tree in the module docstring, the classes and the HTTP table cannot drift apart."""

import inspect
import json
import re
from http import HTTPStatus

import pytest

from indexer import errors
from indexer.errors import LookalikeError
from search_api.errors import PROBLEM, STATUS, problem, status_for

CLASSES = [cls for _, cls in inspect.getmembers(errors, inspect.isclass)]
TREE = re.findall(r"^( *)[*x-] (\w+)(.*)$", errors.__doc__ or "", re.MULTILINE)


def named(cls: type[LookalikeError]) -> str:
    return cls.__name__


def parents_in_tree() -> dict[str, str]:
    """Return each error's parent as the docstring draws it, by indentation."""
    path: list[tuple[int, str]] = []
    parents = {}
    for indent, name, _ in TREE:
        while path and path[-1][0] >= len(indent):
            path.pop()
        parents[name] = path[-1][1] if path else "Exception"
        path.append((len(indent), name))
    return parents


def test_the_docstring_draws_every_error_below_its_parent() -> None:
    assert parents_in_tree() == {cls.__name__: cls.__bases__[0].__name__ for cls in CLASSES}


def test_the_docstring_says_what_each_error_means() -> None:
    assert [name for _, name, text in TREE if not text.strip() and name != "LookalikeError"] == []


@pytest.mark.parametrize("cls", CLASSES, ids=named)
def test_every_error_has_its_own_code(cls: type[LookalikeError]) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", cls.code)
    assert [other for other in CLASSES if other.code == cls.code] == [cls]


@pytest.mark.parametrize("cls", CLASSES, ids=named)
def test_only_the_families_set_an_exit_code(cls: type[LookalikeError]) -> None:
    family = {LookalikeError, *LookalikeError.__subclasses__()}

    assert ("exit_code" in vars(cls)) == (cls in family)
    assert cls.exit_code in {1, 2, 3, 4, 5}


@pytest.mark.parametrize("cls", CLASSES, ids=named)
def test_every_error_has_an_http_status(cls: type[LookalikeError]) -> None:
    status = status_for(cls.__new__(cls))

    assert 400 <= status < 600
    assert (status is HTTPStatus.SERVICE_UNAVAILABLE) == issubclass(cls, errors.UnavailableError)


def test_an_error_without_a_status_has_that_of_its_nearest_ancestor() -> None:
    assert status_for(errors.DimensionMismatch(expected=192, got=384)) == HTTPStatus.CONFLICT
    assert status_for(errors.EmptyImage()) == HTTPStatus.BAD_REQUEST
    assert status_for(errors.InvalidName()) == HTTPStatus.UNPROCESSABLE_ENTITY
    assert errors.DimensionMismatch not in STATUS


def test_an_unavailable_service_says_when_to_try_again() -> None:
    response = problem("view_not_ready", HTTPStatus.SERVICE_UNAVAILABLE, "Wait.")

    assert response.headers["retry-after"] == "1"
    assert response.headers["content-type"] == PROBLEM
    assert json.loads(bytes(response.body)) == {
        "type": "urn:lookalike:view_not_ready",
        "title": "view_not_ready",
        "status": 503,
        "detail": "Wait.",
        "brief": None,
        "request_id": None,
    }
