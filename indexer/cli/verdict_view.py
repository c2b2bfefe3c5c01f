"""Verdicts on a terminal: one line per answer, one block per match with its evidence."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from indexer.cli.output import counted, print_facts, shorten_path
from indexer.runtime.terminal import echo
from indexer.types import (
    Bank,
    Classification,
    Contribution,
    Match,
    Part,
    PolicyCitation,
    Signal,
    Suppression,
    TemplateEvidence,
    Tier,
    Verdict,
)

if TYPE_CHECKING:  # it loads SQLAlchemy
    from indexer.store import Store

_CLASSES_SHOWN = 5  # the most probable ones; --json has all


def describe_searched(images: int, banks: Sequence[Bank], chosen: Sequence[str]) -> str:
    """Say what is searched: the enabled banks or those chosen; all images, unless some are."""
    among = [bank for bank in banks if bank.enabled and (not chosen or bank.name in chosen)]
    entries = counted(sum(bank.entry_count for bank in among), "entry", "entries")
    of_banks = f"{entries} of {counted(len(among), 'bank', 'banks')}"
    return of_banks if chosen else f"{of_banks}, {counted(images, 'image', 'images')}"


def print_verdicts(
    verdicts: Iterable[Verdict], store: "Store", banks: Sequence[str], *, several: bool
) -> list[Verdict]:
    """Print verdicts as they come, and what is searched, and return them.

    Raises
    ------
    NotFoundError
        There is no such bank.
    """
    with store.reader() as catalog:
        for name in banks:
            catalog.banks.get(name)  # first: nothing is said of a search that cannot be made
        searched = describe_searched(catalog.gauges.sizes().images, catalog.banks.all(), banks)
    if several:
        echo(f"Searching {searched}.")
        echo()
    printed: list[Verdict] = []
    for verdict in verdicts:
        if printed:
            echo()
        print_verdict(verdict, None if several else searched)
        printed.append(verdict)
    return printed


def print_verdict(verdict: Verdict, searched: str | None) -> None:
    """Print one verdict; where nothing matched, how near the nearest came."""
    hit = f", in {', '.join(verdict.banks)}" if verdict.banks else ""
    echo(f"{shorten_path(verdict.query)}: {verdict.tier}{hit}")
    facts = [
        ("classes", classes(verdict.probabilities)),
        *opinions(verdict),
        ("searched", searched),
        *action_of(verdict),
    ]
    print_facts(None, facts, 2)
    _print_rules(verdict.policy)
    if remark := verdict.completeness.remark:
        echo(f"  {remark}")
    for match in verdict.matches:
        echo()
        echo(f"  {match.tier}{_suppression(match.suppressed_by)}")
        evidence = [
            ("decided by", _reason(match)),
            ("also", _others(match)),
            ("evidence", _evidence(match)),
        ]
        print_facts(None, [*evidence, *_place(match)], 4)
    if verdict.nearest:
        echo()
        echo("  nearest, but no match")
        evidence = [
            ("missed by", _missed(verdict.nearest)),
            ("also", _others(verdict.nearest)),
            ("evidence", _evidence(verdict.nearest)),
        ]
        print_facts(None, [*evidence, *_place(verdict.nearest)], 4)


def action_of(answer: Verdict | Classification) -> list[tuple[str, object]]:
    """Say what is to be done and by which rule of which policy; nothing without a policy."""
    policy = answer.policy
    if policy is None:
        return []
    by = f"rule {policy.rule}" if policy.rule else "default"
    return [
        ("action", f"{answer.action}, by {by} of policy {policy.name}, version {policy.version}"),
        ("signatures", "two persons" if policy.two_person else None),
    ]


def _print_rules(policy: PolicyCitation | None) -> None:
    """Print each rule that applied, with its action and evidence."""
    applied = policy.applied if policy else ()
    print_facts(None, [(each.rule, f"{each.action}: {each.because}") for each in applied], 4)


def classes(probabilities: dict[str, float]) -> str:
    """Name the most probable classes."""
    ranked = sorted(probabilities.items(), key=lambda item: -item[1])
    shown = ", ".join(f"{name} {p:.3f}" for name, p in ranked[:_CLASSES_SHOWN])
    more = len(ranked) - _CLASSES_SHOWN
    return f"{shown}, and {more} more" if more > 0 else shown


def opinions(answer: Verdict | Classification) -> list[tuple[str, str | None]]:
    """Return a row for each further classifier, and one if they disagree."""
    rows: list[tuple[str, str | None]] = [
        (each.classifier, classes(each.probabilities)) for each in answer.opinions
    ]
    if answer.is_disputed:
        rows.append(("disputed", "some classifiers call it unsafe, others do not"))
    return rows


def count_tiers(verdicts: Sequence[Verdict], unread: int) -> str:
    """Sum up the answers to several pictures in a line."""
    tiers = [verdict.tier for verdict in verdicts]
    parts = [f"{tiers.count(tier)} {tier}" for tier in Tier if tier in tiers]
    if unread:
        parts.append(f"{unread} could not be read")
    asked = counted(len(verdicts) + unread, "picture", "pictures")
    return f"{asked}: {', '.join(parts) or 'nothing to search for'}."


def _place(match: Match) -> list[tuple[str, object]]:
    """Say what was matched and where it is; ids and paths in full."""
    bank = f"{match.bank} ({match.bank_kind}), entry {match.entry_id}" if match.bank else "none"
    pieces = match.part or match.query_part
    parts = f"{_piece(match.query_part)} of the query, {_piece(match.part)} of the image"
    return [
        ("bank", bank),
        ("image", match.image_id),
        ("source", shorten_path(match.source)),
        ("parts", parts if pieces else None),
        ("template", _template(match.template)),
    ]


def _template(template: TemplateEvidence | None) -> str | None:
    """Say which frame was no evidence, and how much it took away."""
    if template is None:
        return None
    known = (
        f"template {template.id}, seen in {template.seen_in} images" if template.id else "shared"
    )
    return f"the frame ({known}) is no evidence: {template.discount:.1f} taken off the log-odds"


def _reason(match: Match) -> str:
    """Say which signal decided, what it measured and the bound it was held to; its card, if any."""
    if match.threshold is None:
        return f"{_SIGNALS[match.decided_by]}: the same bytes"
    source = f" ({match.threshold_source})" if match.threshold_source else ""
    least_or_most = "at most" if match.decided_by is Signal.PDQ else "at least"
    measured = _measured(match)[match.decided_by]
    return f"{measured}, {least_or_most} {match.threshold:g}{source}"


def _missed(match: Match) -> str:
    """Say how near a candidate came, and how near it had to be."""
    decided = _measured(match).get(match.decided_by, "nothing comparable")
    needed = "at most" if match.decided_by is Signal.PDQ else "at least"
    return f"{decided}, {needed} {match.threshold:g} needed ({match.threshold_source})"


def _others(match: Match) -> str:
    """Say what the other signals measured."""
    return ", ".join(
        text for signal, text in _measured(match).items() if signal is not match.decided_by
    )


def _evidence(match: Match) -> str | None:
    """Say what each signal adds to the log-odds, most first; nothing where bytes say all."""
    if match.threshold is None:
        return None
    ordered = sorted(match.evidence, key=lambda each: -each.log_odds)
    return ", ".join(f"{_evidence_name(each)} {each.log_odds:+.1f}" for each in ordered) or None


def _evidence_name(contribution: Contribution) -> str:
    if contribution.signal == "comparisons":
        return f"{contribution.value:,.0f} comparisons"
    return {"pdq": "PDQ", "geometry": "details"}.get(contribution.signal, contribution.signal)


def _measured(match: Match) -> dict[Signal, str]:
    """Say what each signal measured, those that did."""
    said = {
        Signal.PDQ: _said("PDQ {} bits apart", match.pdq_distance),
        Signal.EMBEDDING: _said("cosine {:.3f}", match.similarity),
        Signal.FUSED: _said("log-odds {:.1f}", match.log_odds),
        Signal.GEOMETRY: _said("{} details in the same arrangement", match.inliers),
    }
    return {signal: text for signal, text in said.items() if text}


def _said(form: str, value: float | None) -> str:
    return "" if value is None else form.format(value)


_SIGNALS = {Signal.SHA256: "SHA-256", Signal.MD5: "MD5"}


def _suppression(by: Suppression | None) -> str:
    """Say what takes a match back."""
    if by is None:
        return ""
    if by.decision_id is not None:
        return f", but rejected by decision {by.decision_id}"
    return f", but suppressed by bank {by.bank}"


def _piece(part: Part | None) -> str:
    """Name a frame by its number, a tile or crop by width x height + left + top.

    A variant is named by its recipe.
    """
    if part is None:
        return "whole"
    if part.recipe is not None:
        return f"{part.kind} {part.recipe}"
    if part.box is None:
        return f"{part.kind} {part.number}"
    left, top, width, height = part.box
    return f"{part.kind} {width}x{height}+{left}+{top}"
