"""Make the contact sheets of docs/generate.md, and count copies of training icons.

Example: python demo/tiny_pipeline/sheets.py package photos docs
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from captioned_icons import read_icons
from PIL import Image, ImageDraw, ImageFont, ImageOps

from indexer.generation.diffusion import DiffusionModel, PictureRequest
from indexer.generation.sampling import Sampling
from indexer.generation.styles import STYLES, restyle
from indexer.generation.training.captioned_pictures import CaptionedPicture
from indexer.generation.training.nearest_picture import TrainingPictureSearch
from indexer.settings import Settings

CAPTIONS = (
    "red apple", "banana", "pear", "slice of pizza", "birthday cake", "fish",
    "dog face", "cat face", "frog face", "penguin", "rose", "evergreen tree",
    "automobile", "bus", "house building", "umbrella with rain drops", "alarm clock", "guitar",
)  # fmt: skip
FREE = (
    "a blue apple", "two bananas", "a dog in a car", "a castle at night", "a red circle",
    "green stripes",
)  # fmt: skip
CELL, LABEL, COLUMNS = 128, 30, 6  # pixels, pixels, pictures in a row
Cell = tuple[str, Image.Image]


def main() -> None:
    """Draw all sheets with the tiny pipeline that is installed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("icons", type=Path, help="unpacked npm package emoji-datasource-google")
    parser.add_argument("photos", type=Path, help="folder with coffee.jpg")
    parser.add_argument("out", type=Path, help="folder of the sheets")
    parser.add_argument("--seeds", type=int, default=2, help="pictures a prompt, to count copies")
    arguments = parser.parse_args()
    model = DiffusionModel("tiny", device="cpu")
    icons, captions = read_icons(arguments.icons)
    photo = Image.open(arguments.photos / "coffee.jpg").convert("RGB")
    named = {names[0]: Image.fromarray(icon) for icon, names in zip(icons, captions, strict=True)}

    drawn = {
        prompt: [draw(model, prompt, seed=seed) for seed in range(arguments.seeds)]
        for prompt in (*CAPTIONS, *FREE)
    }
    first = [(prompt, pictures[0]) for prompt, pictures in drawn.items()]
    save(first, arguments.out / "generate-text.jpg")
    save(edits(model, named["red apple"], photo), arguments.out / "generate-edits.jpg")
    save(styles(photo), arguments.out / "generate-styles.jpg")
    save(copies(drawn, named), arguments.out / "generate-copies.jpg")


def draw(
    model: DiffusionModel,
    prompt: str,
    *,
    seed: int,
    picture: Image.Image | None = None,
    mask: Image.Image | None = None,
    strength: float | None = None,
) -> Image.Image:
    """Draw one picture from a seed."""
    request = PictureRequest(prompt, Sampling(strength=strength), picture, mask)
    return model.draw(request, torch.Generator().manual_seed(seed))


def edits(model: DiffusionModel, icon: Image.Image, photo: Image.Image) -> list[Cell]:
    """Repaint an icon and a photo, wholly and within a mask."""
    small = ImageOps.fit(photo, (64, 64))
    cells: list[Cell] = []
    for name, picture, prompt in (("icon", icon, "banana"), ("photo", small, "red apple")):
        mask = Image.new("L", picture.size, 0)
        mask.paste(255, (16, 16, 48, 48))
        cells.append((name, picture))
        cells += [
            (
                f"{prompt}, {strength}",
                draw(model, prompt, seed=0, picture=picture, strength=strength),
            )
            for strength in (0.3, 0.6, 0.9)
        ]
        masked = picture.copy()
        masked.paste("white", (16, 16, 48, 48))
        cells.append(("mask", masked))
        cells.append(
            (f"inpainted: {prompt}", draw(model, prompt, seed=0, picture=picture, mask=mask))
        )
    return cells


def styles(photo: Image.Image) -> list[Cell]:
    """Repaint a photo in each of the 26 styles."""
    small = ImageOps.fit(photo, (2 * CELL, 2 * CELL))
    return [("photo", small), *((name, restyle(small, n)) for n, name in enumerate(STYLES))]


def copies(drawn: dict[str, list[Image.Image]], icons: dict[str, Image.Image]) -> list[Cell]:
    """Return pictures of captions, each before its nearest icon; print how many are copies."""
    search = TrainingPictureSearch(
        [CaptionedPicture(name, np.asarray(icon), name) for name, icon in icons.items()], Settings()
    )
    cells: list[Cell] = []
    for title, prompts in (("captions", CAPTIONS), ("free text", FREE)):
        pictures = [(prompt, picture) for prompt in prompts for picture in drawn[prompt]]
        found = search.nearest([np.asarray(picture) for _, picture in pictures])
        copied = sum(each.near_copy for each in found)
        print(f"{title}: {copied} of {len(pictures)} are near copies of a training icon")
        for (prompt, picture), nearest in zip(pictures, found, strict=True):
            cells += [(prompt, picture), (f"like: {nearest.name}", icons[nearest.name])]
    return cells[: 4 * COLUMNS]


def save(cells: Sequence[Cell], path: Path) -> None:
    """Write pictures in rows of six, each with its name below."""
    rows = -(-len(cells) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * CELL, rows * (CELL + LABEL)), "white")
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(11)
    for place, (name, picture) in enumerate(cells):
        x, y = place % COLUMNS * CELL, place // COLUMNS * (CELL + LABEL)
        sharp = Image.Resampling.NEAREST if picture.width < CELL else Image.Resampling.LANCZOS
        sheet.paste(picture.resize((CELL - 8, CELL - 8), sharp), (x + 4, y + 4))
        pen.text((x + CELL // 2, y + CELL + 4), name[:20], "black", font, anchor="mt")
    sheet.save(path, optimize=True, quality=85)
    print(path)


if __name__ == "__main__":
    main()
