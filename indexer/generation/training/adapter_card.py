"""Model card of a trained adapter."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Final

from indexer.generation.training.recipe import Method
from indexer.generation.training.trained_adapter import TrainedAdapter

CARD: Final = "README.md"
FACTS: Final = "training.json"
_NAMES: Final = {Method.LORA: "LoRA", Method.TEXTUAL_INVERSION: "Textual inversion"}
_LOAD: Final = {
    Method.LORA: "pipeline.load_lora_weights(DIR)",
    Method.TEXTUAL_INVERSION: "pipeline.load_textual_inversion(DIR)",
}


def write_adapter_card(trained: TrainedAdapter, folder: Path) -> None:
    """Write what the adapter is, how it is loaded, and how it was trained; names no picture."""
    recipe, first, last = trained.recipe, trained.history[0], trained.history[-1]
    token = f" Its token is `{recipe.token}`." if recipe.token else ""
    sheet = trained.last_sheet
    copies = (
        f"{sheet.near_copies} of {len(sheet.pictures)} validation pictures are near copies of "
        "training pictures."
    )
    text = f"""# {trained.folder.name}

{_NAMES[recipe.method]} for {trained.base}, trained on {trained.pictures} pictures in \
{recipe.steps} steps by `lookalike generate train {recipe.method}`.{token}

```python
{_LOAD[recipe.method]}
```

Its loss on fixed noise went from {first.loss:.4f} to {last.loss:.4f}. {copies} What it draws may \
be as protected as the pictures it was trained on.
"""
    (folder / CARD).write_text(text, encoding="utf-8")
    facts = {
        "base": trained.base,
        "recipe": asdict(recipe),
        "pictures": trained.pictures,
        "data": trained.data,
        "history": [asdict(each) for each in trained.history],
        "near_copies": sheet.near_copies,
    }
    (folder / FACTS).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
