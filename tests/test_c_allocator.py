"""The memory of an ordinary picture is kept for the next one; that of a large one is returned."""

import platform
import subprocess
import sys

import pytest

MEASURE = """
from resource import RUSAGE_SELF, getrusage
from indexer.runtime.c_allocator import keep_small_blocks

def work(megabytes):
    for _ in range(20):
        b"x" * (megabytes * 1_000_000)

def faults(megabytes):
    work(megabytes)
    before = getrusage(RUSAGE_SELF).ru_minflt
    work(megabytes)
    return getrusage(RUSAGE_SELF).ru_minflt - before

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

keep_small_blocks()
before = resident()
large = faults(40)
print(faults(10), large, resident() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these options")
def test_freed_memory_is_kept_but_for_that_of_large_pictures() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True
    )

    ordinary, large, kept = map(int, done.stdout.split())
    assert ordinary < 500  # pages; each of 20 blocks has 2,441
    assert large > 20 * 500
    assert kept < 25_000_000
