"""Names that lists give to kinds of fingerprints."""

from functools import lru_cache
from typing import Final

from indexer.types import FingerprintKind

_OURS: Final = {
    "pdq": FingerprintKind.PDQ,
    "imagepdq": FingerprintKind.PDQ,
    "md5": FingerprintKind.MD5,
    "photo_md5": FingerprintKind.MD5,
    "video_md5": FingerprintKind.MD5,  # the one name that ThreatExchange's programs have for MD5
    "sha256": FingerprintKind.SHA256,
    "sha_256": FingerprintKind.SHA256,
}
_OTHERS: Final = frozenset(
    {
        "custom_text_regex",
        "image_fingerprint",
        "netclean",
        "pdna",
        "photodna",
        "raw_text",
        "safer_hash",
        "sha1",
        "sha3_512",
        "sha512",
        "sha_1",
        "sha_512",
        "ssdeep",
        "ssvh_pdna",
        "ssvh_safer_hash",
        "text",
        "text_tlsh",
        "tlsh_pdf",
        "pdf_tlsh",
        "tmk",
        "tmk_pdqf",
        "trend_query",
        "uri",
        "url",
        "url_md5",
        "videntifier",
        "video_pdqf",
        "video_sha256",
        "video_tmk_pdqf",
        "videomd5",
        "videotmk",
        "vmd5",
        "vpdq",
    }
)


class UnknownKind(ValueError):
    """A name that no list gives to a kind of fingerprint, as far as we know."""


@lru_cache(maxsize=256)  # lists repeat a few names millions of times
def kind_named(name: str) -> FingerprintKind | None:
    """Return the kind that a list means; None for one that we do not match by.

    Case, and `-`, blanks and `_` between words do not matter, nor does ThreatExchange's `HASH_`.

    Raises
    ------
    UnknownKind
        No kind is called so.
    """
    plain = name.strip().lower().replace("-", "_").replace(" ", "_").removeprefix("hash_")
    if plain in _OURS:
        return _OURS[plain]
    if plain in _OTHERS:
        return None
    raise UnknownKind(f"{name!r} is not a supported kind of fingerprint")
