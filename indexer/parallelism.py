"""How a process shares out its cores: our threads are many, the libraries' are one each.

Pictures are independent, so the cores are best kept busy by one thread a picture. torch and FAISS
would each start a team of OpenMP threads inside every one of ours, and the teams wait for each
other by spinning: measured on two busy cores, one forward pass took 1,044 ms that way and 33 ms
with one thread. NumPy's OpenBLAS has a team of its own, which also lets one caller in at a time:
with it, two threads of a server answered no more than one.
"""

import os
from typing import Final

_POLICY: Final = {
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "OPENBLAS_NUM_THREADS": "1",
}


def limit_library_threads() -> None:
    """Give the libraries one thread each, unless the environment says otherwise.

    The libraries read this when they are loaded: call it before numpy, torch or faiss is imported.
    """
    for name, value in _POLICY.items():
        os.environ.setdefault(name, value)
