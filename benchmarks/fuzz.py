"""Make up requests by the OpenAPI document, fitting and unfitting ones, and count the answers.

Each operation gets as many, half of them with data that fits; none may be answered 500, or time
out. What Schemathesis makes up depends on the seed alone.

Example: python benchmarks/fuzz.py photos --calls 26000
"""

import argparse
import os
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from serving import make_index, ours, server

MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


def fuzz(operation: Any, mode: GenerationMode, url: str, calls: int, number: int) -> Counter[int]:
    """Send requests to one operation; count the answers by status, what hangs up as 0."""
    statuses: Counter[int] = Counter()

    @seed(number)
    @given(operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=calls,
        derandomize=False,  # as Hypothesis has it where it believes to be in CI
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def send(case: Any) -> None:
        try:
            response = case.call(base_url=url, timeout=30)
        except requests.RequestException as error:
            statuses[0] += 1
            print(f"{operation.label}: {error!r}"[:300])
            return
        statuses[response.status_code] += 1
        if response.status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
            print(f"{operation.label}: {case.as_curl_command()}"[:2000])

    try:
        send()
    except Unsatisfiable:
        print(f"{operation.label}: nothing about it can be {mode.value}")
    return statuses


def main() -> None:
    """Serve and ask."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path, help="a folder of a few, to index and to send")
    parser.add_argument("--calls", type=int, default=26_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    paths = sorted(options.pictures.glob("*.jpg"), key=lambda path: path.stat().st_size)
    sent = [path.read_bytes() for path in paths[:3]]
    schemathesis.openapi.format("binary", st.sampled_from([*sent, sent[0][:500], b"text", b""]))
    begun, total = time.monotonic(), Counter[int]()
    with tempfile.TemporaryDirectory() as home:
        environment = make_index(Path(home), options.pictures) | {
            "LOOKALIKE_SERVE_REQUESTS_PER_SECOND": "0"
        }
        with server(ours(1), environment) as served:
            schema = schemathesis.openapi.from_url(f"{served.url}/openapi.json")
            schema.config.generation.with_security_parameters = False
            operations = [found.ok() for found in schema.get_all_operations()]
            each = -(-options.calls // (len(MODES) * len(operations)))
            for operation in operations:
                for mode in MODES:
                    total += fuzz(operation, mode, served.url, each, options.seed)
            requests.get(f"{served.url}/readyz", timeout=30).raise_for_status()
    seconds = time.monotonic() - begun
    print(f"{datetime.now(UTC):%Y-%m-%d} · {os.cpu_count()} cores · {seconds:.0f} s")
    print(f"{sum(total.values())} calls to {len(operations)} operations")
    print("| status | answers |")
    print("|---|---|")
    for status, count in sorted(total.items()):
        print(f"| {status or 'none: hung up or late'} | {count} |")


if __name__ == "__main__":
    main()
