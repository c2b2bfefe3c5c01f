"""Libraries: what searches vectors inside the process that asks."""

from pathlib import Path
from typing import Any, ClassVar

import faiss
import numpy as np

from indexer.types import Embeddings
from search_contestant import (
    BATCH,
    BUILD_EFFORT,
    GRAPH_EFFORTS,
    LINKS,
    LIST_EFFORTS,
    Contestant,
    Gallery,
    Rows,
    listed_count,
)

_SAMPLE = 64  # vectors that k-means sees for each list


class _Faiss(Contestant):
    """An index of FAISS in one file."""

    can_filter = True
    can_range = True

    def __init__(self, gallery: Gallery, folder: Path) -> None:
        super().__init__(gallery, folder)
        faiss.omp_set_num_threads(1)
        self._index: Any = None
        self._selectors: dict[int, Any] = {}

    def _fill(self, index: Any) -> None:
        for start in range(0, len(self.gallery.vectors), BATCH):
            index.add(np.ascontiguousarray(self.gallery.vectors[start : start + BATCH]))
        faiss.write_index(index, str(self.folder / "index.faiss"))

    def open(self) -> None:
        self._index = faiss.read_index(str(self.folder / "index.faiss"))

    def _parameters(self, effort: int, selector: Any) -> Any:
        raise NotImplementedError

    def _selector(self, below: int) -> Any:
        if below not in self._selectors:
            bits = np.packbits(self.gallery.tags < below, bitorder="little")
            self._selectors[below] = faiss.IDSelectorBitmap(bits)  # type: ignore[call-arg, arg-type]
        return self._selectors[below]

    def search(self, query: Embeddings, k: int, effort: int) -> Rows:
        parameters = self._parameters(effort, None)
        return self._index.search(query[np.newaxis], k, params=parameters)[1][0]

    def search_tagged(self, query: Embeddings, k: int, effort: int, below: int) -> Rows:
        parameters = self._parameters(effort, self._selector(below))
        return self._index.search(query[np.newaxis], k, params=parameters)[1][0]

    def search_range(self, query: Embeddings, threshold: float, effort: int) -> Rows:
        parameters = self._parameters(effort, None)
        return self._index.range_search(query[np.newaxis], threshold, params=parameters)[2]


class FaissFlat(_Faiss):
    """Every vector compared."""

    def build(self) -> None:
        self._fill(faiss.IndexFlatIP(self.gallery.vectors.shape[1]))

    def _parameters(self, effort: int, selector: Any) -> Any:
        return faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]


class FaissLists(_Faiss):
    """Inverted lists of whole vectors; effort is nprobe."""

    efforts = LIST_EFFORTS
    code: ClassVar[str] = "Flat"

    def build(self) -> None:
        count, dimension = self.gallery.vectors.shape
        lists = listed_count(count)
        index: Any = faiss.index_factory(
            dimension, f"IVF{lists},{self.code}", faiss.METRIC_INNER_PRODUCT
        )
        seen = min(count, lists * _SAMPLE)
        chosen = np.sort(np.random.default_rng(1).choice(count, seen, replace=False))
        index.train(np.ascontiguousarray(self.gallery.vectors[chosen]))
        self._fill(index)

    def _parameters(self, effort: int, selector: Any) -> Any:
        return faiss.SearchParametersIVF(nprobe=effort, sel=selector)  # type: ignore[call-arg]


class FaissListsOfBytes(FaissLists):
    """Inverted lists of one byte a dimension, never re-scored; effort is nprobe."""

    code = "SQ8"


class FaissGraph(_Faiss):
    """HNSW on whole vectors; effort is efSearch."""

    efforts = GRAPH_EFFORTS
    can_range = False

    def build(self) -> None:
        index = faiss.IndexHNSWFlat(
            self.gallery.vectors.shape[1], LINKS, faiss.METRIC_INNER_PRODUCT
        )
        index.hnsw.efConstruction = BUILD_EFFORT
        self._fill(index)

    def _parameters(self, effort: int, selector: Any) -> Any:
        return faiss.SearchParametersHNSW(efSearch=effort, sel=selector)  # type: ignore[call-arg]


class Hnswlib(Contestant):
    """HNSW by the authors of its paper; effort is ef."""

    needs = ("hnswlib",)
    efforts = GRAPH_EFFORTS
    can_filter = True
    note = "its filter is a Python function, called for each vector that it visits"

    def _empty(self) -> Any:
        import hnswlib

        index = hnswlib.Index(space="ip", dim=self.gallery.vectors.shape[1])
        index.set_num_threads(1)
        return index

    def build(self) -> None:
        index = self._empty()
        count = len(self.gallery.vectors)
        index.init_index(max_elements=count, M=LINKS, ef_construction=BUILD_EFFORT)
        for start in range(0, count, BATCH):
            index.add_items(self.gallery.vectors[start : start + BATCH], num_threads=1)
        index.save_index(str(self.folder / "index.hnswlib"))

    def open(self) -> None:
        self._index = self._empty()
        self._index.load_index(str(self.folder / "index.hnswlib"))

    def search(self, query: Embeddings, k: int, effort: int) -> Rows:
        self._index.set_ef(effort)
        rows: Rows = self._index.knn_query(query, k, num_threads=1)[0][0].astype(np.int64)
        return rows

    def search_tagged(self, query: Embeddings, k: int, effort: int, below: int) -> Rows:
        tags = self.gallery.tags
        self._index.set_ef(effort)
        try:
            found = self._index.knn_query(
                query, k, num_threads=1, filter=lambda row: tags[row] < below
            )
        except RuntimeError:  # it met fewer than k such vectors
            return ()
        rows: Rows = found[0][0].astype(np.int64)
        return rows


class Usearch(Contestant):
    """HNSW of USearch on whole vectors; effort is expansion_search."""

    needs = ("usearch",)
    efforts = GRAPH_EFFORTS

    def build(self) -> None:
        from usearch.index import Index

        count, dimension = self.gallery.vectors.shape
        index = Index(
            ndim=dimension,
            metric="ip",
            dtype="f32",
            connectivity=LINKS,
            expansion_add=BUILD_EFFORT,
            enable_key_lookups=False,
        )
        for start in range(0, count, BATCH):
            part = np.ascontiguousarray(self.gallery.vectors[start : start + BATCH])
            index.add(np.arange(start, start + len(part)), part, threads=1)
        index.save(str(self.folder / "index.usearch"))

    def open(self) -> None:
        from usearch.index import Index

        self._index: Any = Index(path=self.folder / "index.usearch")

    def search(self, query: Embeddings, k: int, effort: int) -> Rows:
        self._index.expansion_search = effort
        rows: Rows = self._index.search(query, k, threads=1).keys.astype(np.int64)
        return rows


class Scann(Contestant):
    """ScaNN: a tree of leaves, 4-bit codes, 200 re-scored; effort is leaves searched."""

    needs = ("scann",)
    efforts = LIST_EFFORTS
    rescored: ClassVar[int] = 200

    def build(self) -> None:
        from scann import scann_ops_pybind

        vectors = np.ascontiguousarray(self.gallery.vectors)
        count = len(vectors)
        builder = scann_ops_pybind.builder(vectors, 10, "dot_product")
        builder.set_n_training_threads(1)
        builder.tree(
            num_leaves=int(2 * np.sqrt(count)),
            num_leaves_to_search=16,
            training_sample_size=min(count, 250_000),
        )
        builder.score_ah(2, anisotropic_quantization_threshold=0.2)
        builder.reorder(self.rescored).build().serialize(str(self.folder))

    def open(self) -> None:
        from scann import scann_ops_pybind

        self._searcher = scann_ops_pybind.load_searcher(str(self.folder))

    def search(self, query: Embeddings, k: int, effort: int) -> Rows:
        rows: Rows = self._searcher.search(
            query, k, pre_reorder_num_neighbors=self.rescored, leaves_to_search=effort
        )[0].astype(np.int64)
        return rows


class Svs(Contestant):
    """Intel's SVS: a Vamana graph of up to 64 links; effort is search_window_size.

    Its LVQ codes run on Intel's processors only; elsewhere vectors stay whole.
    """

    needs = ("svs",)
    efforts = GRAPH_EFFORTS

    def build(self) -> None:
        import svs

        parameters = svs.VamanaBuildParameters(
            graph_max_degree=2 * LINKS, window_size=BUILD_EFFORT, alpha=0.95
        )
        vectors = np.ascontiguousarray(self.gallery.vectors)
        index = svs.Vamana.build(parameters, vectors, svs.DistanceType.MIP, num_threads=1)
        index.save(*(str(self.folder / part) for part in ("config", "graph", "data")))

    def open(self) -> None:
        import svs

        data: Any = svs.VectorDataLoader(str(self.folder / "data"), svs.DataType.float32)
        if "GenuineIntel" in Path("/proc/cpuinfo").read_text(encoding="utf-8"):
            data = svs.LVQLoader(data, primary=4, residual=8)
        self._index = svs.Vamana(
            str(self.folder / "config"),
            svs.GraphLoader(str(self.folder / "graph")),
            data,
            svs.DistanceType.MIP,
            num_threads=1,
        )

    def search(self, query: Embeddings, k: int, effort: int) -> Rows:
        self._index.search_window_size = effort
        rows: Rows = self._index.search(query[np.newaxis], k)[0][0].astype(np.int64)
        return rows
