"""Measure what the audit log costs: recording a lookup, writing a batch, verifying the chain.

The database is migrated, and keeps the rows: name one that is made for this.

Example: python benchmarks/audit.py sqlite:////tmp/audit.db --rows 20000
"""

import argparse
import os
from datetime import UTC, datetime
from hashlib import sha256
from time import perf_counter

from indexer.audit_verification import verify_store
from indexer.store import open_store, upgrade
from search_api.jobs.lookup_audit import Lookup, LookupAudit, some


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("urls", nargs="+", help="databases")
    parser.add_argument("--rows", type=int, default=20_000, help="lookups recorded")
    given = parser.parse_args()
    print(f"{given.rows} rows, {os.cpu_count()} cores, {datetime.now(UTC):%Y-%m-%d}")
    for url in given.urls:
        upgrade(url)
        with open_store(url) as store:
            measure(
                url.partition(":")[0], LookupAudit(store, interval=1, capacity=10**9), given.rows
            )
            start = perf_counter()
            rows = verify_store(store, None, None, lambda *_: None).head.number
            print(f"  verify: {rows / (perf_counter() - start):,.0f} rows a second")


def measure(name: str, log: LookupAudit, rows: int) -> None:
    """Record lookups, then write them as the server's thread does, 1,000 in a transaction."""
    digests = [sha256(f"query {number}".encode()).hexdigest() for number in range(rows)]
    start = perf_counter()
    for digest in digests:
        found = {"tier": "exact", "banks": ("known-unsafe",), **some((17, 18))}
        log.record(Lookup.SEARCH, subject_id=digest, **found, k=10, asked=[], model=digests[0])
    recorded = perf_counter()
    log.flush()
    written = perf_counter() - recorded
    print(f"{name}\n  record: {1e6 * (recorded - start) / rows:.1f} µs a lookup")
    print(f"  write: {rows / written:,.0f} rows a second, {1e6 * written / rows:.0f} µs a row")


if __name__ == "__main__":
    main()
