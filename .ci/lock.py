"""Writes the packages of a pip report as requirements with hashes: `lock.py [WITHOUT...] < report`.

`make lock` says how the reports are made. WITHOUT are beginnings of names that are left out.
"""

import json
import sys

_HEAD = """\
# For Linux on x86-64 with CPython 3.11; elsewhere constraints.txt pins the same versions.
# Written by `make lock`. Install with: pip install --no-deps --require-hashes --requirement FILE
"""


def main() -> None:
    """Write a requirement for each package that the report would install, by name."""
    lines = []
    for item in json.load(sys.stdin)["install"]:
        found = item["download_info"]
        name = item["metadata"]["name"].lower().replace("_", "-")
        if "archive_info" in found and not name.startswith((*sys.argv[1:], "\0")):
            digest = found["archive_info"]["hashes"]["sha256"]
            version = item["metadata"]["version"].partition("+")[0]
            lines.append(f"{name}=={version} \\\n    --hash=sha256:{digest}\n")
    sys.stdout.write(_HEAD + "".join(sorted(lines)))


if __name__ == "__main__":
    main()
