"""Arithmetic of scale.py: hosts, memory, disk and cost, from measured constants."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log
from pathlib import Path
from typing import Any, Final

GB: Final = 1e9  # bytes
MILLION: Final = 1_000_000
DAY: Final = 86_400  # seconds
HOUR: Final = 3_600
QUERIES: Final = 1_000  # a second, that rows are counted for


@dataclass(frozen=True, slots=True)
class Constant:
    """A figure as it was measured and published."""

    name: str
    value: float
    unit: str
    source: str  # link from docs/


@dataclass(frozen=True, slots=True)
class Engine:
    """What an image costs in a tier or an engine."""

    name: str
    memory: float  # bytes an image
    disk: float  # bytes an image, without the catalog
    queries: tuple[tuple[int, float], ...]  # vectors, and processor milliseconds a query
    exponent: float
    """Power of the number of vectors with which those milliseconds grow."""
    is_spread: bool  # whether it divides vectors among hosts; else each host holds all
    most: int  # vectors that it is meant for

    def milliseconds(self, vectors: float) -> float:
        """Return the processor time of one query, from the largest size that was measured."""
        measured, time = max(self.queries)
        return float(time * (vectors / measured) ** self.exponent)


@dataclass(frozen=True, slots=True)
class Row:
    """One number of images in one tier or engine."""

    images: int
    engine: Engine
    memory: float  # GB, once
    disk: float  # GB, once, with the catalog
    holding: int  # hosts that hold all of it once
    milliseconds: float  # of processor time, one query
    cores: float  # for `QUERIES` queries a second
    hosts: int  # for those, copies included
    storage: float  # a month, once
    serving: float  # a month, all hosts' cores, memory and disk for `QUERIES` queries a second
    bottleneck: str


def read_constants(inputs: Mapping[str, Any], root: Path) -> dict[str, Constant]:
    """Find each measured constant in the page that publishes it.

    Raises
    ------
    SystemExit
        A page does not hold what a pattern looks for.
    """
    constants = {}
    for name, entry in inputs["measured"].items():
        found = re.search(entry["pattern"], (root / entry["page"]).read_text(encoding="utf-8"))
        if not found:
            raise SystemExit(
                f"{entry['page']} has nothing like {entry['pattern']!r}, which scale.toml names as "
                f"the source of {name}. Correct the pattern."
            )
        published = float(found[1].replace(",", ""))
        value = published * entry.get("times", 1) - entry.get("minus", 0)
        link = f"../{entry['page']}#{entry['heading']}"
        constants[name] = Constant(entry["what"], value, entry["unit"], link)
    return constants


def read_engines(inputs: Mapping[str, Any], known: Mapping[str, Constant]) -> dict[str, Engine]:
    """Make the engines from measured constants."""
    engines = {}
    for key, entry in inputs["engines"].items():
        queries = tuple((size, known[name].value) for size, name in entry["queries"])
        engines[key] = Engine(
            entry["name"],
            known[entry["memory"]].value,
            known[entry["disk"]].value,
            queries,
            entry["exponent"] if "exponent" in entry else growth(queries),
            entry["is_spread"],
            entry["most"],
        )
    return engines


def growth(queries: Sequence[tuple[int, float]]) -> float:
    """Return the power between the smallest and the largest size that were measured."""
    (few, quick), (many, slow) = min(queries), max(queries)
    return log(slow / quick) / log(many / few)


def compute_row(images: int, engine: Engine, catalog: float, inputs: Mapping[str, Any]) -> Row:
    """Count hosts and cost.

    Parameters
    ----------
    images : int
    engine : Engine
    catalog : float
        Bytes an image takes in the database.
    inputs : mapping
        Prices and the host.
    """
    host, prices = inputs["host"], inputs["prices"]
    memory = images * engine.memory / GB
    disk = images * (engine.disk + catalog) / GB
    by_memory = memory / (host["ram_gb"] * host["filled"])
    by_disk = disk / (host["nvme_gb"] * host["filled"])
    holding = ceil(max(by_memory, by_disk))
    if not engine.is_spread and (holding > 1 or images > engine.most):
        raise SystemExit(
            f"{images:,} images do not fit one host in {engine.name}. Choose an engine that is "
            "spread over hosts, or a larger host, in scale.toml."
        )
    # Each host that holds a part answers every query about its part.
    milliseconds = holding * engine.milliseconds(images / holding)
    cores = milliseconds * QUERIES / 1000
    by_cores = cores / host["cores"]
    copies = ceil(by_cores / holding)
    storage = memory * prices["ram_gb_month"] + disk * prices["nvme_gb_month"]
    work = cores * prices["core_hour"] * prices["hours_a_month"]
    shares = {"processors": by_cores, "memory": by_memory, "disk": by_disk}
    return Row(
        images=images,
        engine=engine,
        memory=memory,
        disk=disk,
        holding=holding,
        milliseconds=milliseconds,
        cores=cores,
        hosts=holding * copies,
        storage=storage,
        serving=work + storage * copies,
        bottleneck=max(shares, key=lambda resource: shares[resource]),
    )


@dataclass(frozen=True, slots=True)
class Indexing:
    """What it takes to embed images."""

    images_a_second: float  # one worker
    cores: int  # of a worker
    workers: int
    per_million: float  # cost

    def days(self, images: float) -> float:
        """Return how long all workers take."""
        return images / (self.images_a_second * self.workers) / DAY


def compute_indexing(inputs: Mapping[str, Any], known: Mapping[str, Constant]) -> Indexing:
    """Count the time and cost of embedding."""
    workers, price = inputs["workers"], inputs["prices"]["core_hour"]
    rate = known["images_a_second"].value
    per_million = MILLION / rate * workers["cores"] * price / HOUR
    return Indexing(rate, workers["cores"], workers["count"], per_million)
