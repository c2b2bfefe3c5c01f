"""The console on real photos: an index with campaigns, banks, runs and a queue, then the server.

The first start takes half a minute; later ones serve what is there. Delete the folder of the index
to begin again.

Example: make console
"""

import argparse
import os
import signal
import subprocess
import sys
import webbrowser
from pathlib import Path

import httpx
from edited_copies import write_copies

ROOT = Path(__file__).parents[1]
PHOTOS = ROOT / "photos"
LOG = "server.log"
TRIED = "uploads/day-2/red-panda-4.jpg"  # a stored upload whose family is in no bank
COMMAND = Path(sys.executable).with_name("lookalike")
CAMPAIGNS = {"hedgehog": (2, 7), "castle-front": (1, 5), "coffee": (3, 6), "red-panda": (0, 4)}
"""Photos that are uploaded again and again: copies of the first day, and of the second."""
ASKED = ("hedgehog", "coffee", "castle-front", "bee", "koala", "swans")
"""Photos of which one more copy is uploaded for review."""


def main() -> None:
    """Make the index, unless it is there, and serve it until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Show the console on the bundled photos.")
    parser.add_argument("--port", type=int, default=8000, help="0 for any free one")
    parser.add_argument("--no-browser", action="store_true", help="open no browser")
    a = parser.parse_args()
    home = Path(os.environ.setdefault("LOOKALIKE_HOME", str(ROOT / "console-home"))).resolve()
    finished = home / "console-demo"
    is_new = not finished.exists()
    if is_new:
        fill(home)
    with (
        (home / LOG).open("a") as log,
        subprocess.Popen(
            [COMMAND, "serve", "--port", str(a.port)],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as server,
    ):
        try:
            address = address_of(server, home / LOG)
            if is_new:
                ask_for_review(home, address)
                finished.touch()
            show(home, address, opens=not a.no_browser)
            server.wait()
        except KeyboardInterrupt:
            print("Stopped.")
        finally:
            server.terminate()


def fill(home: Path) -> None:
    """Make two banks, two days of uploads with campaigns among them, and a run after each."""
    uploads = home / "uploads"
    say("1. Index 36 photos and declare two of them known unsafe")
    run("init")
    run("index", "add", PHOTOS)
    run("bank", "create", "known-unsafe", "--severity", "high", "--category", "demo")
    run("bank", "add", "known-unsafe", PHOTOS / "hedgehog.jpg", PHOTOS / "castle-front.jpg")
    say("2. A day of uploads, some of them edited copies; group them into families")
    write_day(uploads / "day-1", 0)
    run("index", "add", uploads / "day-1")
    run("cluster", "run")
    say("3. The next day the copies grow, and a moderator reports another photo")
    write_day(uploads / "day-2", 1)
    run("index", "add", uploads / "day-2")
    run("bank", "create", "reported", "--severity", "medium", "--category", "demo")
    run("bank", "add", "reported", PHOTOS / "coffee.jpg")
    run("cluster", "run", "--since-last")
    run("retro-scan", "run", "--bank", "reported")


def write_day(folder: Path, day: int) -> None:
    """Write the copies that are uploaded on a day."""
    for name, counts in CAMPAIGNS.items():
        write_copies(PHOTOS / f"{name}.jpg", folder, counts[day], after=sum(counts[:day]))


def ask_for_review(home: Path, address: str) -> None:
    """Upload a copy of some photos, and ask people to look at them."""
    say("4. Upload copies of six photos and ask for a review of each")
    folder = home / "uploads" / "review"
    for name in ASKED:
        write_copies(PHOTOS / f"{name}.jpg", folder, 1, after=sum(CAMPAIGNS.get(name, ())))
    for upload in sorted(folder.iterdir()):
        files = {"image": (upload.name, upload.read_bytes())}
        httpx.post(
            f"{address}/v1/search", params={"review": "true"}, files=files, timeout=60
        ).raise_for_status()


def show(home: Path, address: str, *, opens: bool) -> None:
    """Say where the console is and what to try; open it where there is a screen."""
    say(f"The console: {address}/console")
    print(f"Try: Search, drop {home / TRIED},")
    print("confirm it into the bank reported, and open the report on Clusters. Ctrl-C stops.")
    sys.stdout.flush()
    has_screen = sys.platform in ("darwin", "win32") or "DISPLAY" in os.environ
    if opens and (has_screen or "WAYLAND_DISPLAY" in os.environ):
        webbrowser.open(f"{address}/console")


def address_of(server: subprocess.Popen[str], log: Path) -> str:
    """Return the address that a server prints once it is ready; end with its error if it is not."""
    for line in server.stdout or ():
        if found := [word for word in line.split() if word.startswith("http")]:
            return found[0].removesuffix("/console").rstrip("/.")
    sys.exit(log.read_text().splitlines()[-1])


def run(*words: object) -> None:
    """Run a command of lookalike; what it prints is shown if it fails."""
    arguments = [str(word) for word in words]
    print(f"\033[2m$ lookalike {' '.join(arguments)}\033[0m", flush=True)
    done = subprocess.run([COMMAND, *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)


def say(words: str) -> None:
    """Print a heading."""
    print(f"\n\033[1m{words}\033[0m", flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    main()
