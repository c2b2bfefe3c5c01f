"""Tables of benchmarks/classifier.md."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from indexer.classification.class_metrics import evaluate_scores

UNSAFE = ("Porn", "Hentai")
BOUNDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99)
SHOWN = (0.3, 0.5, 0.8)  # with intervals
HALF = 0.5  # from which a model calls an image unsafe, as `is_disputed` takes it
ENOUGH = 300  # images of a stratum
WORST = 20
PHOTOS = ("photo", "food", "face")
DRAWN = ("clipart", "clipart of people", "emoji", "portrait")
SKIN = "*skin-coloured, of all*"
ALL = "**all**"

_HEAD = """# The shipped classifier on benign images

`python benchmarks/classifier_sets.py packages/ ../shared/bench/dev strata/`, then
`python benchmarks/classifier.py strata/* --scores scores.jsonl --out benchmarks/classifier.md` ·
{cores} cores, no GPU · {date} · {count} images

**Sensitivity is not measured.** No explicit image was used, and the project holds none, so
nothing below says how much unsafe content the classifier finds, and no bound can be chosen from
this page alone: the highest bound has the best figures here and finds the least. The last section
says how an operator who lawfully holds such images measures it.

The images come from Debian and npm packages (named in `classifier_sets.py` and
`training_sets.py`) and from the DEV benchmark, which took them from such packages, too. Each is a
JPEG of at most 640 px, on white. They are not a platform's uploads, and those of one package are
alike, so that the intervals are too narrow; rates on your own innocent images are what counts.
Intervals are of 95 % (Wilson 1927).
"""
_SPECIFICITY = """\
Share of images whose probability of Porn and Hentai together is below a bound; in the last column
how many are not, by bound. An origin is a package, or a category within one.
"""
_STRATA = """
The strata: *photo* (landscapes, things, animals, few people), *food* (ingredients on plain ground),
*face* (portrait photos), *animal* and *cut-out* (mostly cut out of photos, some drawn), *clipart*
and *clipart of people* (openclipart), *emoji* (64 px), *portrait* (painted figures of a fantasy
game), *art* (wallpapers, game art, renders), *astronomy*, *chart*, *screenshot*, *texture*,
*processed* (examples in the documentation of image software). Skin-coloured are those of any
stratum with at least 30 % of their pixels in the colours of skin by Kovač, Peer and Solina's rule
(2003).

Fewer than 300 images could be had of {small}.

**Not to be had in numbers**, because no package has enough of them: people in bathing, sport or
underwear; medical images; babies; statues and paintings of people; photo grids; comics and manga;
faces by age and skin colour. Most of these are near to what the classifier is to find, so the
figures below and above flatter it.
"""
_SENSITIVITY = """
## Sensitivity: how to measure it

Not measured here. Who holds explicit images lawfully puts them, with innocent ones, into two
folders on the machine where they are, and runs

```console
lookalike model evaluate labelled/ --class unsafe=Hentai,Porn --class safe=Drawing,Neutral,Sexy \\
    --json > figures.json
```

with `labelled/unsafe/` and `labelled/safe/`. `figures.json` holds counts, rates and intervals: no
image, name or digest. It has average precision, the ROC, calibration, and for each class the least
probability that keeps to a false-positive rate, with the recall there. `--report FILE.html` shows
veiled images and names files, and `--scores FILE.csv` holds digests: both stay on that machine.
Figures that others published for this network were taken by its authors on their own test set.
"""


@dataclass(frozen=True, slots=True)
class Scored:
    """What both models say of an image."""

    stratum: str
    origin: str
    name: str
    skin: bool
    own: Mapping[str, float]  # probabilities by class
    second: float  # the second model's, of its unsafe class
    disputed: bool

    @property
    def unsafe(self) -> float:
        """Probability of Porn and Hentai together."""
        return sum(self.own[label] for label in UNSAFE)

    @property
    def suggestive(self) -> float:
        """Probability of Porn, Hentai and Sexy together."""
        return self.unsafe + self.own["Sexy"]


@dataclass(frozen=True, slots=True)
class Changes:
    """Probabilities of the same images before and after a change."""

    name: str
    before: Sequence[Mapping[str, float]]
    after: Sequence[Mapping[str, float]]


def write_report(path: Path, scored: Sequence[Scored], changes: Sequence[Changes]) -> None:
    """Write the report."""
    small = [f"*{name}* ({n})" for name, n in sizes(scored).items() if n < ENOUGH]
    parts = [
        _HEAD.format(cores=os.cpu_count(), date=datetime.now(UTC).date(), count=f"{len(scored):,}"),
        "## Specificity\n",
        _SPECIFICITY,
        *specificity(scored),
        _STRATA.format(small=", ".join(small)),
        "## False-positive rate by bound\n\nPercent of images at or above it. Porn and Hentai:\n",
        *curve(scored, lambda each: each.unsafe),
        "\nPorn, Hentai and Sexy together:\n",
        *curve(scored, lambda each: each.suggestive),
        f"\n## The worst {WORST}\n\nBy Porn and Hentai together.\n",
        *worst(scored),
        "\n## Drawing against Neutral\n",
        *drawings(scored),
        "\n## Stability\n",
        *stability(changes),
        "\n## Agreement with a second model\n",
        *agreement(scored),
        _SENSITIVITY,
    ]
    path.write_text("\n".join(parts))


def sizes(scored: Sequence[Scored]) -> Counter[str]:
    """Count the images of each stratum."""
    return Counter(each.stratum for each in sorted(scored, key=lambda each: each.stratum))


def rows(scored: Sequence[Scored]) -> Iterator[tuple[str, list[Scored]]]:
    """Yield the strata, the skin-coloured images of all, and all."""
    for name in sizes(scored):
        yield name, [each for each in scored if each.stratum == name]
    yield SKIN, [each for each in scored if each.skin]
    yield ALL, list(scored)


def wilson(count: int, of: int) -> str:
    """Return a share with its interval."""
    interval = binomtest(count, of).proportion_ci(method="wilson")
    return f"{count / of:.4f} ({interval.low:.4f} to {interval.high:.4f})"


def specificity(scored: Sequence[Scored]) -> Iterator[str]:
    """Yield specificity by stratum at some bounds."""
    bounds = " | ".join(f"below {bound}" for bound in SHOWN)
    yield f"| stratum | images | origins | {bounds} | flagged |"
    yield "|---|---|---|" + "---|" * len(SHOWN) + "---|"
    for name, images in rows(scored):
        flagged = [sum(each.unsafe >= bound for each in images) for bound in SHOWN]
        cells = [wilson(len(images) - count, len(images)) for count in flagged]
        counts = ", ".join(map(str, flagged))
        origins = len({(each.stratum, each.origin) for each in images})
        yield f"| {name} | {len(images)} | {origins} | " + " | ".join(cells) + f" | {counts} |"


def curve(scored: Sequence[Scored], value: Callable[[Scored], float]) -> Iterator[str]:
    """Yield the false-positive rate by stratum at all bounds."""
    yield "| stratum | " + " | ".join(map(str, BOUNDS)) + " |"
    yield "|---|" + "---|" * len(BOUNDS)
    for name, images in rows(scored):
        found = [np.mean([value(each) >= bound for each in images]) for bound in BOUNDS]
        yield f"| {name} | " + " | ".join(f"{rate:.1%}"[:-1] for rate in found) + " |"


def worst(scored: Sequence[Scored]) -> Iterator[str]:
    """Yield the images that are taken for unsafe the most, by their names."""
    yield "| stratum | origin | file | Porn + Hentai | Sexy | open_nsfw |"
    yield "|---|---|---|---|---|---|"
    for each in sorted(scored, key=lambda each: -each.unsafe)[:WORST]:
        yield (
            f"| {each.stratum} | {each.origin} | {each.name} | {each.unsafe:.3f} | "
            f"{each.own['Sexy']:.3f} | {each.second:.3f} |"
        )


def drawings(scored: Sequence[Scored]) -> Iterator[str]:
    """Yield how well drawings are told from photos, and whether stated probabilities hold."""
    photos = [each for each in scored if each.stratum in PHOTOS]
    yield (
        f"Drawn strata against {len(photos)} photos ({', '.join(PHOTOS)}). AUROC is of the "
        "probability of Drawing; 0.5 is chance. Answers, accuracy and the expected calibration "
        "error (ECE, 15 bins) are those of `lookalike model evaluate`, with the drawn stratum as "
        "Drawing and the photos as Neutral. Most images of the drawn strata are on white, and "
        "many of *food*; emoji are enlarged.\n"
    )
    yield "| drawn | images | answered Drawing | answered Neutral | AUROC | accuracy | ECE |"
    yield "|---|---|---|---|---|---|---|"
    for name in (*DRAWN, "all four"):
        drawn = [
            each for each in scored if each.stratum in (DRAWN if name == "all four" else (name,))
        ]
        both = [*drawn, *photos]
        isdrawn = np.array([each.stratum in DRAWN for each in both])
        found = evaluate_scores(
            np.array([[each.own["Drawing"], each.own["Neutral"]] for each in both]),
            np.stack([isdrawn, ~isdrawn], axis=1),
            ("Drawing", "Neutral"),
            np.arange(len(both)),
            multi_label=False,
            elsewhere=np.array([each.own["Sexy"] + each.unsafe for each in both]),
        )
        area = roc_auc_score(isdrawn, [each.own["Drawing"] for each in both])
        tops = Counter(top(each.own) for each in drawn)
        yield (
            f"| {name} | {len(drawn)} | {tops['Drawing'] / len(drawn):.3f} | "
            f"{tops['Neutral'] / len(drawn):.3f} | {area:.3f} | {found.accuracy.share:.3f} | "
            f"{found.calibration.ece:.3f} |"
        )
    answers = Counter(top(each.own) for each in photos)
    yield (
        f"\nPhotos answered Neutral: {answers['Neutral'] / len(photos):.3f}, Drawing: "
        f"{answers['Drawing'] / len(photos):.3f}. Reliability of all four against photos:\n"
    )
    yield "| confidence | images | mean confidence | right |"
    yield "|---|---|---|---|"
    for part in found.calibration.bins:
        yield (
            f"| {part.low:.2f} to {part.high:.2f} | {part.images} | {part.confidence:.3f} | "
            f"{part.accuracy:.3f} |"
        )


def top(probabilities: Mapping[str, float]) -> str:
    """Return the likeliest class."""
    return max(probabilities, key=lambda label: probabilities[label])


def stability(changes: Sequence[Changes]) -> Iterator[str]:
    """Yield how far innocent changes move the answer."""
    yield (
        f"{len(changes[0].before)} images, some of each stratum, with changes that leave what they "
        "show. How far the probability of the class that was likeliest moves; how many images get "
        "another likeliest class; how many come to or leave 0.5 of Porn and Hentai together.\n"
    )
    yield "| change | median | 95th percentile | largest | another class | across 0.5 |"
    yield "|---|---|---|---|---|---|"
    for each in changes:
        pairs = list(zip(each.before, each.after, strict=True))
        moved = np.array([abs(after[top(before)] - before[top(before)]) for before, after in pairs])
        other = np.mean([top(before) != top(after) for before, after in pairs])
        across = sum(_is_unsafe(before) != _is_unsafe(after) for before, after in pairs)
        yield (
            f"| {each.name} | {np.median(moved):.3f} | {np.quantile(moved, 0.95):.3f} | "
            f"{moved.max():.3f} | {other:.3f} | {across} |"
        )


def _is_unsafe(probabilities: Mapping[str, float]) -> bool:
    return sum(probabilities[label] for label in UNSAFE) >= HALF


def agreement(scored: Sequence[Scored]) -> Iterator[str]:
    """Yield how often the second model calls the same images unsafe."""
    yield (
        "open_nsfw, asked as `LOOKALIKE_OPINIONS=open_nsfw` asks it: other data and another "
        "network. Unsafe is 0.5 or more, of Porn and Hentai or of its class nsfw; *disputed* is "
        "the share of answers whose `is_disputed` would be true. Cohen's kappa is left out "
        "where neither calls any image unsafe, and says little where few are: all images here "
        "are innocent.\n"
    )
    yield "| stratum | images | shipped | open_nsfw | both | disputed | kappa |"
    yield "|---|---|---|---|---|---|---|"
    for name, images in rows(scored):
        ours = np.array([each.unsafe >= HALF for each in images])
        others = np.array([each.second >= HALF for each in images])
        kappa = f"{cohen_kappa_score(ours, others):.2f}" if (ours | others).any() else ""
        disputed = sum(each.disputed for each in images)
        yield (
            f"| {name} | {len(images)} | {ours.sum()} | {others.sum()} | {(ours & others).sum()} | "
            f"{wilson(disputed, len(images))} | {kappa} |"
        )
