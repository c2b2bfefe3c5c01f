import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.extent import extent

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_demo_finds_the_altered_copy_however_often_it_is_run(tmp_path: Path) -> None:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("LOOKALIKE_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**inherited, "PATH": path, "LOOKALIKE_HOME": str(tmp_path)}

    for added in extent(["38 images added"], ["38 images added", "0 images added"]):
        done = subprocess.run(
            [ROOT / "demo" / "run"], env=environment, capture_output=True, text=True, check=True
        )

        assert added in done.stdout
        assert re.search("upload.jpg: (near_duplicate|lookalike), in known-unsafe", done.stdout)
        assert "photos/coffee.jpg" in done.stdout
        assert "lookalike serve" in done.stdout
