"""How a process shares out its cores: our threads are many, the libraries' are one each.

Pictures are independent, so the cores are best kept busy by one thread a picture. torch and FAISS
would each start a team of OpenMP threads inside every one of ours, and the teams wait for each
other by spinning: measured on two busy cores, one forward pass took 1,044 ms that way and 33 ms
with one thread.
"""

import os
from typing import Final

_POLICY: Final = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


def limit_library_threads() -> None:
    """Give the libraries one thread each, unless the environment says otherwise.

    OpenMP reads its settings when it is loaded: call this before torch or faiss is imported.
    """
    for name, value in _POLICY.items():
        os.environ.setdefault(name, value)


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
