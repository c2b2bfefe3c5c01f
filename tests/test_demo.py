import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

from support.browser import open_tab, running_browser
from support.extent import extent

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_demo_finds_the_altered_copy_however_often_it_is_run(tmp_path: Path) -> None:
    ours = {k for k in os.environ if k.startswith("LOOKALIKE_")} - {"LOOKALIKE_MODEL_CACHE"}
    inherited = {k: v for k, v in os.environ.items() if k not in ours}
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


@pytest.mark.long
def test_a_newcomer_finds_a_lookalike_confirms_it_and_sees_it_in_bank_and_report(
    tmp_path: Path,
) -> None:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("LOOKALIKE_")}
    with subprocess.Popen(
        [sys.executable, ROOT / "demo" / "console.py", "--port", "0", "--no-browser"],
        env={**inherited, "LOOKALIKE_HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as console:
        assert console.stdout is not None
        said = ""
        for line in console.stdout:
            said += line
            if "Ctrl-C stops" in line:
                break
        found = re.search(r"The console: (http://[\d.:]+)/console.*drop (\S+),", said, re.DOTALL)
        assert found, said
        with running_browser() as browser, open_tab(browser, found[1]) as tab:
            page = tab.page
            page.goto("/console")
            expect(page.get_by_role("heading", name=re.compile(r"^\d+ to review"))).to_be_visible()
            expect(page.get_by_text("1 of 10 in known-unsafe")).to_be_visible()

            page.get_by_role("link", name="Search", exact=False).first.click()
            page.locator("input[type=file]").set_input_files(found[2])
            verdict = page.get_by_role("article", name="Verdict on red-panda-4.jpg")
            expect(verdict.get_by_role("heading", name="exact copy")).to_be_visible()
            expect(verdict.get_by_text("in no bank")).to_be_visible()
            expect(verdict.get_by_text("lookalike").first).to_be_attached()
            verdict.get_by_label("Add the query to").select_option("reported")
            verdict.get_by_role("button", name="Confirm").click()
            expect(verdict.locator(".decided")).to_contain_text("in reported")

            page.get_by_role("link", name="Banks").click()
            page.get_by_role("link", name="reported").first.click()
            expect(page.get_by_role("link", name="Entry 4").first).to_be_visible()

            page.get_by_role("link", name="Clusters").first.click()
            row = page.get_by_role("row", name="red-panda")
            expect(row.get_by_role("link", name="reported")).to_be_visible()
            page.get_by_role("link", name="Report", exact=True).click()
            expect(page.get_by_text("red-panda-4.jpg and 4 copies").first).to_be_attached()
            assert tab.foreign == []
        console.send_signal(signal.SIGINT)
        console.wait(timeout=60)
