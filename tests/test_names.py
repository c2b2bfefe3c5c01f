"""Modules are named by nouns of the field, and a name stands for one thing."""

from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("indexer", "search_api")
ACTIVITIES = {
    "batching",
    "clustering",
    "encoding",
    "hardening",
    "loading",
    "matching",
    "preprocessing",
    "ranking",
    "sampling",
    "screening",
    "timing",
    "tracing",
    "training",
}
"""Nouns in -ing that this field has no other word for."""
ONE_FILE_A_NOUN = (
    "indexer/types",
    "indexer/store",
    "indexer/cli",
    "search_api/client",
    "search_api/console",
    "search_api/jobs",
    "search_api/routes",
)
"""Folders that share their nouns: a value, its table, its command and its route."""
SAME_EVERYWHERE = {
    "access": "who may use the server",
    "actions": "analysts' edits of clusters",
    "bank_entries": "the entries of a bank",
    "base": "what the siblings of a module share",
    "cli": "commands",
    "client": "the client of the API, and its module",
    "console": "the analysts' pages",
    "contents": "several signals of one thing",
    "decisions": "analysts' verdicts",
    "edits": "changes: of the store's rows, of a picture",
    "errors": "what a package raises, or answers",
    "examples": "of the OpenAPI document",
    "flood": "entries that match too often",
    "gauges": "counts of a catalog",
    "idempotency": "requests that are answered once",
    "images": "bytes, pixels and what is stored of them",
    "keys": "API keys",
    "local_features": "what is verified of images",
    "matching": "queries and their verdicts",
    "metrics": "what Prometheus reads",
    "middleware": "of ASGI",
    "model": "what makes embeddings",
    "removal": "of images",
    "repair": "of an index",
    "policy": "rules on what to do about a verdict",
    "reports": "about cluster runs",
    "retroscan": "past images against newer entries",
    "reviews": "what people look at and decide",
    "runs": "clusterings",
    "sessions": "of the console",
    "settings": "of a package",
    "sources": "where images are found",
    "status": "of an index",
    "store": "the metadata database, and its object",
    "thresholds": "bounds and their cards",
    "thumbnails": "small pictures for verification",
    "training": "of models",
    "upkeep": "soundness of an index",
    "webhooks": "events sent to others",
    "templates": "frames that images share",
}
"""Names that may stand in several packages, by their one meaning."""


def modules() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def name_of(path: Path) -> str:
    return path.parent.name if path.stem == "__init__" else path.stem


def is_gerund(name: str) -> bool:
    last = name.rpartition("_")[2]
    return last.endswith("ing") and last not in ACTIVITIES


def homonyms(paths: list[Path]) -> dict[str, set[str]]:
    """Return the folders of each name that stands for more than one of them."""
    folders = defaultdict(set)
    for path in paths:
        folder = (path.parent.parent if path.stem == "__init__" else path.parent).as_posix()
        noun = folder.startswith(ONE_FILE_A_NOUN)
        folders[name_of(path)].add("one file a noun" if noun else folder)
    return {name: where for name, where in folders.items() if len(where) > 1}


def test_no_module_is_named_by_a_gerund() -> None:
    assert [path.relative_to(ROOT) for path in modules() if is_gerund(name_of(path))] == []


@pytest.mark.parametrize("name", ["dealing", "signing", "cluster_listing"])
def test_a_gerund_is_recognised(name: str) -> None:
    assert is_gerund(name)


@pytest.mark.parametrize("name", ["clustering", "waiting_room", "bank_sampling"])
def test_a_noun_of_the_field_is_none(name: str) -> None:
    assert not is_gerund(name)


def test_names_in_two_packages_are_found() -> None:
    paths = [
        "indexer/a/views.py",
        "search_api/views.py",
        "indexer/cli/key.py",
        "indexer/types/key.py",
    ]

    assert homonyms([Path(path) for path in paths]) == {"views": {"indexer/a", "search_api"}}


def test_a_name_stands_for_one_thing() -> None:
    found = homonyms([path.relative_to(ROOT) for path in modules()])

    assert {name: where for name, where in found.items() if name not in SAME_EVERYWHERE} == {}


def test_every_exception_is_needed() -> None:
    found = homonyms([path.relative_to(ROOT) for path in modules()])
    last_words = {name_of(path).rpartition("_")[2] for path in modules()}

    assert SAME_EVERYWHERE.keys() - found == set()
    assert ACTIVITIES - last_words == set()
