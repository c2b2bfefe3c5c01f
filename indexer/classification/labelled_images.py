"""Labelled images, read: what they show, their hashes, and what a caller makes of their pixels."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from indexer.classification.labelled_sources import LabelledSource
from indexer.errors import InputError
from indexer.images.decode import decoded
from indexer.images.fingerprints import pdq_orientations, sha256
from indexer.runtime.cpu import usable_cores
from indexer.settings import Settings
from indexer.types import Rgb, SkippedSource

CONFLICT: Final = "conflicting_labels"
FEWEST: Final = 2  # images of a class: one to learn from and one to test with
_AHEAD: Final = 4  # images read before they are asked for, by core
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class LabelledImages:
    """n different images and their labels; none of them is held."""

    sources: tuple[LabelledSource, ...]
    classes: tuple[str, ...]
    targets: NDArray[np.bool_]  # (n, classes)
    sha256: tuple[bytes, ...]
    pdq: NDArray[np.uint8]  # (n, 8, 32): in eight orientations
    pdq_quality: NDArray[np.int64]  # (n,)
    skipped: tuple[SkippedSource, ...]
    duplicates: int  # files left out because another has the same bytes and labels

    def __len__(self) -> int:
        return len(self.sources)

    def counts(self) -> dict[str, int]:
        """Return the number of images of each class."""
        return dict(zip(self.classes, self.targets.sum(axis=0).tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class _Read(Generic[ResultT]):
    source: LabelledSource
    sha256: bytes
    pdq: NDArray[np.uint8]
    quality: int
    made: ResultT


def read_labelled(
    found: Iterable[LabelledSource | SkippedSource],
    settings: Settings,
    make: Callable[[Rgb], ResultT],
    *,
    multi_label: bool = False,
    at_least: tuple[int, int] | None = None,
    on_image: Callable[[int], None] = lambda _count: None,
) -> tuple[LabelledImages, list[ResultT]]:
    """Read and hash labelled images, and make something of the pixels of each.

    What cannot be read is left out and listed. Of files with the same bytes one is kept; with
    different labels in a single-label set, none.

    Parameters
    ----------
    found : iterable of LabelledSource or SkippedSource
    settings : Settings
        The limits that images are held to.
    make : callable
        Given the pixels (h, w, 3) uint8; called from several threads.
    multi_label : bool
        Whether an image may have several labels.
    at_least : (int, int), optional
        Width and height that are enough.
    on_image : callable
        Told the number of images done.

    Returns
    -------
    tuple of LabelledImages and list
        What was made of each image, in the same order.

    Raises
    ------
    InputError
        Fewer than two classes, or a class with fewer than two images, is left.
    """
    skipped: list[SkippedSource] = []
    kept: dict[bytes, _Read[ResultT]] = {}
    duplicates = 0
    conflicting: dict[bytes, LabelledSource] = {}
    done = 0
    for read in _read_all(found, settings, make, at_least):
        done += 1
        on_image(done)
        if isinstance(read, SkippedSource):
            skipped.append(read)
            continue
        known = kept.setdefault(read.sha256, read)
        if known is read:
            continue
        duplicates += 1
        if known.source.labels != read.source.labels:
            conflicting[read.sha256] = read.source
    for digest, other in conflicting.items():
        mine = kept[digest]
        if multi_label:
            labels = tuple(sorted({*mine.source.labels, *other.labels}))
            source = LabelledSource(mine.source.item, labels, mine.source.origin)
            kept[digest] = _Read(source, digest, mine.pdq, mine.quality, mine.made)
        else:
            skipped.append(_conflict(mine.source, other))
            del kept[digest]
    images = _assemble([*kept.values()], tuple(skipped), duplicates)
    return images, [read.made for read in kept.values()]


def check_classes(images: LabelledImages) -> None:
    """Refuse a set that no classifier can be learnt from.

    Raises
    ------
    InputError
        It has fewer than two classes, or a class has fewer than two images.
    """
    counts = images.counts()
    left_out = _left_out(images.skipped)
    if len(counts) < 2:  # noqa: PLR2004 -- one class is nothing to tell apart
        there = f"all images are of {next(iter(counts))}" if counts else "no image can be read"
        raise InputError(
            f"At least two classes are needed, and {there}.{left_out} Add a folder, or rows with "
            "another label, for what the class is to be told from."
        )
    if few := [name for name, count in counts.items() if count < FEWEST]:
        raise InputError(
            f"Each class needs at least {FEWEST} different readable images; {', '.join(few)} "
            f"{'has' if len(few) == 1 else 'have'} fewer.{left_out} Add images or remove the class."
        )


def _left_out(skipped: Sequence[SkippedSource]) -> str:
    if not skipped:
        return ""
    return f" {len(skipped)} files were left out; the first: {skipped[0].message}"


def _read_all(
    found: Iterable[LabelledSource | SkippedSource],
    settings: Settings,
    make: Callable[[Rgb], ResultT],
    at_least: tuple[int, int] | None,
) -> Iterator[_Read[ResultT] | SkippedSource]:
    """Read images in threads, some ahead; what comes out is in the order given."""

    def read(source: LabelledSource) -> _Read[ResultT] | SkippedSource:
        try:
            data = source.item.read(settings.max_image_bytes)
            with decoded(data, settings.image_limits, at_least=at_least) as picture:
                hashes = pdq_orientations(picture.rgb)
                made = make(picture.rgb)
        except InputError as error:
            return SkippedSource(source.uri, error.code, str(error))
        return _Read(source, sha256(data), hashes.bits, hashes.quality, made)

    most = usable_cores() * _AHEAD
    with ThreadPoolExecutor(usable_cores(), "labelled") as pool:
        waiting: deque[Future[_Read[ResultT] | SkippedSource]] = deque()
        for source in found:
            if isinstance(source, SkippedSource):
                yield source
                continue
            waiting.append(pool.submit(read, source))
            if len(waiting) >= most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _assemble(
    read: list[_Read[ResultT]], skipped: tuple[SkippedSource, ...], duplicates: int
) -> LabelledImages:
    classes = tuple(sorted({label for each in read for label in each.source.labels}))
    targets = np.array(
        [[name in each.source.labels for name in classes] for each in read], dtype=bool
    ).reshape(len(read), len(classes))
    return LabelledImages(
        sources=tuple(each.source for each in read),
        classes=classes,
        targets=targets,
        sha256=tuple(each.sha256 for each in read),
        pdq=np.stack([each.pdq for each in read]) if read else np.empty((0, 8, 32), np.uint8),
        pdq_quality=np.array([each.quality for each in read], np.int64),
        skipped=skipped,
        duplicates=duplicates,
    )


def _conflict(mine: LabelledSource, other: LabelledSource) -> SkippedSource:
    return SkippedSource(
        mine.uri,
        CONFLICT,
        f"{mine.uri} ({', '.join(mine.labels)}) and {other.uri} ({', '.join(other.labels)}) are "
        "the same image, so both were left out. Keep the right one, or train with --multi-label.",
    )
