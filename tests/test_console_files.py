"""The console's templates and static files: nothing that the policy refuses, nothing unused."""

import gzip
import re
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from indexer.types import Tier
from search_api.console.shell import RAIL
from search_api.middleware import security_headers

CONSOLE = Path(security_headers.__file__).parents[1] / "console"
TEMPLATES = sorted((CONSOLE / "templates").rglob("*.html"))
STATIC = CONSOLE / "static"
SCRIPTS = sorted(STATIC.glob("*.js"))
SHEETS = sorted(STATIC.glob("*.css"))
HTMX = "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130"
TYPESCRIPT = CONSOLE.parents[1] / "clients/node/node_modules/typescript/bin/tsc"
MOST = 60 * 1024  # bytes of script, before the map
SHARED = (
    "console.js",
    "keys.js",
    "markup.js",
    "palette.js",
    "reveals.js",
    "theme.js",
    "toasts.js",
)

DEAD = {
    "hx-on": r"hx-on[:=-]",
    "js:": r"""["'\s]js:""",
    "trigger filter": r"""hx-trigger\s*=\s*["'][^"']*\[""",
    "style attribute": r"\sstyle\s*=",
    "event attribute": r"\son[a-z]+\s*=",
    "inline script": r"<script(?![^>]*\ssrc=)",
    "inline style sheet": r"<style",
    "javascript URL": r"javascript:",
}
"""What needs an 'unsafe' policy, and does nothing under ours."""


def found_in(text: str) -> set[str]:
    return {name for name, pattern in DEAD.items() if re.search(pattern, text)}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_what_the_policy_refuses(template: Path) -> None:
    assert found_in(template.read_text()) == set()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('<a hx-on:click="x()">', "hx-on"),
        ("""<a hx-vals='js:{a: 1}'>""", "js:"),
        ('<a hx-trigger="click[ctrlKey]">', "trigger filter"),
        ('<p style="color: red">', "style attribute"),
        ('<p onclick="x()">', "event attribute"),
        ("<script>x()</script>", "inline script"),
        ("<style>p {}</style>", "inline style sheet"),
    ],
)
def test_what_the_policy_refuses_is_recognised(text: str, name: str) -> None:
    assert name in found_in(text)


@pytest.mark.parametrize("policy", [security_headers.POLICY, security_headers.DOCS_POLICY])
def test_no_policy_is_unsafe(policy: str) -> None:
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy


def test_pages_of_the_console_require_trusted_types() -> None:
    assert "require-trusted-types-for 'script'" in security_headers.POLICY


def test_htmx_is_the_file_that_was_pinned() -> None:
    [vendored] = (STATIC / "vendor").glob("*.js")

    assert sha256(vendored.read_bytes()).hexdigest() == HTMX
    assert HTMX in (STATIC / "vendor" / "README.md").read_text()


def test_the_scripts_that_every_page_loads_are_small() -> None:
    vendored = list((STATIC / "vendor").glob("*.js"))

    assert sum(path.stat().st_size for path in [*vendored, *map(STATIC.joinpath, SHARED)]) < MOST


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_the_script_of_a_screen_is_small(script: Path) -> None:
    assert script.stat().st_size < MOST / 4


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_the_scripts_of_a_screen_are_small_as_they_travel(script: Path) -> None:
    loaded, new = set(), {*(STATIC / "vendor").glob("*.js"), *map(STATIC.joinpath, SHARED), script}
    while new:
        loaded |= new
        imported = {
            name for path in new for name in re.findall(r'"\./(\w+\.js)"', path.read_text())
        }
        new = {STATIC / name for name in imported} - loaded

    assert sum(len(gzip.compress(path.read_bytes())) for path in loaded) < MOST


def test_the_sprite_has_the_icons_that_are_used_and_no_other() -> None:
    sprite = set(re.findall(r'<symbol id="([^"]+)"', (STATIC / "icons.svg").read_text()))
    quoted = {
        name for path in TEMPLATES for name in re.findall(r'"([a-z0-9-]+)"', path.read_text())
    }
    tiers = {f"tier-{tier}" for tier in Tier}
    drawn = {
        name for path in TEMPLATES for name in re.findall(r'icon\("([^"]+)"', path.read_text())
    }

    assert drawn | tiers | {place.icon for place in RAIL} <= sprite
    assert sprite - quoted - tiers - {place.icon for place in RAIL} == set()


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.name)
def test_style_sheets_use_layers_and_declared_tokens(sheet: Path) -> None:
    text = sheet.read_text()
    declared = set(re.findall(r"(--[\w-]+)\s*:", "".join(path.read_text() for path in SHEETS)))

    assert "@layer" in text
    assert set(re.findall(r"var\((--[\w-]+)", text)) - declared <= {"--cut"}
    assert "http" not in re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


@pytest.mark.long
def test_the_scripts_have_the_types_that_they_claim() -> None:
    if not TYPESCRIPT.exists():
        pytest.skip("there is no TypeScript: `make clients/node/dist/cli.js` installs it")
    options = "--noEmit --allowJs --checkJs --strict --target es2022 --module es2022"
    further = "--moduleResolution bundler --lib es2022,dom,dom.iterable"
    scripts = [str(path) for path in SCRIPTS if path.name != "docs.js"]

    checked = subprocess.run(
        ["/usr/bin/node", TYPESCRIPT, *options.split(), *further.split(), *scripts],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (checked.stdout, checked.returncode) == ("", 0)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_neither_evaluate_text_nor_leave_the_origin(script: Path) -> None:
    text = script.read_text()

    assert not re.search(
        r"\beval\(|new Function|\.innerHTML|\.outerHTML|insertAdjacentHTML|https?://", text
    )
    assert script.name in {"docs.js", "theme.js"} or text.startswith("// @ts-check")


def test_every_command_that_a_page_names_exists() -> None:
    routes = Path(security_headers.__file__).parents[1] / "routes" / "console"
    text = "".join(path.read_text() for path in [*TEMPLATES, *routes.glob("*.py")])
    documented = (CONSOLE.parents[1] / "docs" / "commands.md").read_text()
    named = set(re.findall(r'(?:<code>|")lookalike ([a-z -]+)', text))
    known = set(re.findall(r"^## `lookalike ([^`]+)`", documented, re.MULTILINE))

    assert "retro-scan run" in named
    assert [
        name for name in named if not any(f"{name} ".startswith(f"{each} ") for each in known)
    ] == []


def test_every_wish_that_the_documentation_names_has_its_test() -> None:
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_console*.py"))
    named = re.findall(r"`(test_\w+)`", (CONSOLE.parents[1] / "docs" / "testing.md").read_text())

    assert [name for name in named if f"def {name}(" not in tests] == []
    assert len(named) > 10
