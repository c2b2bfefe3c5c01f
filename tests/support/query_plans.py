"""Query plans: a database with many rows, and what its planner says of every statement."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, event, text

from indexer.runtime.actor import Actor
from indexer.store import Store, Writer
from indexer.store.models import Base
from indexer.types import AuditEvent

SMALL: Final = frozenset(
    {
        "alembic_version",
        "api_keys",
        "bank_ratios",
        "banks",
        "catalog_info",
        "cluster_runs",
        "ingest_jobs",
        "maps",
        "personal_settings",
        "policies",
        "retro_scans",
        "saved_views",
        "signal_types",
        "spaces",
        "template_learning",
        "templates",
        "threshold_cards",
        "webhooks",
    }
)
"""Tables of a few rows, whatever the index holds: a scan of them costs nothing."""
GROWING: Final = frozenset(Base.metadata.tables) - SMALL
_PLANNED: Final = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", re.IGNORECASE)
_ALL: Final = re.compile(r"DELETE FROM \w+$")
_FIRST: Final = re.compile(r"(?!.*\sWHERE\s).*\sORDER BY .*\sLIMIT\s", re.DOTALL)
"""Statements about the first rows alone; SQLite calls it a scan, too, if the table has an order."""
_SCAN: Final = re.compile(r"SCAN (\w+)(?! USING)")
_FUNCTIONS: Final = {
    "postgresql": {
        "digest": "sha256(n::text::bytea)",
        "short": "substr(sha256(n::text::bytea), 1, 16)",
        "vector": "'\\x{}'::bytea",
        "yes": "true",
        "no": "false",
        "noise": "(n % 997 * 7919) % 1000",
        "late": "(timestamptz '2036-01-01 00:00:00+00:00' + n * interval '1 minute')",
        "moment": "(timestamptz '2026-01-01 00:00:00+00:00' + n * interval '1 minute')",
    },
    "sqlite": {
        "digest": "CAST(printf('%032d', n) AS BLOB)",
        "short": "CAST(printf('%016d', n) AS BLOB)",
        "vector": "x'{}'",
        "yes": "1",
        "no": "0",
        "noise": "(n % 997 * 7919) % 1000",
        "late": "strftime('%Y-%m-%d %H:%M:%S.000000', '2036-01-01', '+' || n || ' minutes')",
        "moment": "strftime('%Y-%m-%d %H:%M:%S.000000', '2026-01-01', '+' || n || ' minutes')",
    },
}
_ROWS: Final = """
images (id, sha256, md5, pdq, pdq_quality, width, height, format, frame_count, byte_size,
    created_at, removed_at)
    SELECT n, {digest}, {short}, {digest}, 100, 6, 4, 'PNG', 1, 9, {moment}, CASE n % 50 WHEN
    0 THEN {moment} END FROM numbers;
sources (id, image_id, uri, uri_sha256, version, first_seen_at, closed_at)
    SELECT n, n, '/pictures/' || n, {digest}, '', {moment}, CASE n % 50 WHEN 0 THEN {moment}
    END FROM numbers;
parts (image_id, part, kind, number, pdq, pdq_quality)
    SELECT n, 1, 'frame', 1, {digest}, 100 FROM numbers;
embeddings (image_id, space_id, part, vector)
    SELECT n, 1, 0, {vector} FROM numbers;
embeddings (image_id, space_id, part, vector)
    SELECT n, 1, 1, {vector} FROM numbers;
embeddings (image_id, space_id, part, vector)
    SELECT n, space, 0, {vector} FROM numbers, (SELECT 2 AS space UNION ALL SELECT 3) AS others;
classifications (image_id, space_id, part, top_label, probabilities)
    SELECT n, space, 0, 'photo', '{{}}'
    FROM numbers, (SELECT 1 AS space UNION ALL SELECT 2 UNION ALL SELECT 3) AS every;
semantic_embeddings (image_id, space_id, vector)
    SELECT n, space, {half}
    FROM numbers, (SELECT 1 AS space UNION ALL SELECT 2 UNION ALL SELECT 3) AS every;
thumbnails (image_id, jpeg)
    SELECT n, {digest} FROM numbers;
local_features (image_id, packed)
    SELECT n, {digest} FROM numbers;
templates (id, state, mask, created_at, updated_at)
    SELECT n, 'found', {digest}, {moment}, {moment} FROM numbers WHERE n <= 100;
template_members (image_id, template_id)
    SELECT n, n % 100 + 1 FROM numbers;
quarantine (id, uri, uri_sha256, code, reason, first_seen_at, last_seen_at)
    SELECT n, '/bad/' || n, {digest}, 'unreadable', 'why', {moment}, {moment} FROM numbers;
changes (number, subject, subject_id, operation, created_at)
    SELECT n + 1000, CASE n % 100 WHEN 0 THEN 'entry' ELSE 'image' END, n, 'added', {moment} FROM
    numbers;
entries (id, bank_id, image_id, created_at, removed_at, removed_by)
    SELECT n, CASE n % 500 WHEN 1 THEN 2 ELSE 1 END, n, {moment}, CASE n % 50 WHEN 0 THEN
    {moment} END, CASE n % 50 WHEN 0 THEN 'user' END FROM numbers;
entries (id, bank_id, fingerprint_kind, fingerprint, source, external_id, created_at)
    SELECT n + {rows}, 1, 'pdq', {digest}, 'list', 'id-' || n, {moment} FROM numbers;
contents (entry_id, content_id)
    SELECT n, n FROM numbers;
entry_hits (entry_id, hour, hits)
    SELECT n, {moment}, 1 FROM numbers;
flood_flags (id, entry_id, flagged_at, window_start, hits, expected, state)
    SELECT n, n, {moment}, {moment}, 9, 1, 'open' FROM numbers;
clusters (id, name, created_at)
    SELECT n, '', {moment} FROM numbers;
run_clusters (run_id, cluster_id, size, medoid_id, exemplars, radius, max_pair_distance,
    medoid, first_seen, last_seen, growth_per_day)
    SELECT 1, n, {noise}, n, '[]', 0, 0, {vector}, {moment}, {moment}, 0 FROM numbers;
cluster_members (run_id, image_id, cluster_id, probability, outlier_score)
    SELECT 1, n, n, 1, 0 FROM numbers;
cluster_lineage (id, run_id, event, cluster_id, shared, size_before, size_after)
    SELECT n, 1, 'new', n, 0, 0, 1 FROM numbers;
cluster_actions (id, cluster_id, run_id, kind, detail, created_at)
    SELECT n, n, 1, 'note', '{{"said": {{}}}}', {moment} FROM numbers;
decisions (id, query_sha256, entry_id, outcome, created_at)
    SELECT n, {digest}, n, 'confirmed', {moment} FROM numbers;
retro_matches (id, scan_id, entry_id, image_id, tier, decided_by, created_at)
    SELECT n, 1, n, n, 'lookalike', 'pdq', {moment} FROM numbers;
verdicts (id, at, query_sha256, tier, evidence)
    SELECT n, {moment}, {digest}, 'none', '{{}}' FROM numbers;
review_items (id, queue, state, rank, query_sha256, image_id, entry_id, bank_id, parent_id,
    root_id, created_at, due_at, decided_by, decided_at)
    SELECT n, 'retro_match', CASE n % 4 WHEN 0 THEN 'open' ELSE 'decided' END, 1, {digest}, n,
    n, 1, n, n, {moment}, {moment}, CASE n % 4 WHEN 0 THEN NULL ELSE 'key 1' END, CASE n % 4 WHEN 0
    THEN NULL ELSE {moment} END FROM numbers;
review_pictures (item_id, jpeg)
    SELECT n, {digest} FROM numbers;
ingest_jobs (id, name, options, created_at)
    SELECT n + 1, 'job ' || n, '{{}}', {moment} FROM numbers WHERE n < 100;
ingest_parts (id, job_id, number, label, content, state, attempts, processed, added, skipped)
    SELECT n, n % 100 + 1, n, '', CASE n % 50 WHEN 0 THEN {digest} END,
    CASE n % 50 WHEN 0 THEN 'waiting' ELSE 'done' END, 0, 0, 0, 0 FROM numbers;
reveals (id, person, name, image_id, reason, created_at, expires_at)
    SELECT n, 'key ' || (n % 20), 'jo', n, '', {moment}, {moment} FROM numbers;
sessions (id, token_sha256, key_id, created_at, expires_at, last_seen_at)
    SELECT n, {digest}, 1, {moment}, {late}, {moment} FROM numbers;
answers (caller, key, request_sha256, status, body, created_at)
    SELECT 'caller', 'key-' || n, {digest}, 200, {digest}, {late} FROM numbers;
webhook_deliveries (id, webhook_id, message_id, event, payload, created_at, attempts,
    next_attempt_at, delivered_at)
    SELECT n, 1, 'm', 'ping', '{{}}', {moment}, 1, CASE n % 50 WHEN 0 THEN {moment} END, CASE
    n % 50 WHEN 0 THEN NULL ELSE {moment} END FROM numbers;
"""
"""What is inserted into each table, of `numbers(n)`."""


def fill(writer: Writer, rows: int, dimension: int) -> None:
    """Put so many rows into every growing table, and fewer into the audit log.

    These are images 1 to `rows`, and one of all else for each.
    Each is a minute younger than the one before. Spaces 1 to 3, banks 1 and 2, cluster run 1,
    retro-scan 1, ingest job 1, key 1 and webhook 1 must be there.
    """
    connection = writer.connection
    is_postgres = connection.dialect.name == "postgresql"
    values = dict(_FUNCTIONS[connection.dialect.name])
    blob = values.pop("vector")
    values |= {
        "vector": blob.format("00" * 4 * dimension),
        "half": blob.format("00" * 2 * dimension),
        "rows": str(rows),
    }
    series = f"SELECT generate_series(1, {rows})"
    counted = f"SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows}"
    numbers = f"WITH RECURSIVE numbers(n) AS ({series if is_postgres else counted})"
    for inserted in _ROWS.format(**values).split(";")[:-1]:
        target, _, selected = inserted.partition("    SELECT")
        statement = f"INSERT INTO {target} {numbers} SELECT {selected}"
        connection.exec_driver_sql(statement.replace("%", "%%") if is_postgres else statement)
    if is_postgres:
        for table in GROWING & {t.name for t in Base.metadata.sorted_tables if "id" in t.c}:
            sequence = f"pg_get_serial_sequence('{table}', 'id')"
            connection.execute(text(f"SELECT setval({sequence}, max(id)) FROM {table}"))
    nobody, at = Actor("user", "me"), datetime(2026, 1, 1, tzinfo=UTC)
    writer.audit.append(
        [AuditEvent(at, nobody, None, "test", "image", str(n)) for n in range(rows // 4)]
    )


def analyse(store: Store) -> None:
    """Let the planner know how much there is."""
    with store.writer() as writer:
        writer.connection.execute(text("ANALYZE"))


@dataclass
class Plans:
    """The growing tables that statements read from end to end."""

    scans: dict[str, set[str]] = field(default_factory=dict)
    """Tables by the statement that reads all of them."""
    explained: int = 0


@contextmanager
def explaining() -> Iterator[Plans]:
    """Explain every statement within the block, before it is executed."""
    plans, seen, busy = Plans(), set[str](), False

    def explain(
        connection: Connection,
        _cursor: object,
        statement: str,
        parameters: Any,
        _context: object,
        many: bool,
    ) -> None:
        nonlocal busy
        is_planned = _PLANNED.match(statement) and not _ALL.match(statement)
        if busy or many or statement in seen or not is_planned:
            return
        busy = True
        try:
            found = _scanned(connection, statement, parameters)
        finally:
            busy = False
        seen.add(statement)
        plans.explained += 1
        if found:
            plans.scans[" ".join(statement.split())] = found

    event.listen(Engine, "before_cursor_execute", explain)
    try:
        yield plans
    finally:
        event.remove(Engine, "before_cursor_execute", explain)


def _scanned(connection: Connection, statement: str, parameters: Any) -> set[str]:
    """Return the growing tables that a statement would read without an index."""
    if connection.dialect.name == "sqlite":
        if _FIRST.match(statement):
            return set()
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return _tables(statement, {match[1] for row in rows if (match := _SCAN.match(row.detail))})
    explained = f"EXPLAIN (FORMAT JSON) {statement}"
    plan = connection.exec_driver_sql(explained, parameters).scalar_one()
    return set(_sequential((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]))


def _tables(statement: str, names: set[str]) -> set[str]:
    """Return the growing tables among names, some of which are aliases of tables."""
    aliases = dict(re.findall(r"(\w+) AS (\w+)", statement))
    by_alias = {alias: table for table, alias in aliases.items()}
    return {by_alias.get(name, name) for name in names} & GROWING


def _sequential(node: dict[str, Any]) -> Iterator[str]:
    if node["Node Type"] == "Seq Scan":
        table, _, _ = node["Relation Name"].partition("_of_")  # of a partition
        if table in GROWING:
            yield table
    inner: Sequence[dict[str, Any]] = node.get("Plans", ())
    for child in inner:
        yield from _sequential(child)
