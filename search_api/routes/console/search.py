"""`/console/search`: a picture, an address, an id or a fingerprint, and the verdict on it."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Annotated

from fastapi import Form, Query, Response

from indexer import matching
from indexer.attribution import explain_match
from indexer.errors import InputError
from indexer.images.fingerprints import parse_fingerprint
from indexer.matching import SearchOptions
from indexer.reviews.rules import reasons_in_force
from indexer.types import FingerprintKind, Match, PartialVerdict, Veil, Verdict
from search_api.auth import Principal, PrincipalDependency
from search_api.console.compared_pictures import compared_images, compared_match
from search_api.console.verdict_card import VerdictCard, read_card, veil_query
from search_api.dependencies import Service, ServiceDependency
from search_api.jobs.lookup_audit import Lookup
from search_api.query_parameters import MAY_BE_EMPTY
from search_api.routes.console.screen import READING, screen_router, show
from search_api.routes.search import record_lookup
from search_api.schemas import MAX_ID
from search_api.uploads.multipart import Upload, UploadDependency

router = screen_router()
Asked = Annotated[str, Query(max_length=2000, json_schema_extra=MAY_BE_EMPTY)]
InBank = Annotated[str, Query(max_length=64, json_schema_extra=MAY_BE_EMPTY)]
OfVeil = Annotated[Veil, Query()]
_K = 10
_MD5_DIGITS, _LONG_DIGITS = 32, 64
_HINT = (
    "is neither an image id, a URL, nor a fingerprint: SHA-256 and PDQ have 64 hexadecimal "
    "digits, MD5 has 32. A PDQ is written as pdq:…"
)


@router.get("/search", dependencies=READING)
async def search_page(
    service: ServiceDependency, principal: PrincipalDependency, q: Asked = "", bank: InBank = ""
) -> Response:
    """Show the form, and the verdict on an id or a fingerprint of the address."""
    banks, reasons = await service.read(
        lambda catalog: (catalog.banks.all(), reasons_in_force(catalog))
    )
    cards: list[VerdictCard] = []
    if q.strip() and not _is_url(q):
        cards.append(await verdict_on_text(service, q.strip(), bank))
    return show(
        "search.html",
        "Search",
        principal,
        banks=banks,
        reasons=reasons,
        q=q,
        bank=bank,
        cards=cards,
    )


@router.post("/search", dependencies=READING)
async def search_upload(
    upload: UploadDependency,
    service: ServiceDependency,
    principal: PrincipalDependency,
    bank: InBank = "",
) -> Response:
    """Return the verdict on an uploaded picture, as a part of the page."""
    return _part(principal, await _judge(service, upload, _options(bank)))


@router.post("/search/text", dependencies=READING)
async def search_text(
    service: ServiceDependency,
    principal: PrincipalDependency,
    q: Annotated[str, Form(max_length=2000)],
    bank: Annotated[str, Form(max_length=64)] = "",
) -> Response:
    """Return the verdict on a URL, an id or a fingerprint, as a part of the page."""
    return _part(principal, await verdict_on_text(service, q.strip(), bank))


async def verdict_on_text(service: Service, asked: str, bank: str) -> VerdictCard:
    """Judge the picture at a URL, a stored image by its id, or a fingerprint.

    Parameters
    ----------
    service : Service
    asked : str
    bank : str
        What it is compared with; empty for all.

    Raises
    ------
    InputError
        It is none of these.
    """
    if _is_url(asked):
        data = await service.fetcher.get(asked)
        return await _judge(service, Upload(asked, data), _options(bank))
    return await _look_up(service, asked, _options(bank))


def _options(bank: str) -> SearchOptions:
    return SearchOptions(_K, (bank,) if bank else ())


def _is_url(asked: str) -> bool:
    return asked.strip().lower().startswith(("http://", "https://"))


async def _judge(service: Service, upload: Upload, options: SearchOptions) -> VerdictCard:
    query = matching.Query.picture(upload.data, upload.name)
    answer = await service.run(service.matcher.answer_in_full, query, options)
    veil = await service.run(veil_query, upload.data, service.settings.image_limits)
    record_lookup(service, answer.verdict, options, subject_id=answer.verdict.sha256)
    service.hits.record(answer.verdict)
    service.verdicts.record(answer.verdict, answer.evidence)
    return await _card(service, answer.verdict, answer.compared, query_veil=veil)


async def _look_up(service: Service, asked: str, options: SearchOptions) -> VerdictCard:
    """Ask about a stored image by its id, or about a fingerprint.

    Raises
    ------
    InputError
        It is neither.
    """
    if asked.isdecimal() and len(asked) < _MD5_DIGITS:
        image_id = int(asked)
        of_image = matching.Query.stored_image(image_id)
        answer = await service.run(service.matcher.answer_in_full, of_image, options)
        record_lookup(service, answer.verdict, options, subject="image", subject_id=image_id)
        return await _card(service, answer.verdict, answer.compared, query_image=image_id)
    of_fingerprint = matching.Query.fingerprint(parse_fingerprint(*_kind_of(asked)))
    partial = await service.run(service.matcher.answer_in_full, of_fingerprint, options)
    record_lookup(service, partial.verdict, options, subject_id=partial.verdict.query)
    return await _card(service, partial.verdict, partial.compared)


def _kind_of(asked: str) -> tuple[FingerprintKind, str]:
    """Tell what a fingerprint is of: by its prefix, else by its length."""
    prefix, _, digits = asked.rpartition(":")
    if prefix.strip().lower() in {each.value for each in FingerprintKind}:
        return FingerprintKind(prefix.strip().lower()), digits.strip()
    if len(asked) == _MD5_DIGITS:
        return FingerprintKind.MD5, asked
    if len(asked) == _LONG_DIGITS:
        return FingerprintKind.SHA256, asked
    raise InputError(f"{asked[:80]!r} {_HINT}")


async def _card(
    service: Service,
    verdict: Verdict | PartialVerdict,
    compared: Sequence[Match],
    *,
    query_veil: str | None = None,
    query_image: int | None = None,
) -> VerdictCard:
    return await service.read(
        lambda catalog: read_card(
            catalog,
            service.matcher,
            verdict,
            compared,
            query_veil=query_veil,
            query_image=query_image,
        )
    )


def _part(principal: Principal, card: VerdictCard) -> Response:
    return show("parts/verdict.html", "Search", principal, card=card)


@router.post("/search/compare", dependencies=READING)
async def compare_upload(
    upload: UploadDependency,
    service: ServiceDependency,
    principal: PrincipalDependency,
    image_id: Annotated[int, Query(ge=1, le=MAX_ID)],
    veil: OfVeil = Veil.GREY,
) -> Response:
    """Return an upload beside a stored image, both veiled, with what they share."""
    limits = service.settings.image_limits
    regions = await service.run(
        explain_match, service.matcher, service.store, limits, upload.data, upload.name, image_id
    )
    service.lookups.record(
        Lookup.EXPLAIN, subject_id=sha256(upload.data).hexdigest(), image_id=image_id
    )
    href = await service.run(veil_query, upload.data, limits, veil, strength=1)
    pictures, words = compared_match(regions, href, veil)
    return show("parts/comparison.html", "Search", principal, pictures=pictures, words=words)


@router.get("/search/compare", dependencies=READING)
async def compare_images(
    service: ServiceDependency,
    principal: PrincipalDependency,
    query_image: Annotated[int, Query(ge=1, le=MAX_ID)],
    image_id: Annotated[int, Query(ge=1, le=MAX_ID)],
    veil: OfVeil = Veil.GREY,
) -> Response:
    """Return two stored images side by side, veiled."""
    pictures = await service.read(
        lambda catalog: compared_images(catalog, (query_image, image_id), veil)
    )
    words = "Shared details are drawn for uploads only."
    return show("parts/comparison.html", "Search", principal, pictures=pictures, words=words)
