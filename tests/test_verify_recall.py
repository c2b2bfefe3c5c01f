"""`verify --recall`: stored images asked approximately and exactly."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from indexer.settings import Settings
from indexer.store import Store, open_store
from indexer.types import EXACT, Status
from indexer.upkeep import doctor
from indexer.upkeep.findings import State
from indexer.upkeep.status import read_status
from indexer.vectors.faiss_index import FloatIndex
from indexer.vectors.stated_recall import REFUSAL
from support.commands import PHOTOS, Index
from support.lossy import MEASURED, LossyIndex


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Index:
    index = Index(tmp_path_factory.mktemp("home"))
    index.run_here("init", "--model", tiny_model)
    index.run_here("index", "add", *(PHOTOS / f"{name}.jpg" for name in ("crab", "bee", "koala")))
    return index


@pytest.fixture
def lossy(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Have float indexes lose image 2, and say that they may lose some."""
    exactly = FloatIndex.search
    monkeypatch.setattr(FloatIndex, "completeness", MEASURED)

    def search(index: FloatIndex, *arguments: object, exact: bool = False) -> object:
        if exact:
            return exactly(index, *arguments)  # type: ignore[arg-type]
        lossy = LossyIndex.like(index, [2])
        monkeypatch.setattr(FloatIndex, "search", exactly)
        try:
            return lossy.search(*arguments)  # type: ignore[arg-type]
        finally:
            monkeypatch.setattr(FloatIndex, "search", search)

    monkeypatch.setattr(FloatIndex, "search", search)
    return monkeypatch


def test_an_exact_index_misses_nothing(index: Index) -> None:
    report = index.run_here("verify", "--recall", 10, "--json").json["recall"]

    assert [each["view"].partition("-")[0] for each in report] == ["embedding", "pdq"]
    for each in report:
        assert each["is_enough"]
        assert each["claimed"]["kind"] in {"exact", "certified"}
        assert (each["measured"]["recall"], each["measured"]["queries"]) == (1, 3)
        assert each["missed_above"] == 0


def test_without_recall_nothing_is_measured(index: Index) -> None:
    assert index.run_here("verify", "--json").json["recall"] == []


@pytest.mark.usefixtures("lossy")
def test_a_recall_below_the_target_is_an_error_that_names_the_view(index: Index) -> None:
    done = index.run_here("verify", "--recall", 10, code=3)

    assert "measured, recall 0.667 (" in done.stdout
    assert "lookalikes missed" in done.stdout
    assert "is below the target of 0.99" in done.stderr


@pytest.mark.long
def test_a_proven_search_that_misses_anything_is_an_error(
    index: Index, lossy: pytest.MonkeyPatch
) -> None:
    lossy.setattr(FloatIndex, "completeness", EXACT)

    done = index.run_here("verify", "--recall", 10, code=3)

    assert "is below 1, as proven" in done.stderr


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"recall": MEASURED}, "recall 0.992 (0.984 to 0.996, 1,000 queries), below the target"),
        ({"has_refused_lists": True}, "did not reach the target recall: a search compares all"),
    ],
)
def test_the_doctor_warns_of_a_view_that_finds_too_little_or_is_slow(
    index: Index, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], says: str
) -> None:
    def status(store: Store, settings: Settings) -> Status:
        read = read_status(store, settings)
        return replace(read, views=tuple(replace(each, **changes) for each in read.views))

    monkeypatch.setattr(doctor, "read_status", status)
    with open_store(f"sqlite:///{index.home / 'lookalike.db'}") as store:
        found = list(doctor._views(store, Settings(home=index.home)))  # noqa: SLF001 - the rest takes seconds

    assert {each.state for each in found} == {State.WARNING}
    assert all(says in each.found for each in found)


def test_status_says_which_views_have_lists_that_find_too_little(index: Index) -> None:
    index.run_here("index", "snapshot")
    assert "did not reach" not in index.run_here("status").stdout
    snapshot = max((index.home / "views").glob("embedding-*/snapshot-*"))
    (snapshot / REFUSAL).touch()

    told = " ".join(index.run_here("status").stdout.split())

    assert f"{snapshot.parent.name}: its inverted lists did not reach LOOKALIKE_RECALL" in told


@pytest.mark.parametrize("count", ["0", "-5", "many"])
def test_a_number_of_queries_that_is_none_is_bad_input(index: Index, count: str) -> None:
    index.run_here("verify", "--recall", count, code=2)
