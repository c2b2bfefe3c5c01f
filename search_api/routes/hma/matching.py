"""`/m`: lookups of signals and images."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict

from indexer.signals import SignalMatch, SignalType, flip, measure_lag
from indexer.types import FingerprintKind
from search_api.auth import Scope, requires
from search_api.dependencies import Service, ServiceDependency
from search_api.jobs.lookup_audit import Lookup, some
from search_api.query_parameters import MAY_BE_EMPTY
from search_api.routes.hma import examples
from search_api.routes.hma.media import (
    UPLOAD,
    ContentType,
    Place,
    Types,
    Url,
    check_content_type,
    read_upload,
    wanted_types,
)
from search_api.routes.hma.messages import answers, hma_router, refuse

router = hma_router("/m")

SignalText = Annotated[
    str | None,
    Query(description="The signal, as returned by `/h/hash`.", json_schema_extra=MAY_BE_EMPTY),
]
SignalName = Annotated[str | None, Query(description="The signal type.")]
Banks = Annotated[
    str | None, Query(description="Only these banks, separated by commas; by default all.")
]
Seed = Annotated[str | None, Query(description="Seed of the sampling by the banks' ratios.")]
Bypass = Annotated[bool, Query(description="Search every bank, whatever its ratio.")]
IncludeDistance = Annotated[bool, Query(description="Include the distance of each match.")]


class ContentMatch(BaseModel):
    """A content that matches."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    bank_content_id: int
    """The content."""
    distance: str
    """How far it is: bits for pdq, 1 minus the cosine for an embedding, 0 for digests."""


class RawMatches(BaseModel):
    """What a signal matches."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    matches: list[ContentMatch] | list[int]
    """Nearest first: ids of contents, with their distances if asked for."""


class IndexStatus(BaseModel):
    """How far the search for a type has come."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    present: bool
    """Whether it can be searched."""
    built_to: int
    """When the last change that it knows of was made, in unix seconds; -1 if none."""
    size: int
    """Entries that it knows of."""


MatchesByBank = dict[str, list[ContentMatch]]


@router.get(
    "/raw_lookup",
    dependencies=[requires(Scope.CHECK)],
    summary="List the contents that a signal matches",
    responses=answers(HTTPStatus.OK, "Nearest first.", {"matches": [17]}, HTTPStatus.BAD_REQUEST),
)
async def raw_lookup(
    service: ServiceDependency,
    signal: SignalText = None,
    signal_type: SignalName = None,
    banks: Banks = None,
    include_distance: IncludeDistance = False,
) -> RawMatches:
    """Look a signal up, including disabled contents and banks."""
    if signal is None or not signal_type:
        raise refuse("signal and signal_type are required")
    found = await service.run(_raw, service, signal, signal_type, _banks(banks))
    if include_distance:
        return RawMatches(matches=[_match(each) for each in found])
    return RawMatches(matches=[each.content_id for each in found])


@router.get(
    "/lookup",
    dependencies=[requires(Scope.CHECK), Place],
    summary="List the banks that a signal or URL matches",
    responses=answers(
        HTTPStatus.OK,
        "By bank; of a URL by signal type first.",
        examples.MATCHES,
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ),
)
async def lookup(
    service: ServiceDependency,
    *,
    signal: SignalText = None,
    signal_type: SignalName = None,
    url: Url = None,
    content_type: ContentType = None,
    types: Types = None,
    banks: Banks = None,
    seed: Seed = None,
    bypass_coinflip: Bypass = False,
) -> MatchesByBank | dict[str, MatchesByBank]:
    """Look up a signal, or every signal of an image; an empty object if nothing matches."""
    coin = flip(seed, bypass=bypass_coinflip)
    if url:
        check_content_type(content_type)
        if types is None and signal_type in service.signals.types:
            types = signal_type
        wanted = await wanted_types(service, types)  # before anything is fetched
        data = await service.fetcher.get(url)
        found = await service.run(_of_picture, service, data, wanted, coin, _banks(banks))
        return found.get(signal_type, {}) if signal_type else found
    if signal is None or not signal_type:
        raise refuse("Either url or both signal and signal_type are required")
    return await service.run(_of_signal, service, signal, signal_type, coin, _banks(banks))


@router.post(
    "/lookup",
    dependencies=[requires(Scope.CHECK), Place],
    summary="List the banks that an image matches",
    openapi_extra={"requestBody": {"required": True, "content": UPLOAD}},
    responses=answers(
        HTTPStatus.OK,
        "By signal type, then by bank.",
        {"pdq": examples.MATCHES},
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ),
)
async def lookup_upload(
    request: Request,
    service: ServiceDependency,
    *,
    content_type: ContentType = None,
    types: Types = None,
    banks: Banks = None,
    seed: Seed = None,
    bypass_coinflip: Bypass = False,
) -> dict[str, MatchesByBank]:
    """Look up the signals of the one image of the form; PDQ in all eight orientations."""
    check_content_type(content_type)
    coin = flip(seed, bypass=bypass_coinflip)
    wanted = await wanted_types(service, types)
    form = await read_upload(request, service)
    return await service.run(_of_picture, service, form.data, wanted, coin, _banks(banks))


@router.post(
    "/compare",
    dependencies=[requires(Scope.CHECK)],
    summary="Compare pairs of signals",
    responses=answers(
        HTTPStatus.OK,
        "By type: whether they match, and how far they are.",
        {"pdq": [True, {"distance": 9}]},
        HTTPStatus.BAD_REQUEST,
    ),
)
async def compare(
    signals: dict[str, list[str]], service: ServiceDependency
) -> dict[str, tuple[bool, dict[str, int | float]]]:
    """Compare exactly two signals of each type, at the thresholds for all banks."""
    return await service.run(_compare, service, signals)


@router.get(
    "/index/status",
    dependencies=[requires(Scope.CHECK)],
    summary="Get the state of each signal type's index",
    responses=answers(
        HTTPStatus.OK, "By signal type.", examples.INDEX_STATUS, HTTPStatus.BAD_REQUEST
    ),
)
async def index_status(
    service: ServiceDependency, signal_type: SignalName = None
) -> dict[str, IndexStatus]:
    """Return how current lookups are."""
    types = types_named(service, signal_type)
    states = await service.read(lambda catalog: measure_lag(catalog, service.matcher.views, types))
    return {
        name: IndexStatus(present=True, built_to=each.built_to, size=each.searchable)
        for name, each in states.items()
    }


def types_named(service: Service, name: str | None) -> list[Any]:
    """Return the signal type of this name, or all of them, also those switched off.

    Raises
    ------
    HTTPException
        There is no such type.
    """
    types = service.signals.types
    if name is None:
        return list(types.values())
    if name not in types:
        raise refuse(f"No such signal type '{name}'. There are {', '.join(types)}.")
    return [types[name]]


def _banks(names: str | None) -> set[str] | None:
    return set(names.split(",")) if names else None


def _match(found: SignalMatch) -> ContentMatch:
    return ContentMatch(bank_content_id=found.content_id, distance=found.distance)


def _by_bank(found: Iterable[SignalMatch]) -> MatchesByBank:
    matches: defaultdict[str, list[ContentMatch]] = defaultdict(list)
    for each in found:
        matches[each.bank].append(_match(each))
    return dict(matches)


def _raw(service: Service, signal: str, name: str, banks: set[str] | None) -> list[SignalMatch]:
    with service.store.reader() as catalog:
        (kind,) = service.signals.wanted(catalog, [name])
        found = service.signals.look_up_raw(catalog, name, kind.parse(signal), banks)
    _record_signal(service, kind, signal, found, raw=True)
    return found


def _of_signal(
    service: Service, signal: str, name: str, coin: float, banks: set[str] | None
) -> MatchesByBank:
    with service.store.reader() as catalog:
        (kind,) = service.signals.wanted(catalog, [name])
        value = kind.parse(signal)
        found = service.signals.look_up(
            catalog,
            {name: value},
            at_least=coin,
            banks=banks,
            sha256=value if kind.kind is FingerprintKind.SHA256 else None,
        )
    _record_signal(service, kind, signal, found[name], raw=False)
    return _answer(service, found)[name]


def _of_picture(
    service: Service,
    data: bytes,
    wanted: list[SignalType[Any]],
    coin: float,
    banks: set[str] | None,
) -> dict[str, MatchesByBank]:
    picture = service.signals.picture(data)
    values = {kind.name: kind.of_picture(picture) for kind in wanted}
    with service.store.reader() as catalog:
        found = service.signals.look_up(
            catalog, values, at_least=coin, banks=banks, sha256=picture.sha256
        )
    service.lookups.record(
        Lookup.SEARCH,
        subject_id=picture.sha256.hex(),
        **some(_hits(found)),
        types=[*found],
        asked=sorted(banks or ()),
    )
    return _answer(service, found)


def _answer(service: Service, found: Mapping[str, list[SignalMatch]]) -> dict[str, MatchesByBank]:
    """Count what was hit, each entry once, and say it by signal type, then by bank."""
    service.hits.record_entries(_hits(found))
    return {name: _by_bank(matches) for name, matches in found.items()}


def _hits(found: Mapping[str, list[SignalMatch]]) -> list[int]:
    return sorted({each.entry_id for matches in found.values() for each in matches})


def _record_signal(
    service: Service, kind: SignalType[Any], signal: str, found: list[SignalMatch], *, raw: bool
) -> None:
    service.lookups.record(
        Lookup.SIGNAL,
        subject_id=signal if kind.kind else None,  # the audit log holds no embeddings
        **some(each.entry_id for each in found),
        type=kind.name,
        raw=raw,
    )


def _compare(
    service: Service, signals: dict[str, list[str]]
) -> dict[str, tuple[bool, dict[str, int | float]]]:
    compared: dict[str, tuple[bool, dict[str, int | float]]] = {}
    with service.store.reader() as catalog:
        for name, pair in signals.items():
            (kind,) = service.signals.wanted(catalog, [name])
            if len(pair) != 2:  # noqa: PLR2004 -- a pair
                raise refuse(f"Give exactly two {name} signals to compare, not {len(pair)}.")
            left, right = map(kind.parse, pair)
            if left is None or right is None:
                compared[name] = (False, {})
                continue
            matches, distance = service.signals.compare(catalog, kind, left, right)
            compared[name] = (matches, {"distance": distance})
    return compared
