"""Gzip responses: content that is kept compressed, known by its ETag."""

import gzip
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

PRIVATE: Final = "private, no-cache"
"""A browser may keep it for the person who asked, and asks each time whether it still holds."""


def is_known(request: Request, stamp: str) -> bool:
    """Return whether the client has the content of a stamp already (RFC 9110, section 13.1.2)."""
    given = request.headers.get("if-none-match", "")
    return f'"{stamp}"' in {each.strip().removeprefix("W/") for each in given.split(",")}


def not_modified(stamp: str) -> Response:
    """Return the answer to a client that has the content already."""
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=_headers(stamp))


def gzip_response(request: Request, packed: bytes, stamp: str, media_type: str) -> Response:
    """Return compressed content, or the content itself to a client that does not take gzip.

    Parameters
    ----------
    request : Request
    packed : bytes
        The gzipped content.
    stamp : str
        Other for any other content; visible ASCII without quotes.
    media_type : str
    """
    accepted = request.headers.get("accept-encoding", "").lower().replace(" ", "").split(",")
    if any(each.split(";")[0] in {"gzip", "*"} and not each.endswith(";q=0") for each in accepted):
        headers = {**_headers(stamp), "Content-Encoding": "gzip"}
        return Response(packed, headers=headers, media_type=media_type)
    return Response(gzip.decompress(packed), headers=_headers(stamp), media_type=media_type)


def _headers(stamp: str) -> dict[str, str]:
    # weak: it stands for the content, compressed or not
    return {"ETag": f'W/"{stamp}"', "Cache-Control": PRIVATE, "Vary": "Accept-Encoding"}
