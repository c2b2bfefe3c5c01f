"""Draw a verdict: the upload, the bank entry it resembles, and the evidence, as an SVG.

Example: lookalike search upload.jpg --json | python demo/picture.py upload.jpg > docs/verdict.svg
"""

import base64
import io
import json
import sys
from html import escape
from typing import Any

from PIL import Image

WIDTH, HEIGHT, MARGIN = 880, 330, 20
PANEL = 300  # width of each picture
FONT = "font-family='system-ui, -apple-system, Segoe UI, DejaVu Sans, sans-serif'"


def embed(path: str, x: int, caption: str) -> str:
    """Return a picture with its caption, scaled to the panel."""
    with Image.open(path) as image:
        small = image.convert("RGB")
        small.thumbnail((PANEL, 220))
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=85)
    data = base64.b64encode(buffer.getvalue()).decode()
    top = 62 + (220 - small.height) // 2
    return (
        f"<image x='{x + (PANEL - small.width) // 2}' y='{top}' width='{small.width}' "
        f"height='{small.height}' href='data:image/jpeg;base64,{data}'/>"
        f"<text x='{x + PANEL / 2}' y='305' text-anchor='middle' font-size='13' fill='#57606a' "
        f"{FONT}>{escape(caption)}</text>"
    )


def draw(upload: str, verdict: dict[str, Any]) -> str:
    """Return the SVG of a verdict's first match."""
    match = verdict["matches"][0]
    pdq = match["pdq_distance"]
    label, probability = max(verdict["probabilities"].items(), key=lambda item: item[1])
    facts = [
        ("tier", match["tier"]),
        ("bank", f"{match['bank']} ({match['bank_kind']})"),
        ("decided by", match["decided_by"]),
        ("threshold", f"{match['threshold']:g} (from the {match['threshold_source']})"),
        ("log-odds", f"{match['log_odds']:.1f}"),
        ("cosine", f"{match['similarity']:.3f}"),
        ("PDQ distance", "not comparable" if pdq is None else f"{pdq} of 256 bits"),
        ("suppressed by", (match["suppressed_by"] or {}).get("bank", "nothing")),
        ("model says", f"{label} {probability:.3f}"),
    ]
    left = 2 * PANEL + 3 * MARGIN
    rows = "".join(
        f"<text x='{left}' y='{82 + 27 * row}' font-size='13' {FONT}>"
        f"<tspan fill='#57606a'>{escape(name)}</tspan>"
        f"<tspan x='{left + 112}' fill='#1f2328'>{escape(str(value))}</tspan></text>"
        for row, (name, value) in enumerate(facts)
    )
    title = f"{match['tier'].replace('_', ' ')} of an entry in {match['bank']}"
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH + 60} {HEIGHT}' "
        f"width='{WIDTH + 60}' role='img' aria-label='{escape(title)}'>"
        f"<rect width='100%' height='100%' rx='8' fill='#ffffff' stroke='#d0d7de'/>"
        f"<text x='{MARGIN}' y='40' font-size='18' font-weight='600' fill='#cf222e' {FONT}>"
        f"{escape(title)}</text>"
        + embed(upload, MARGIN, "the upload")
        + embed(match["source"], 2 * MARGIN + PANEL, f"bank entry {match['entry_id']}")
        + rows
        + "</svg>\n"
    )


if __name__ == "__main__":
    sys.stdout.write(draw(sys.argv[1], json.load(sys.stdin)))
