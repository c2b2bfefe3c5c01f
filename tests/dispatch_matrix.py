"""Run the numeric tests as other processors would: `make test-dispatch`.

The libraries choose their code by the processor, and add up in another order with each choice. Here
each is told in turn to take what it would take elsewhere; what a test expects must hold with every
one of them. Each run prints a line: what was chosen, how many tests passed and failed, the seconds.

    python tests/dispatch_matrix.py             # all of them
    python tests/dispatch_matrix.py faiss-avx2  # some of them
    python tests/dispatch_matrix.py --whole "an old processor"  # every test of `make test`
    python tests/dispatch_matrix.py --list
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
ONE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
TWO = dict.fromkeys(ONE, "2")
UNFUSED = {"TEST_ONNX_OPTIMISATION": "none"}
CHOSEN = re.compile(r"OMP_|MKL_|OPENBLAS_|NPY_|FAISS_|ATEN_|DNNL_|ONEDNN_|OPENCV_|GLIBC_TUN|JSIMD_")
"""What the environment may say already, on some machines; each run begins without."""
_NUMERIC = ["-m", "numeric and not slow", "-k", "not postgres"]
SUMMARY = re.compile(r"(\d+) (passed|failed|error)")


def numpy_features() -> list[str]:
    """Return the sets of instructions beyond its least that NumPy would use on this processor."""
    from numpy._core import _multiarray_umath as umath

    known: Mapping[str, bool] = umath.__cpu_features__
    return [name for name in umath.__cpu_dispatch__ if known.get(name)]


def dispatches() -> dict[str, dict[str, str]]:
    """Return the environment of each run by its name."""
    features = numpy_features()
    wide = [name for name in features if "512" in name or name == "X86_V4"]
    old = {
        "NPY_DISABLE_CPU_FEATURES": " ".join(features),
        "OPENBLAS_CORETYPE": "Nehalem",
        "FAISS_OPT_LEVEL": "generic",
        "ATEN_CPU_CAPABILITY": "default",
        "MKL_CBWR": "COMPATIBLE",
        "DNNL_MAX_CPU_ISA": "SSE41",
        "OPENCV_CPU_DISABLE": "AVX512-SKX,AVX2,FP16,AVX",
        "OPENCV_IPP": "disabled",
        "JSIMD_FORCENONE": "1",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX2,-FMA",
    }
    runs = {"as it is": {}, "two threads": TWO}
    if wide:
        runs["numpy-avx2"] = {"NPY_DISABLE_CPU_FEATURES": " ".join(wide)}
    runs["numpy-least"] = {"NPY_DISABLE_CPU_FEATURES": " ".join(features)}
    for core in ("Nehalem", "Haswell", "Zen", "SkylakeX"):
        runs[f"openblas-{core.lower()}"] = {"OPENBLAS_CORETYPE": core}
    for level in ("generic", "avx2", "avx512"):
        runs[f"faiss-{level}"] = {"FAISS_OPT_LEVEL": level}
    runs["torch-default"] = {"ATEN_CPU_CAPABILITY": "default", "DNNL_MAX_CPU_ISA": "SSE41"}
    runs["torch-avx2"] = {"ATEN_CPU_CAPABILITY": "avx2", "DNNL_MAX_CPU_ISA": "AVX2"}
    runs["onnx-unfused"] = UNFUSED
    runs["an old processor"] = old
    runs["an old processor, two threads, unfused"] = {**old, **TWO, **UNFUSED}
    return runs


def clean_environment() -> dict[str, str]:
    """Return the environment without what is chosen here."""
    return {name: value for name, value in os.environ.items() if not CHOSEN.match(name)}


def run(name: str, chosen: Mapping[str, str], exports: str, options: list[str]) -> Iterator[str]:
    """Run the tests and yield the line of the table, then what failed."""
    environment = {**clean_environment(), **ONE, "TEST_EXPORTS": exports, **chosen}
    path = [str(ROOT / "tests"), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, path))
    command = [sys.executable, "-m", "pytest", "-q"]
    begun = time.monotonic()
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", "-p", "support.unfused", *options],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - begun
    counts = {kind: int(count) for count, kind in SUMMARY.findall(done.stdout.rpartition("\n=")[2])}
    lines = done.stdout.splitlines()
    counts = counts or {kind: int(n) for n, kind in SUMMARY.findall(lines[-1] if lines else "")}
    failed = counts.get("failed", 0) + counts.get("error", 0) or (done.returncode and "no tests")
    yield f"{name:<42}{counts.get('passed', 0):>7}{failed:>8}{seconds:>9.0f}"
    yield from (line for line in lines if line.startswith(("FAILED", "ERROR")))
    if done.returncode and not counts:
        yield done.stdout[-2000:] + done.stderr[-2000:]


def main() -> int:
    """Run what was asked for and print the table; 1 where anything failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="runs to make; all by default")
    parser.add_argument("--list", action="store_true", help="name the runs and what they set")
    parser.add_argument("--whole", action="store_true", help="run every test of `make test`")
    parser.add_argument("--pytest", default="-n 2 --dist loadfile", help="options for pytest")
    asked = parser.parse_args()
    runs = dispatches()
    if unknown := set(asked.names) - set(runs):
        parser.error(f"no run is called {', '.join(sorted(unknown))}; --list names them")
    if asked.list:
        for name, chosen in runs.items():
            print(f"{name:<42}{' '.join(f'{k}={v!r}' for k, v in chosen.items())}")
        return 0
    print(f"{'code of':<42}{'passed':>7}{'failed':>8}{'seconds':>9}", flush=True)
    options = [*([] if asked.whole else _NUMERIC), *asked.pytest.split()]
    clean = True
    with tempfile.TemporaryDirectory() as exports:
        kept = os.environ.get("TEST_EXPORTS", exports)  # of models, by all runs
        for name in asked.names or runs:
            line, *rest = run(name, runs[name], kept, options)
            clean = clean and not rest
            print("\n".join([line, *rest]), flush=True)
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
