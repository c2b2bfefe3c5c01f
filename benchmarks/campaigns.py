"""Does the analyst's report name growing campaigns first? Five days of uploads, three campaigns.

The references of a benchmark are a gallery; three of them are entries of a block bank. Each day
uploads arrive: edited copies of the three, more every day, among the benchmark's own queries. A
family run follows each day, and one report the last. The clock is simulated: after each day every
moment in the database is moved back by one.

Example: python benchmarks/campaigns.py ../shared/bench/dev
"""

import argparse
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from sqlalchemy import bindparam, create_engine, select, update

from benchmark_folder import open_rgb
from dev_set import DEFAULT
from indexer.clustering.cluster_parameters import ClusterParameters
from indexer.clustering.runs import ClusterRunner
from indexer.embedding_space import bind_space
from indexer.evaluation import load_benchmark
from indexer.ingest import Ingest, find_or_create_bank, open_ingest
from indexer.reports import Report, ReportOptions, build_report
from indexer.runtime.cpu import limit_library_threads
from indexer.settings import Settings, load_settings
from indexer.sources import walk
from indexer.store import Store, open_store, upgrade
from indexer.store.models import AuditRow, Base
from indexer.store.models.columns import UtcDateTime
from indexer.types import ClusterAlgorithm, ClusterScope
from picture_edits import ORDINARY

BANK = "known"
CAMPAIGNS = ((2, 4, 8, 16, 32), (3, 6, 9, 12, 15), (1, 1, 2, 8, 24))
"""Copies of each campaign's picture, day by day."""
TOLD = 8  # clusters that are printed
SEED = 14


def edited(path: Path, random: np.random.Generator) -> bytes:
    """Return a copy of a picture with two edits, as a JPEG."""
    picture = open_rgb(path)
    for place in random.choice(len(ORDINARY), 2, replace=False):
        picture, _ = ORDINARY[place](picture, random)
    buffer = BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=int(random.integers(60, 95)))
    return buffer.getvalue()


def let_a_day_pass(store_url: str) -> None:
    """Move every moment in the database back by a day, but for the audit log, which is for good."""
    engine = create_engine(store_url)
    with engine.begin() as connection:
        for table in Base.metadata.sorted_tables:
            keys = list(table.primary_key.columns)
            moments = [column for column in table.columns if isinstance(column.type, UtcDateTime)]
            if not moments or table is AuditRow.__table__:
                continue
            statement = (
                update(table)
                .where(*(key == bindparam(f"key_{key.name}") for key in keys))
                .values({moment: bindparam(f"new_{moment.name}") for moment in moments})
            )
            moved = [
                {f"key_{key.name}": value for key, value in zip(keys, row, strict=False)}
                | {
                    f"new_{moment.name}": value and value - timedelta(days=1)
                    for moment, value in zip(moments, row[len(keys) :], strict=True)
                }
                for row in connection.execute(select(*keys, *moments)).all()
            ]
            if moved:
                connection.execute(statement, moved)
    engine.dispose()


def upload(ingest: Ingest, folder: Path, files: dict[str, bytes]) -> None:
    """Write a day's uploads into a folder and index it."""
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    ingest.run(walk([folder]))


def simulate(source: Path, uploads: int, settings: Settings) -> tuple[Report, list[str]]:
    """Return the report after the last day, and the pictures of the campaigns."""
    benchmark, random = load_benchmark(source), np.random.default_rng(SEED)
    asked = [case for case in benchmark.cases if case.reference]
    planted = sorted({case.reference for case in asked if case.reference})
    planted = [planted[row] for row in random.choice(len(planted), len(CAMPAIGNS), replace=False)]
    ordinary = [case.query for case in benchmark.cases if case.reference not in planted]
    random.shuffle(ordinary)
    url = settings.resolved_database_url
    upgrade(url)
    with open_store(url) as store:
        bind_space(store, settings)
        ingest = open_ingest(store, settings)
        bank, _ = find_or_create_bank(store, BANK)
        ingest.run(walk([benchmark.path(name) for name in planted]), bank_id=bank.id)
        ingest.run(walk([benchmark.path(name) for name in benchmark.references]))
        _cluster(store, settings)
        for day, counts in enumerate(zip(*CAMPAIGNS, strict=True), 1):
            let_a_day_pass(url)
            files = {
                f"campaign-{place}-{number}.jpg": edited(benchmark.path(planted[place]), random)
                for place, count in enumerate(counts)
                for number in range(count)
            }
            for name in ordinary[: uploads - len(files)]:
                files[Path(name).name] = benchmark.path(name).read_bytes()
            del ordinary[: uploads - sum(counts)]
            upload(ingest, settings.home / f"day-{day}", files)
            _cluster(store, settings)
        return build_report(store, settings, options=ReportOptions()), planted


def _cluster(store: Store, settings: Settings) -> None:
    ClusterRunner(store, settings).run(
        ClusterAlgorithm.FAMILIES, ClusterScope(), ClusterParameters()
    )


def main() -> None:
    """Print the clusters that the report names first."""
    limit_library_threads()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=DEFAULT)
    parser.add_argument("--uploads", type=int, default=300, help="pictures a day")
    arguments = parser.parse_args()
    with TemporaryDirectory(prefix="lookalike-campaigns-") as home:
        settings = load_settings().model_copy(update={"home": Path(home), "database_url": None})
        report, planted = simulate(arguments.folder, arguments.uploads, settings)
    names = [Path(name).name for name in planted]
    totals = [sum(counts) + 1 for counts in CAMPAIGNS]
    print(f"{report.summary.images:,} images in {report.summary.clusters:,} clusters.\n")
    print("| place | medoid | campaign, its images | images | joined on the last day |")
    print("|---|---|---|---|---|")
    for place, cluster in enumerate(report.clusters[:TOLD], 1):
        medoid = Path(cluster.medoid.source or "").name
        campaign = next((c for c, name in enumerate(names) if name == medoid), None)
        if campaign is None and medoid.startswith("campaign-"):
            campaign = int(medoid.split("-")[1])
        told = "" if campaign is None else f"{campaign + 1}, {totals[campaign]}"
        joined = cluster.size - (cluster.size_before or 0)
        print(f"| {place} | {medoid} | {told} | {cluster.size} | {joined} |")


if __name__ == "__main__":
    main()
