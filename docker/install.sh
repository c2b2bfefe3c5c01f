#!/bin/sh
# Installs lookalike into a virtual environment. The image is built by this, and a test runs it.
#
#   SOURCE       folder of the project (default: the one this script lies in)
#   TARGET       virtual environment to make (default: /opt/lookalike)
#   EXTRAS       of the package (default: otel)
#   TORCH_INDEX  package index of torch's builds for CPUs, a fifth of the size; empty: the usual index
#   PIP_OPTIONS  further options of pip install
#   BORROW       folder of packages to use instead of installing them (a test's; empty otherwise)
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
SOURCE=${SOURCE:-$here}
TARGET=${TARGET:-/opt/lookalike}
EXTRAS=${EXTRAS-otel}
TORCH_INDEX=${TORCH_INDEX-https://download.pytorch.org/whl/cpu}
PIP_OPTIONS=${PIP_OPTIONS-}
BORROW=${BORROW-}

python3 -m venv "$TARGET"
python=$TARGET/bin/python
"$python" -m pip uninstall --quiet --yes setuptools  # older than what torch asks for
if [ -n "$BORROW" ]; then
    "$python" -c 'import sys, sysconfig
with open(sysconfig.get_path("purelib") + "/borrowed.pth", "w") as file:
    file.write(sys.argv[1])' "$BORROW"
fi
if [ -n "$TORCH_INDEX" ]; then
    # shellcheck disable=SC2086  # several options
    "$python" -m pip install $PIP_OPTIONS --index-url "$TORCH_INDEX" \
        --constraint "$SOURCE/constraints.txt" torch torchvision
fi
# requirements.lock has the hash of every file but torch's, which depend on the index.
locked="Linux x86_64 3.11 otel"
ours=$("$python" -c 'import platform as p, sys
print(p.system(), p.machine(), "%d.%d" % sys.version_info[:2])')
if [ -n "$TORCH_INDEX" ] && [ -z "$BORROW" ] && [ "$ours $EXTRAS" = "$locked" ]; then
    # shellcheck disable=SC2086
    "$python" -m pip install $PIP_OPTIONS --no-deps --require-hashes \
        --requirement "$SOURCE/docker/requirements.lock"
    # shellcheck disable=SC2086
    "$python" -m pip install $PIP_OPTIONS --no-deps --no-build-isolation "$SOURCE"
    "$python" -m pip check
    "$python" -m pip uninstall --quiet --yes hatchling pathspec pluggy trove-classifiers
else
    # shellcheck disable=SC2086
    "$python" -m pip install $PIP_OPTIONS --constraint "$SOURCE/constraints.txt" \
        "$SOURCE${EXTRAS:+[$EXTRAS]}"
fi

# What only installs others has no place where the server runs; setuptools stays, torch needs it.
"$python" -m pip uninstall --quiet --yes wheel pip
rm -f "$TARGET"/bin/pip "$TARGET"/bin/pip3 "$TARGET"/bin/pip3.*

"$TARGET/bin/lookalike" --version
