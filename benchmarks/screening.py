"""Measure what screening costs a generator.

A folder is indexed as one block bank. Then a pipeline makes the same pictures in turns: alone,
screened with the index in its own process, and screened by a server of this machine. Counted are
the pictures, the matches made for them (of the server: the searches asked for), and the seconds of
the clock and of this process's cores.
After that pictures of several sizes are screened alone, which is what screening adds to a generator
of any speed.

Example: python benchmarks/screening.py ../shared/bench/dev/refs --turns 6
"""

import argparse
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

from indexer.runtime.cpu import limit_library_threads

limit_library_threads()

from PIL import Image

from indexer.generation.index_screener import open_screener
from indexer.generation.pipelines import load_pipeline
from indexer.generation.screened_pipeline import ScreenedPipeline
from indexer.generation.screening import Screener, screen_all
from indexer.generation.tiny import TINY
from indexer.matching import Matcher
from indexer.settings import Settings
from search_api.client import Lookalike
from search_api.client.server_screener import ServerScreener
from serving import make_index, ours, server

PROMPT = "red apple"
SIZES = (64, 512, 1024)
ROUNDS = 15


def main() -> None:
    """Print a table for the pipeline, and one for pictures of several sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="pictures of the block bank")
    parser.add_argument("--pipeline", default=TINY, help="folder of a pipeline")
    parser.add_argument("--pictures", type=int, default=4, help="pictures a call")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--turns", type=int, default=6)
    arguments = parser.parse_args()
    pipe = load_pipeline(arguments.pipeline)
    pipe.set_progress_bar_config(disable=True)
    with tempfile.TemporaryDirectory() as home:
        environment = make_index(Path(home), arguments.folder)
        settings = Settings(home=Path(home))
        with (
            open_screener(settings) as local,
            server(ours(1), environment) as served,
            Lookalike(served.url) as api,
        ):
            screeners = {"with the index": local, "by a server": ServerScreener(api)}
            compare(pipe, screeners, arguments)
            time_sizes(screeners, sorted(arguments.folder.glob("*.jpg"))[:ROUNDS])


def compare(pipe: Any, screeners: dict[str, Screener], arguments: argparse.Namespace) -> None:
    """Make the same pictures in every way, turn by turn."""
    ways: dict[str, Any] = {"alone": pipe}
    ways |= {name: ScreenedPipeline(pipe, each) for name, each in screeners.items()}
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    matches: Counter[str] = Counter()
    wanted = {"num_images_per_prompt": arguments.pictures, "num_inference_steps": arguments.steps}
    for turn in range(arguments.turns + 1):  # the first one warms up
        for name, way in ways.items():
            with (
                counted(Matcher, "answer", matches, name),
                counted(Lookalike, "search", matches, name),
            ):
                cost = timed(lambda way=way: way(PROMPT, **wanted))
            if turn:
                spent[name].append(cost)
    total = arguments.turns * arguments.pictures
    print(f"{total} pictures of {arguments.steps} steps each way, {arguments.pictures} a call")
    print("way, pictures a second, seconds of our process a picture, matches a picture")
    for name, costs in spent.items():
        clock, processor = (sum(each) for each in zip(*costs, strict=True))
        made = matches[name] / (total + arguments.pictures)
        print(f"{name}, {total / clock:.2f}, {processor / total:.3f}, {made:g}")


def time_sizes(screeners: dict[str, Screener], photos: list[Path]) -> None:
    """Screen photos of several sizes, one at a time, by each screener in turns."""
    print("screener, side, ms of the clock, ms of our process (medians)")
    for side in SIZES:
        spent: dict[str, list[tuple[float, float]]] = {name: [] for name in screeners}
        for path in photos:
            with Image.open(path) as photo:
                picture = photo.convert("RGB").resize((side, side))
            for name, screener in screeners.items():
                spent[name].append(timed(lambda s=screener, p=picture: screen_all(s, [p])))
        for name, costs in spent.items():
            clock, processor = (median(each) * 1000 for each in zip(*costs, strict=True))
            print(f"{name}, {side}, {clock:.0f}, {processor:.0f}")


def counted(
    owner: type, method: str, calls: Counter[str], name: str
) -> AbstractContextManager[object]:
    """Count the calls of a method during the block."""
    call = getattr(owner, method)

    def count(*arguments: Any) -> Any:
        calls[name] += 1
        return call(*arguments)

    return patch.object(owner, method, count)


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds of a call by the clock and by this process's cores."""
    clock, cores = time.perf_counter(), sum(os.times()[:2])
    call()
    return time.perf_counter() - clock, sum(os.times()[:2]) - cores


if __name__ == "__main__":
    main()
