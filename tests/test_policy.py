"""Policies: what a document may say, and what its rules come to."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import InvalidPolicy
from indexer.matching.verdict_evidence import evidence_of
from indexer.policy import PolicyDocument, VerdictHistory, default_policy, parse_policy
from indexer.policy.rule_evaluation import ACTION_RANK, rule_on, rule_on_classes
from indexer.settings import Settings
from indexer.store import Store
from indexer.types import (
    Action,
    BankKind,
    Match,
    MatchEvidence,
    Part,
    PartKind,
    Reason,
    Severity,
    Signal,
    Suppression,
    SuppressionKind,
    Tier,
    VerdictEvidence,
)
from support.verdicts import verdict

HEAD = 'format = 1\nname = "uploads"\n'
NOTHING = VerdictEvidence({}, (), frozenset())
EXACT = MatchEvidence(Tier.EXACT, "known", Severity.LOW, 30.0)
ALIKE = MatchEvidence(Tier.LOOKALIKE, "grave", Severity.CRITICAL, 5.0)


def rule(**keys: Any) -> dict[str, Any]:
    return {"id": "a", "action": "block", **keys}


def policy(*rules: dict[str, Any], **keys: Any) -> PolicyDocument:
    return PolicyDocument.model_validate({"format": 1, "name": "uploads", "rules": rules, **keys})


def evidence(
    *matches: MatchEvidence, reasons: frozenset[Reason] = frozenset(), **probabilities: float
) -> VerdictEvidence:
    return VerdictEvidence(probabilities, matches, reasons)


def match(tier: Tier, bank: str | None, **facts: Any) -> Match:
    """Make a match that its same bytes, or its log-odds, decide."""
    kind = BankKind.BLOCK if bank else None
    given = {"bank_kind": kind, "log_odds": 9.0, "suppressed_by": None, **facts}
    return Match(
        tier=tier,
        decided_by=Signal.FUSED,
        threshold=4.6,
        threshold_source="model",
        threshold_card=None,
        similarity=None,
        pdq_distance=None,
        bank=bank,
        entry_id=None,
        image_id=None,
        source=None,
        **given,
    )


# --- the document --------------------------------------------------------------------------------


def test_the_built_in_policy_is_valid_and_names_only_classes_that_the_model_has() -> None:
    shipped = parse_policy(default_policy())
    other = parse_policy(default_policy(["Cat", "Porn"]))

    assert {each.class_ for each in shipped.rules} == {None, "Hentai", "Porn"}
    assert {each.class_ for each in other.rules} == {None, "Porn"}
    assert rule_on(shipped, 1, evidence(EXACT)).action is Action.BLOCK
    assert rule_on(shipped, 1, evidence(ALIKE)).action is Action.REVIEW
    assert rule_on(shipped, 1, NOTHING).action is Action.ALLOW


MISTAKES = [
    ('name = "x"\nrules = []', None, "format", "missing"),
    (f"{HEAD}colour = 1", 3, "colour", "unknown key"),
    (f'{HEAD}[[rules]]\nid = "a"\naction = "blok"', 5, "action of rule a", "not 'blok'"),
    (f'{HEAD}[[rules]]\naction = "block"\ntier = "exact"', 3, "id of rule 1", "missing"),
    (f'{HEAD}[[rules]]\nid = "a"\naction = "block"\ntiers = "exact"', 6, "tiers", "mean tier?"),
    (f'{HEAD}[[rules]]\nid = "a"\naction = "block"\ntier = [\n\n"nearly"]', 6, "tier", "'nearly'"),
    (
        f'{HEAD}[[rules]]\nid = "a"\naction = "block"\nclass = "Porn"\nmin_probability = 1.5',
        7,
        "min_probability",
        "less than or equal to 1",
    ),
    (
        f'{HEAD}[[rules]]\nid = "a"\naction = "block"\nclass = "Porn"\nmin_probability = "1"',
        7,
        "min_probability",
        "number",
    ),
    (
        f'{HEAD}[[rules]]\nid = "a"\naction = "block"\nclass = "Porn"',
        3,
        "rule a",
        "needs `min_probability`",
    ),
    (f'{HEAD}[[rules]]\nid = "a"\naction = "block"', 3, "rule a", "no condition"),
    (
        f'{HEAD}[[rules]]\nid = "a"\naction = "block"\nkind = "gallery"\nbank = "b"',
        3,
        "rule a",
        "in no bank",
    ),
    (
        f'{HEAD}note = """\n[[rules]]\n"""\n[[rules]]\nid = "a"\naction = "block"\ntier = "no"',
        9,
        "tier",
        "'no'",
    ),
    (
        HEAD + '[[rules]]\nid = "a"\naction = "block"\ntier = "exact"\n' * 2,
        8,
        "id of rule a",
        "the rule on line 4 has this id",
    ),
    (f'{HEAD}[[rules]]\nid = "a"\naction = "block"\ntier = []', 6, "tier", "at least 1 item"),
    (f"{HEAD}rules = 3", 3, "rules", "list of tables"),
    (f"{HEAD}[[rules]]\nid = ", 4, None, "not valid TOML"),
    (f"{HEAD}[[rules]]\nid = [\n", 5, None, "not valid TOML"),
    ("a = " + "[" * 100_000, None, None, "nested too deeply"),
    ("#" * 300_000, None, None, "longer than"),
]


@pytest.mark.parametrize(("text", "line", "key", "said"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_named_by_its_line_and_key(
    text: str, line: int | None, key: str | None, said: str
) -> None:
    with pytest.raises(InvalidPolicy) as refused:
        parse_policy(text, "policy.toml")

    found = [
        problem
        for problem in refused.value.problems
        if problem[0] == line and (problem[1] or "").startswith(key or "") and said in problem[2]
    ]
    assert len(found) == 1, refused.value.problems
    assert str(refused.value).startswith("policy.toml is not a valid policy.")


def test_all_mistakes_are_named_at_once() -> None:
    text = f'{HEAD}a = 1\nb = 2\r\n[[rules]]\nid = "A b"\naction = "review"\nreason = "dull"'

    with pytest.raises(InvalidPolicy) as refused:
        parse_policy(text)

    assert [line for line, _, _ in refused.value.problems] == [3, 4, 6, 8]


# --- what rules come to --------------------------------------------------------------------------


def test_the_strongest_action_wins_and_every_rule_that_applied_is_cited() -> None:
    ruled = rule_on(
        policy(
            rule(id="look", action="review", tier="exact"),
            rule(id="first", tier="exact"),
            rule(id="second", tier="exact", two_person=True),
            rule(id="other", tier="lookalike"),
        ),
        7,
        evidence(EXACT),
    )

    assert ruled.action is Action.BLOCK
    cited = ruled.policy
    assert (cited.name, cited.version, cited.rule, cited.two_person) == (
        "uploads",
        7,
        "first",
        True,
    )
    assert [each.rule for each in cited.applied] == ["first", "second", "look"]
    assert cited.applied[0].because == "exact in bank known (low), log-odds 30.0"


def test_a_weaker_rule_asks_for_no_second_signature() -> None:
    rules = (rule(tier="exact"), rule(id="b", action="review", tier="exact", two_person=True))

    assert not rule_on(policy(*rules), 1, evidence(EXACT)).policy.two_person


def test_the_default_holds_only_where_no_rule_applies() -> None:
    calm = policy(
        rule(action="allow", **{"class": "Neutral"}, min_probability=0.99), default="review"
    )

    assert rule_on(calm, 1, evidence(Neutral=0.99)).action is Action.ALLOW
    unsure = rule_on(calm, 1, evidence(Neutral=0.98))
    assert (unsure.action, unsure.policy.rule) == (Action.REVIEW, None)


@pytest.mark.parametrize(
    ("conditions", "applies"),
    [
        ({"tier": "exact"}, True),
        ({"tier": ["near_duplicate", "lookalike"]}, True),
        ({"tier": "near_duplicate"}, False),
        ({"kind": "block"}, True),
        ({"kind": "gallery"}, False),
        ({"bank": ["known", "else"]}, True),
        ({"bank": "else"}, False),
        ({"severity": ["high", "critical"]}, True),
        ({"severity": "medium"}, False),
        ({"min_log_odds": 30}, True),
        ({"min_log_odds": 30.5}, False),
        ({"tier": "exact", "severity": "critical"}, False),  # of two matches
        ({"class": "Porn", "min_probability": 0.8}, True),
        ({"class": "Porn", "min_probability": 0.81}, False),
        ({"class": "Cat", "min_probability": 0}, False),
        ({"class": "Porn", "min_probability": 0.8, "tier": "exact"}, True),
        ({"class": "Porn", "min_probability": 0.8, "tier": "near_duplicate"}, False),
        ({"reason": ["flat", "clustered"]}, True),
        ({"reason": "template"}, False),
        ({"tier": "exact", "unless": "allowed"}, True),
        ({"tier": "exact", "unless": ["allowed", "flat"]}, False),
    ],
)
def test_all_conditions_of_a_rule_must_hold(conditions: dict[str, Any], applies: bool) -> None:
    seen = evidence(EXACT, ALIKE, reasons=frozenset({Reason.FLAT}), Porn=0.8)

    assert bool(rule_on(policy(rule(**conditions)), 1, seen).policy.applied) is applies


def test_a_gallery_image_is_in_no_bank() -> None:
    seen = evidence(MatchEvidence(Tier.LOOKALIKE, None, None, None))

    assert rule_on(policy(rule(kind="gallery")), 1, seen).action is Action.BLOCK
    assert rule_on(policy(rule(kind="block")), 1, seen).action is Action.ALLOW
    assert rule_on(policy(rule(min_log_odds=-9)), 1, seen).action is Action.ALLOW  # none measured


def test_a_classification_is_ruled_on_by_rules_on_classes_alone() -> None:
    of_class = {"class": "Porn", "min_probability": 0.5}
    mixed = policy(
        rule(action="review", **of_class, unless="allowed"),
        rule(id="b", tier="exact", **of_class),
        default="review",
    )

    ruled = rule_on_classes(mixed, 1, {"Porn": 0.6})
    assert ruled is not None
    assert [each.rule for each in ruled.policy.applied] == ["a"]
    assert rule_on_classes(policy(rule(tier="exact")), 1, {"Porn": 0.6}) is None


# --- a stricter policy ---------------------------------------------------------------------------

ACTIONS = st.sampled_from(Action)
MATCHES = st.builds(
    MatchEvidence,
    st.sampled_from([Tier.EXACT, Tier.NEAR_DUPLICATE, Tier.LOOKALIKE]),
    st.sampled_from([None, "known", "grave"]),
    st.sampled_from([None, *Severity]),
    st.none() | st.floats(-5, 40),
)
EVIDENCE = st.builds(
    VerdictEvidence,
    st.fixed_dictionaries({"Porn": st.floats(0, 1), "Neutral": st.floats(0, 1)}),
    st.lists(MATCHES, max_size=3).map(tuple),
    st.frozensets(st.sampled_from(Reason)),
)
CONDITIONS = st.fixed_dictionaries(
    {"tier": st.lists(st.sampled_from(["exact", "near_duplicate", "lookalike"]), min_size=1)},
    optional={
        "bank": st.sampled_from(["known", "grave"]),
        "severity": st.lists(st.sampled_from(Severity), min_size=1),
        "min_log_odds": st.floats(-5, 40),
        "reason": st.sampled_from(Reason),
        "unless": st.lists(st.sampled_from(Reason), min_size=1),
    },
) | st.fixed_dictionaries(
    {"class": st.sampled_from(["Porn", "Neutral"]), "min_probability": st.floats(0, 1)},
    optional={"unless": st.lists(st.sampled_from(Reason), min_size=1)},
)
RULES = st.lists(st.tuples(ACTIONS, CONDITIONS), min_size=1, max_size=5).map(
    lambda drawn: [
        {"id": f"r{number}", "action": action, **conditions}
        for number, (action, conditions) in enumerate(drawn)
    ]
)


def stricter(rules: list[dict[str, Any]], data: st.DataObject) -> list[dict[str, Any]]:
    """Make some rules stricter: a stronger action, wider conditions, or one more rule."""
    made = []
    for each in rules:
        strict = dict(each)
        rank = ACTION_RANK[each["action"]]
        strict["action"] = data.draw(st.sampled_from([*Action][rank:]))
        for key in ("min_probability", "min_log_odds"):
            if key in strict:
                strict[key] -= data.draw(st.floats(0, 1)) * max(strict[key], 0)
        for key in ("bank", "severity", "min_log_odds", "reason", "unless"):
            if key in strict and data.draw(st.booleans()):
                del strict[key]
        made.append(strict)
    if data.draw(st.booleans()):
        made.append({"id": "new", "action": data.draw(ACTIONS), **data.draw(CONDITIONS)})
    return made


@given(RULES, EVIDENCE, st.data())
def test_a_stricter_policy_never_comes_to_a_weaker_action(
    rules: list[dict[str, Any]], seen: VerdictEvidence, data: st.DataObject
) -> None:
    """Where no rule is weaker than the default, as with the usual one."""
    before = rule_on(policy(*rules), 1, seen)
    after = rule_on(policy(*stricter(rules, data)), 2, seen)

    assert ACTION_RANK[after.action] >= ACTION_RANK[before.action]


# --- evidence ------------------------------------------------------------------------------------


def evidence_from(*matches: Match) -> VerdictEvidence:
    return evidence_of(
        matches,
        probabilities={},
        is_flat=False,
        is_clustered=True,
        is_disputed=False,
        severity_of=lambda bank: Severity.HIGH if bank == "grave" else None,
    )


def test_the_strongest_match_of_each_tier_and_bank_is_kept() -> None:
    found = evidence_from(
        match(Tier.EXACT, "known", log_odds=None),
        match(Tier.LOOKALIKE, "grave", log_odds=5.0),
        match(Tier.LOOKALIKE, "grave", log_odds=7.0),
        match(Tier.LOOKALIKE, None),
        match(Tier.NONE, "grave"),
    )

    assert found.matches == (
        MatchEvidence(Tier.EXACT, "known", None, None),
        MatchEvidence(Tier.LOOKALIKE, "grave", Severity.HIGH, 7.0),
        MatchEvidence(Tier.LOOKALIKE, None, None, 9.0),
    )
    assert found.reasons == {Reason.CLUSTERED}


def test_what_an_allow_bank_suppresses_meets_no_rule_on_matches() -> None:
    by_entry = Suppression(SuppressionKind.ALLOW_ENTRY, "fine", 3, None)
    allow = match(Tier.EXACT, "fine", bank_kind=BankKind.ALLOW)
    found = evidence_from(allow, match(Tier.NEAR_DUPLICATE, "known", suppressed_by=by_entry))

    assert found.matches == ()
    assert found.reasons == {Reason.ALLOWED, Reason.SUPPRESSED, Reason.CLUSTERED}


def test_a_benign_piece_does_not_make_the_picture_allowed() -> None:
    piece = Part(PartKind.TILE, 0, (0, 0, 9, 9))
    found = evidence_from(match(Tier.EXACT, "fine", bank_kind=BankKind.ALLOW, query_part=piece))

    assert Reason.ALLOWED not in found.reasons


# --- stored verdicts -----------------------------------------------------------------------------


@pytest.mark.postgres
def test_only_the_newest_verdicts_are_kept_and_none_that_are_old(store: Store) -> None:
    history = VerdictHistory(store, Settings(keep_verdicts=3, verdict_days=1))
    for _ in range(5):
        history.record(verdict(), evidence(EXACT, Porn=0.5))
    history.flush()
    with store.reader() as catalog:
        kept = catalog.verdicts.page()
    assert [each.id for each in kept] == [5, 4, 3]
    assert [each.evidence for each in kept] == [evidence(EXACT, Porn=0.5)] * 3

    with store.writer() as writer:
        assert writer.verdicts.trim(3, datetime.now(UTC) + timedelta(days=1)) == 3


def test_no_verdicts_are_stored_where_none_are_wanted() -> None:
    history = VerdictHistory(None, Settings(keep_verdicts=0))  # type: ignore[arg-type]
    history.record(verdict(), NOTHING)
    history.flush()  # it would need the store


def test_the_example_of_the_page_is_a_valid_policy() -> None:
    page = (Path(__file__).parents[1] / "docs" / "policies.md").read_text()
    examples = [text.partition("```")[0] for text in page.split("```toml\n")[1:]]

    assert [parse_policy(text).name for text in examples] == ["uploads"]
