"""What is installed is what was tested: the lock files hold every version to a hash."""

import re
import sys
import tomllib
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from platform import machine
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT: Final = Path(__file__).parents[1]
LOCKS: Final = {"requirements.lock": ["dev"], "docker/requirements.lock": ["otel", "verify"]}
_LINE: Final = re.compile(r"([a-z0-9.-]+)==(\S+) \\\n {4}--hash=sha256:[0-9a-f]{64}")


def pinned(name: str) -> dict[str, str]:
    text = "".join(
        line
        for line in (ROOT / name).read_text().splitlines(keepends=True)
        if not line.startswith("#")
    )
    if name.endswith(".lock"):
        assert not _LINE.sub("", text).strip(), "a line is no requirement with a hash"
        found = _LINE.findall(text)
    else:
        found = [line.split("==") for line in text.split()]
    return {canonicalize_name(package): version for package, version in found}


CONSTRAINTS: Final = pinned("constraints.txt")


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_has_the_versions_of_the_constraints_each_with_a_hash(name: str) -> None:
    locked = pinned(name)

    assert {n: v for n, v in locked.items() if n in CONSTRAINTS} == {
        n: v for n, v in CONSTRAINTS.items() if n in locked
    }
    if name == "requirements.lock":
        assert CONSTRAINTS.keys() <= locked.keys()


@pytest.mark.skipif((sys.platform, machine()) != ("linux", "x86_64"), reason="other packages")
@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_has_all_that_its_packages_require(name: str) -> None:
    locked = pinned(name)
    asked = [
        Requirement(line)
        for line in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    ]
    missing = set()
    for package in locked:
        with suppress(PackageNotFoundError):  # what only builds others
            asked += [Requirement(line) for line in requires(package) or ()]
    for requirement in asked:
        package = canonicalize_name(requirement.name)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            if package not in locked:
                missing.add(package)
            else:
                assert requirement.specifier.contains(locked[package], prereleases=True)

    # of the container torch comes from an index of builds for CPUs
    assert missing == ({"torch", "torchvision"} if name.startswith("docker") else set())


def test_the_oldest_pillow_that_is_accepted_is_the_one_that_was_tested() -> None:
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    [pillow] = [each for each in map(Requirement, dependencies) if each.name == "pillow"]

    assert not pillow.specifier.contains("12.9.9")
    assert Version(CONSTRAINTS["pillow"]) in pillow.specifier
