"""Made-up lists in the formats that others publish, and what reading lists gives."""

import gzip
from collections.abc import Sequence
from hashlib import md5, sha256
from io import BytesIO

from indexer.exchange.formats import READERS
from indexer.exchange.items import Item, ReadOptions
from indexer.exchange.list_streams import ListStream
from indexer.types import Fingerprint, FingerprintKind, ListFormat

MIN_QUALITY = 50
NAME = "list"


def fingerprint(kind: FingerprintKind, seed: int) -> Fingerprint:
    """Make a fingerprint that depends on nothing but its seed."""
    data = f"{kind} {seed}".encode()
    if kind is FingerprintKind.MD5:
        return Fingerprint(kind, md5(data, usedforsecurity=False).digest())
    return Fingerprint(kind, sha256(data).digest())


def pdq(seed: int) -> Fingerprint:
    return fingerprint(FingerprintKind.PDQ, seed)


def read(
    list_format: ListFormat,
    text: str | bytes,
    *,
    kind: FingerprintKind | None = None,
    source: str | None = None,
) -> list[Item]:
    """Read a list to its end."""
    data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    stream = ListStream(BytesIO(data))
    return [*READERS[list_format](stream, ReadOptions(NAME, MIN_QUALITY, kind, source))]


def read_gzip(list_format: ListFormat, data: bytes) -> tuple[list[Item], str | None]:
    """Read a compressed list; return what it holds, and the fault that ended it."""
    stream = ListStream(gzip.GzipFile(fileobj=BytesIO(data)))
    return [*READERS[list_format](stream, ReadOptions(NAME, MIN_QUALITY))], stream.fault


def ncmec(*entries: str) -> str:
    """Make an answer of NCMEC's hash sharing."""
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        '<queryResult xmlns="https://hashsharing.ncmec.org/hashsharing/v2">\n'
        f'<images count="{len(entries)}" maxTimestamp="2026-10-24T15:10:00Z">\n'
        + "\n".join(entries)
        + "\n</images>\n</queryResult>\n"
    )


def ncmec_image(own_id: str, *fingerprints: Fingerprint, more: str = "") -> str:
    """Make an entry of such an answer; `more` goes among its fingerprints."""
    listed = "".join(f"<{item.kind}>{item.hex}</{item.kind}>\n" for item in fingerprints)
    return f"""<image>
    <member id="42">Example Member</member>
    <timestamp>2026-10-24T15:00:00Z</timestamp>
    <id>{own_id}</id>
    <classification>A1</classification>
    <fingerprints>
        {listed}{more}
    </fingerprints>
    <feedback lastUpdateTimestamp="2026-06-01T12:48:14Z">
        <affirmativeFeedback type="Md5">
            <members timestamp="2026-06-01T12:48:14Z"><member id="7">Another</member></members>
        </affirmativeFeedback>
    </feedback>
</image>"""


def ncmec_deleted(own_id: str) -> str:
    """Make the entry of an image that its member took back."""
    return (
        f'<deletedImage><member id="42">Example Member</member><id>{own_id}</id>'
        "<timestamp>2026-10-24T15:10:00Z</timestamp></deletedImage>"
    )


def stopncii_record(
    value: str,
    *,
    signal: str = "ImagePDQ",
    status: str = "Active",
    cases: Sequence[str] = ("Active",),
    tags: Sequence[str] = (),
) -> dict[str, object]:
    """Make a hash record of StopNCII."""
    return {
        "lastModtimestamp": 1625167804,
        "hashValue": value,
        "hashStatus": status,
        "caseNumbers": {f"case-{number}": state for number, state in enumerate(cases)},
        "signalType": signal,
        "CSPFeedbacks": [{"source": "Platform", "feedbackValue": "Blocked", "tags": [*tags]}],
    }


def stopncii(*records: dict[str, object]) -> dict[str, object]:
    """Make an answer of StopNCII's API."""
    return {
        "count": len(records),
        "nextSetTimestamp": 1625175071,
        "nextPageToken": "W3siY29tcG9zaXRl",
        "hasMoreRecords": False,
        "hashRecords": [*records],
    }
