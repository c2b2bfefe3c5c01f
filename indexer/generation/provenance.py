"""Provenance of generated pictures: what made them, kept in the PNG file itself.

Two records are written: the text chunk `lookalike` with all of it as JSON, and XMP with the IPTC's
digital source type, which other programs read (IPTC Photo Metadata Standard 2025.1). Neither is
signed, and whoever saves the picture anew may lose both.
"""

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngImageFile, PngInfo

import indexer
from indexer.errors import InputError, UnreadableImage, UnreadableSource

SOFTWARE: Final = f"lookalike {indexer.__version__}"
_CHUNK: Final = "lookalike"
_XMP_CHUNK: Final = "XML:com.adobe.xmp"
_SOURCE_TYPES: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_XMP: Final = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about=""
 xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">
{properties}
</rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""


class SourceType(StrEnum):
    """The IPTC's digital source types of generated pictures."""

    GENERATED = "trainedAlgorithmicMedia"
    EDITED = "compositeWithTrainedAlgorithmicMedia"
    """Made from another picture by a network: repainted in part, or in another style."""
    ALTERED = "algorithmicallyEnhanced"
    """Made from another picture without a network."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """What made a picture."""

    task: str
    model: str | None
    """Reference of the pipeline, or name of the networks; None of an edit without."""
    seed: int | None = None
    prompt: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    """Whatever else it takes to make it again, such as steps and guidance."""
    source_sha256: str | None = None
    """Of the file that it was made from."""
    screening: dict[str, Any] | None = None
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    software: str = SOFTWARE

    @property
    def source_type(self) -> SourceType:
        """How it came to be."""
        if self.source_sha256 is None:
            return SourceType.GENERATED
        return SourceType.EDITED if self.model else SourceType.ALTERED

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON values, what is unknown left out."""
        known = {name: value for name, value in asdict(self).items() if value not in (None, {})}
        created = self.created.isoformat(timespec="seconds")
        return known | {"created": created, "digital_source_type": self.source_type.value}


def to_png(picture: Image.Image, provenance: Provenance) -> bytes:
    """Return a picture as a PNG file with its provenance."""
    chunks = PngInfo()
    chunks.add_text("Software", provenance.software)
    chunks.add_itxt(_CHUNK, json.dumps(provenance.as_dict(), ensure_ascii=False))
    chunks.add_itxt(_XMP_CHUNK, _xmp(provenance))
    file = BytesIO()
    picture.save(file, "PNG", pnginfo=chunks)
    return file.getvalue()


def save_png(
    path: Path, picture: Image.Image, provenance: Provenance, *, overwrite: bool = False
) -> None:
    """Write a picture with its provenance.

    Raises
    ------
    InputError
        The file exists, and is not to be overwritten.
    UnreadableSource
        The file cannot be written.
    """
    data = to_png(picture, provenance)
    try:
        with path.open("wb" if overwrite else "xb") as file:
            file.write(data)
    except FileExistsError as error:
        raise file_exists(path) from error
    except OSError as error:
        raise UnreadableSource(f"{path} cannot be written: {error}.") from error


def file_exists(path: Path) -> InputError:
    """Return the error for a file that is in the way."""
    return InputError(f"{path} exists. Name another --out, or add --overwrite.")


def read_provenance(path: Path) -> dict[str, Any] | None:
    """Return what `Provenance.as_dict` gave; None of a picture without it.

    Raises
    ------
    UnreadableImage
        The file is no picture, or its record is damaged.
    UnreadableSource
        The file cannot be read.
    """
    try:
        with Image.open(path) as picture:
            text = picture.text.get(_CHUNK) if isinstance(picture, PngImageFile) else None
            read = None if text is None else json.loads(text)
    except (UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise UnreadableImage(f"{path} has no readable provenance: {error}.") from error
    except OSError as error:
        raise UnreadableSource(f"{path} cannot be read: {error}.") from error
    return read if isinstance(read, dict) else None


def _xmp(provenance: Provenance) -> str:
    values = {
        "xmp:CreatorTool": provenance.software,
        "xmp:CreateDate": provenance.created.isoformat(timespec="seconds"),
        "Iptc4xmpExt:DigitalSourceType": f"{_SOURCE_TYPES}{provenance.source_type}",
        "Iptc4xmpExt:AISystemUsed": provenance.model,
        "Iptc4xmpExt:AIPromptInformation": provenance.prompt,
    }
    return _XMP.format(
        properties="\n".join(
            f"<{name}>{escape(value)}</{name}>" for name, value in values.items() if value
        )
    )
