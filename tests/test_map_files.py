"""Maps of runs as files: what they hold, how long they hold, and that a purge deletes them."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load

from indexer.errors import NotFoundError
from indexer.reports import build_report, map_stamp, open_map_file
from indexer.settings import Settings
from indexer.store import Store
from indexer.store.clusters.scope import ClusterScopes
from indexer.types import BankKind, Space
from indexer.upkeep.removal import purge
from support.catalog import bind
from support.families import add_family, add_vectors, clustered, near_axis

pytestmark = pytest.mark.numeric


@pytest.fixture
def space(store: Store) -> Space:
    return bind(store)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, worker_threads=1)


def decoded(packed: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    file = gzip.decompress(packed)
    said = json.loads(file[8 : 8 + int.from_bytes(file[:8], "little")])["__metadata__"]
    return load(file), {name: json.loads(value) for name, value in said.items()}


def test_a_map_has_the_images_of_the_report_where_the_report_has_them(
    store: Store, space: Space, settings: Settings
) -> None:
    add_family(store, space, 0, range(6))
    add_family(store, space, 1, range(10, 20))
    add_vectors(store, space, {99: near_axis(5, 99)})
    clustered(store)
    members = build_report(store, settings).members

    columns, said = decoded(open_map_file(store, settings).packed)

    left, bottom, side = said["frame"]
    assert np.cumsum(columns["id"]).tolist() == list(members.image_ids)
    assert left + columns["x"] / 65_535 * side == pytest.approx(members.x, abs=side / 65_535)
    assert bottom + columns["y"] / 65_535 * side == pytest.approx(members.y, abs=side / 65_535)
    ids = [0, *(cluster_id for cluster_id, _, _ in said["clusters"])]
    assert [ids[place] or None for place in columns["cluster"]] == list(members.cluster_ids)


def test_a_map_is_kept_and_takes_its_places_along_when_a_bank_changes(
    store: Store, space: Space, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [*add_family(store, space, 0, range(30)), *add_family(store, space, 1, range(40, 70))]
    clustered(store)
    first = open_map_file(store, settings)
    before, _ = decoded(first.packed)
    assert open_map_file(store, settings) == first
    assert map_stamp(store) == first.stamp
    with store.writer() as writer:
        bank = writer.banks.create("unsafe", BankKind.BLOCK).id
        writer.entries.add(bank, [ids[3]])
    read: list[int] = []
    vectors_of = ClusterScopes.vectors_of

    def noted(self: ClusterScopes, image_ids: NDArray[np.int64], *spaces: Any) -> Any:
        read.extend(image_ids.tolist())
        return vectors_of(self, image_ids, *spaces)

    monkeypatch.setattr(ClusterScopes, "vectors_of", noted)
    second = open_map_file(store, settings)
    after, said = decoded(second.packed)

    assert second.stamp != first.stamp
    assert said["banks"] == [["unsafe", "block", None]]
    assert np.cumsum(after["id"])[after["bank"] == 1].tolist() == [ids[3]]
    assert (after["x"] == before["x"]).all()
    assert (after["y"] == before["y"]).all()
    assert len(list(settings.maps_folder.iterdir())) == 1


def test_a_purge_deletes_the_maps_that_show_the_image(
    store: Store, space: Space, settings: Settings
) -> None:
    ids = add_family(store, space, 0, range(8))
    clustered(store)
    open_map_file(store, settings)
    assert list(settings.maps_folder.iterdir())

    purge(store, settings, [ids[2]])

    assert list(settings.maps_folder.iterdir()) == []
    columns, _ = decoded(open_map_file(store, settings).packed)
    assert ids[2] not in np.cumsum(columns["id"])


def test_without_a_run_there_is_no_map(store: Store, space: Space, settings: Settings) -> None:
    assert space
    with pytest.raises(NotFoundError):
        open_map_file(store, settings)
