"""Names of sources: picture suffixes, containers, URIs."""

import os
import re
from pathlib import Path, PurePath
from typing import Final
from urllib.parse import quote

_JPEG = {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"}
_OTHERS = {".png", ".apng", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".avif"}
# Pictures that we cannot decode yet: named as skipped rather than passed over, because a picture
# that silently stays out of the index looks like one that is clean.
_NOT_DECODED = {".heic", ".heif", ".jxl", ".jp2"}
SUFFIXES: Final = frozenset(_JPEG | _OTHERS | _NOT_DECODED)

_ARCHIVE: Final = re.compile(r"\.(tar(\.(gz|bz2|xz|zst))?|tgz|tbz2?|txz)$", re.IGNORECASE)
_URL: Final = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_INSIDE: Final = "!/"  # between an archive and its member, as in JAR URLs


def may_be_image(name: str) -> bool:
    """Tell whether a file of this name is worth a look: a suffix in `SUFFIXES`, or none."""
    suffix = PurePath(name).suffix.lower()
    return not suffix or suffix in SUFFIXES


def is_candidate(relative: str) -> bool:
    """Tell whether a path beneath a folder or in an archive may be a picture and is not hidden."""
    parts = relative.split("/")
    hidden = any(part.startswith(".") and part != ".." for part in parts)
    return may_be_image(parts[-1]) and not hidden


def is_archive(name: str) -> bool:
    """Tell whether a file of this name is a tar archive, compressed or not."""
    return _ARCHIVE.search(name) is not None


def protocol_of(text: str) -> str | None:
    """Return the lower-case protocol of a URL; None for a path."""
    match = _URL.match(text)
    return match[1].lower() if match else None


def uri_of(path: Path) -> str:
    """Return the name under which a database can remember a local file.

    The absolute path as it is. A path whose bytes are not UTF-8 is no valid text to a database and
    becomes a `file:` URL instead, its bytes percent-encoded, from which the path can be had back.
    """
    text = str(path)
    return text if is_storable(text) else path.as_uri()


def member_uri(archive: str, name: str) -> str:
    """Return the name of an archive's member: `/folder/shard.tar!/00017.jpg`.

    Parameters
    ----------
    archive : str
        URI of the archive.
    name : str
        Bytes that are not UTF-8 stand in it as `os.fsdecode` leaves them; such a name is
        percent-encoded, and a local archive's path then becomes a `file:` URL, as by `uri_of`.
    """
    if is_storable(name):
        return f"{archive}{_INSIDE}{name}"
    base = archive if protocol_of(archive) else Path(archive).as_uri()
    return f"{base}{_INSIDE}{quote(name.encode('utf-8', 'surrogateescape'))}"


def container_of(uri: str) -> str:
    """Return the archive that a member's URI names; any other URI as it is."""
    for inside in re.finditer(re.escape(_INSIDE), uri):
        if is_archive(uri[: inside.start()]):
            return uri[: inside.start()]
    return uri


def is_storable(text: str) -> bool:
    """Tell whether a database can hold the text: valid Unicode without NUL characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def quoted(name: str | Path) -> str:
    """Quote a name for a message: newlines and bytes that are not text are escaped."""
    return repr(os.fspath(name))


def would_find(root: str, uri: str) -> bool:
    """Tell whether `uri`, if it is still there, is found by what `root` names.

    With it, what is gone can be told after `root` was gone through: the known sources that it
    would find and did not. Deliberately narrow: a folder answers for the candidates beneath it
    and not for files that were named on their own, nor for archives' members, which only their
    archive answers for; manifests, lists and patterns answer for nothing, since leaving a row out
    does not say that its picture is gone.

    Parameters
    ----------
    root, uri : str
        A `SourceItem`'s root and a stamp's uri.
    """
    base = root.rstrip("/")
    bases = (base, Path(base or "/").as_uri().rstrip("/")) if root.startswith("/") else (base,)
    for start in bases:
        if uri.startswith(start + _INSIDE):
            return True
        if uri.startswith(start + "/"):
            relative = uri.removeprefix(start + "/")
            return _INSIDE not in relative and is_candidate(relative)
    return False
