"""Accessibility checks by axe-core, in a page."""

from hashlib import sha256
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

_FILE = Path(__file__).with_name("vendor") / "axe-4.14.1.min.js"  # MPL-2.0, of npm's axe-core
_SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
_RUN = """async rules => {
  const options = { resultTypes: ["violations"] };
  if (rules.length) options.runOnly = rules;
  const found = await axe.run(document, options);
  const told = each => each.nodes.map(node => [each.id, node.html, node.failureSummary]);
  return found.violations.flatMap(told);
}"""


def violations(page: Page, *rules: str) -> list[Any]:
    """Return what axe finds in a page, by all of its rules or by those that are named."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_source())
    found: list[Any] = page.evaluate(_RUN, list(rules))
    return found


def _source() -> str:
    data = _FILE.read_bytes()
    assert sha256(data).hexdigest() == _SHA256, f"{_FILE} is not the file that was pinned"
    return data.decode()
