"""Measure the memory of a server that eight callers send large pictures to at the same time.

Each row is one picture that all eight send: one of the largest that are accepted of its
format, then one of 4 megapixels, which waits for no other. The server has eight threads and the
default budget of pixels. Memory is the most that its process had beyond what it had before.

Example: python benchmarks/decode_memory.py
"""

import sys
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

from PIL import Image

from nasty_files import CALLERS, PHOTO, ask, make_home, serving
from served_memory import Peak

_LARGE, _LARGE_AVIF, _SMALL = (8000, 8000), (5700, 5700), (2000, 2000)
_TURNED = Image.Exif()
_TURNED[0x0112] = 6


def _saved(mode: str, kind: str, **options: object) -> Callable[[tuple[int, int]], bytes]:
    def make(size: tuple[int, int]) -> bytes:
        buffer = BytesIO()
        Image.radial_gradient("L").resize(size).convert(mode).save(buffer, kind, **options)
        return buffer.getvalue()

    return make


_ANIMATED = {"save_all": True, "duration": 50}
KINDS: Mapping[str, Callable[[tuple[int, int]], bytes]] = {
    "JPEG": _saved("RGB", "JPEG"),
    "JPEG, turned by EXIF": _saved("RGB", "JPEG", exif=_TURNED),
    "JPEG, progressive": _saved("RGB", "JPEG", progressive=True),
    "JPEG, CMYK": _saved("CMYK", "JPEG"),
    "PNG, RGB": _saved("RGB", "PNG", compress_level=1),
    "PNG, RGBA": _saved("RGBA", "PNG", compress_level=1),
    "PNG, 16-bit grey": _saved("I;16", "PNG", compress_level=1),
    "GIF": _saved("P", "GIF"),
    "BMP, 1 bit": _saved("1", "BMP"),
    "TIFF, LZW": _saved("RGB", "TIFF", compression="tiff_lzw"),
    "WebP, lossy": _saved("RGB", "WEBP", method=0),
    "WebP, lossless": _saved("RGBA", "WEBP", lossless=True, method=0),
    "AVIF": _saved("RGB", "AVIF", speed=10),
    "AVIF, RGBA": _saved("RGBA", "AVIF", speed=10),
}


def main() -> None:
    """Print the table."""
    Image.MAX_IMAGE_PIXELS = None
    with tempfile.TemporaryDirectory() as folder:
        home, log = Path(folder) / "home", Path(folder) / "log"
        make_home(home)
        with serving(home, log) as (url, server), ThreadPoolExecutor(CALLERS) as pool:
            ask(url, PHOTO)
            base = Peak(server.pid).base
            print(f"The server takes {base / 2**20:,.0f} MiB before.\n")
            print("| format | megapixels | memory | bytes a pixel | 4 megapixels |")
            print("|---|---|---|---|---|")
            for name, make in KINDS.items():
                cells = []
                largest = _LARGE_AVIF if name.startswith("AVIF") else _LARGE
                for size in (largest, _SMALL):
                    file = Path(folder) / "picture"
                    file.write_bytes(make(size))
                    peak = Peak(server.pid, base)
                    statuses = set(pool.map(lambda f: ask(url, f), [file] * CALLERS))
                    if statuses != {"200"}:
                        sys.exit(f"{name}, {size}: answered {statuses}")
                    cells.append(peak.over())
                large, small = cells
                pixels = largest[0] * largest[1]
                print(
                    f"| {name} | {pixels / 1e6:.0f} | {large / 2**20:,.0f} MiB | "
                    f"{large / pixels:.1f} | "
                    f"{small / 2**20:,.0f} MiB |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
