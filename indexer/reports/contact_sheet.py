"""Contact sheet: veiled pictures of clusters in one HTML file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from indexer.reports.html import page_environment
from indexer.reports.report_pictures import Obscurer, wanted
from indexer.reports.report_writer import replace_file
from indexer.settings import Settings
from indexer.store import Store
from indexer.types import Cluster, file_of

_PICTURES: Final = 2_000
"""Pictures of a sheet, 2 KB each."""


@dataclass(frozen=True, slots=True)
class _Picture:
    """An image on a sheet."""

    image_id: int
    file: str | None
    thumbnail: str | None
    """A data URI; None if neither a thumbnail nor the source is at hand."""


@dataclass(frozen=True, slots=True)
class _Section:
    """A cluster on a sheet."""

    cluster: Cluster
    pictures: Sequence[_Picture]


def save_contact_sheet(
    store: Store,
    settings: Settings,
    clusters: Sequence[Cluster],
    images: Mapping[int, Sequence[int]],
    path: Path,
) -> None:
    """Write the pictures of clusters, small, grey and blurred, to a file that loads nothing else.

    Parameters
    ----------
    store : Store
    settings : Settings
    clusters : sequence of Cluster
        A section each.
    images : mapping of int to sequence of int
        The images that are shown of each cluster; the first 2,000 of all have pictures.
    path : Path
        Replaced once the sheet is whole; only its owner may read it.

    Raises
    ------
    UnreadableSource
        The file cannot be written.
    """
    chosen = wanted((images[each.id] for each in clusters), _PICTURES)
    with store.reader() as catalog:
        records = catalog.images.get_many(i for each in clusters for i in images[each.id])
        sources = {i: record.sources[-1] for i, record in records.items() if record.sources}
        obscurer = Obscurer(catalog, settings.image_limits)
        made = obscurer.pictures({i: sources.get(i) for i in chosen})

    def picture(image_id: int) -> _Picture:
        source = sources.get(image_id)
        return _Picture(image_id, file_of(source) if source else None, made.get(image_id))

    sections = [_Section(each, [picture(i) for i in images[each.id]]) for each in clusters]
    single = len(clusters) == 1
    title = f"Cluster {clusters[0].id}: {clusters[0].name}" if single else "Clusters"
    run = f"Run {clusters[0].run_id}." if clusters else "There are no clusters."

    def write(file: BinaryIO) -> None:
        template = page_environment().get_template("contact_sheet.html.jinja")
        page = template.generate(title=title, about=run, sections=sections)
        file.writelines(piece.encode("utf-8", "replace") for piece in page)

    replace_file(path, write)
