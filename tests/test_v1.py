"""The routes of /v1 through our own client, on a real server."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from indexer.store import AuditQuery, Store, open_store
from indexer.types import (
    Action,
    BankKind,
    DeliveryState,
    Fingerprint,
    FingerprintKind,
    Outcome,
    PartialVerdict,
    Policy,
    Scope,
    Tier,
    Verdict,
    WebhookEvent,
)
from search_api.client import Conflict, Lookalike, NotFound, UnusableRequest
from support.commands import PHOTOS, Index
from support.running import until

KNOWN, BENIGN = "hedgehog.jpg", "coffee.jpg"
GALLERY = ("bee.jpg", "crab.jpg", "koala.jpg")


def photo(name: str) -> bytes:
    return (PHOTOS / name).read_bytes()


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Index:
    """Index a few photos; of a tiny model only copies count, so embeddings must be equal."""
    rules = {
        "LOOKALIKE_MODEL": str(tiny_model),
        "LOOKALIKE_NEAR_DUPLICATE_LOG_ODDS": "17.05",  # an equal embedding gives 24 - ln 1,000
        "LOOKALIKE_LOOKALIKE_LOG_ODDS": "17.05",
    }
    index = Index(tmp_path_factory.mktemp("home"), extra=rules)
    index.run_here("init")
    index.run_here("index", "add", *(PHOTOS / name for name in GALLERY))
    index.run_here("bank", "create", "unsafe")
    index.run_here("bank", "add", "unsafe", PHOTOS / KNOWN)
    index.run_here("bank", "create", "benign", "--kind", "allow")
    return index


@pytest.fixture(scope="module")
def server(index: Index) -> Iterator[httpx.Client]:
    with index.serve() as client:
        yield client


@pytest.fixture(scope="module")
def api(server: httpx.Client) -> Iterator[Lookalike]:
    with Lookalike(str(server.base_url)) as api:
        yield api


# --- searching -----------------------------------------------------------------------------------


def test_a_picture_a_vector_fingerprints_and_a_stored_image_find_the_same_entry(
    api: Lookalike,
) -> None:
    verdict = api.search(photo(KNOWN))
    [match] = verdict.matches
    stored = api.image(match.image_id or 0)
    embedded = api.embed(photo(KNOWN))

    by_vector = api.search_vector(embedded.embedding, embedded.model)
    twice_as_long = api.search_vector([2 * x for x in embedded.embedding], embedded.model)
    assert (by_vector.tier, by_vector.hits) == (Tier.NEAR_DUPLICATE, verdict.hits)
    assert by_vector.matches[0].similarity == pytest.approx(1, abs=1e-5)
    assert by_vector.matches[0].pdq_distance is None
    assert twice_as_long.matches == by_vector.matches
    assert embedded.dimension == len(embedded.embedding)
    assert embedded.probabilities == verdict.probabilities
    for kind, digits, tier in (
        (FingerprintKind.SHA256, stored.sha256, Tier.EXACT),
        (FingerprintKind.MD5, stored.md5, Tier.EXACT),
        (FingerprintKind.PDQ, stored.pdq, Tier.NEAR_DUPLICATE),
    ):
        found = api.search_fingerprint(Fingerprint(kind, bytes.fromhex(digits)))
        assert (found.tier, found.hits, found.banks) == (tier, verdict.hits, ("unsafe",))
        [match] = found.matches
        assert (match.image_id, match.similarity) == (stored.image_id, None)
    assert api.search_image(stored.image_id).tier is Tier.NONE  # itself does not count


def test_a_pdq_within_the_bound_is_a_near_duplicate_and_beyond_it_nothing(api: Lookalike) -> None:
    pdq = bytearray(bytes.fromhex(api.search(photo(KNOWN)).pdq))
    within, beyond = bytes([pdq[0] ^ 0xFF, *pdq[1:]]), bytes(byte ^ 0xFF for byte in pdq)

    near = api.search_fingerprint(Fingerprint(FingerprintKind.PDQ, within))
    far = api.search_fingerprint(Fingerprint(FingerprintKind.PDQ, beyond))

    assert [match.pdq_distance for match in near.matches] == [8]
    assert (far.tier, far.matches) == (Tier.NONE, ())


def test_several_pictures_are_answered_each_by_itself_in_their_order(api: Lookalike) -> None:
    images = [("known.jpg", photo(KNOWN)), ("x.txt", b"no picture"), ("bee.jpg", photo("bee.jpg"))]

    items = api.search_many(images)
    classified = api.classify_many(images)

    assert [item.query for item in items] == [name for name, _ in images]
    assert items[0].verdict == api.search(photo(KNOWN), "known.jpg")
    assert items[2].verdict == api.search(photo("bee.jpg"), "bee.jpg")
    assert items[1].verdict is None
    assert items[1].problem is not None
    assert (items[1].problem.title, items[1].problem.status) == ("unreadable_image", 415)
    assert classified[0].classification == api.classify(photo(KNOWN), "known.jpg")
    assert [item.problem is None for item in classified] == [True, False, True]


def test_as_many_pictures_as_are_allowed_and_not_one_more(api: Lookalike) -> None:
    with pytest.raises(UnusableRequest, match="1 to 32 pictures"):
        api.classify_many([("a", b"")] * 33)
    with pytest.raises(UnusableRequest, match="1 to 32 pictures"):
        api.classify_many([])
    assert len(api.classify_many([("a", b"")] * 32)) == 32


def test_only_matches_of_the_tiers_and_the_time_that_are_asked_for_come_back(
    api: Lookalike,
) -> None:
    everything = api.search(photo(KNOWN), min_log_odds=-100)
    later = datetime.now(UTC) + timedelta(hours=1)

    near = api.search(photo(KNOWN), min_log_odds=-100, tiers=[Tier.LOOKALIKE], k=1)

    assert {match.tier for match in everything.matches} == {Tier.EXACT, Tier.LOOKALIKE}
    assert (near.tier, near.hits) == (everything.tier, everything.hits)
    assert near.matches == tuple(m for m in everything.matches if m.tier is Tier.LOOKALIKE)[:1]
    assert api.search(photo(KNOWN), min_log_odds=-100, created_after=later).matches == ()
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    assert api.search(photo(KNOWN), min_log_odds=-100, created_after=long_ago) == everything


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"model": "0" * 64}, "model_mismatch"),
        ({"model": "x"}, "invalid_request"),
        ({"vector": [1.0]}, "dimension_mismatch"),
        ({"vector": []}, "invalid_request"),
        ({"vector": "zeros"}, "invalid_input"),
    ],
    ids=str,
)
def test_a_vector_that_does_not_fit_is_refused(
    api: Lookalike, change: dict[str, Any], code: str
) -> None:
    embedded = api.embed(photo(KNOWN))
    request = {"vector": embedded.embedding, "model": embedded.model} | change
    if request["vector"] == "zeros":
        request["vector"] = [0.0] * embedded.dimension

    with pytest.raises((UnusableRequest, Conflict)) as refusal:
        api.search_vector(**request)

    assert refusal.value.code == code
    assert refusal.value.status == (409 if "mismatch" in code else 422)


# --- banks, entries, images ----------------------------------------------------------------------


def test_a_bank_lives_from_its_making_to_its_removal(api: Lookalike) -> None:
    made = api.create_bank("fresh", BankKind.BLOCK, category="spam", notes="new")
    assert (made.name, made.kind, made.entry_count, made.enabled) == ("fresh", "block", 0, True)
    assert api.create_bank("fresh") == made
    with pytest.raises(Conflict, match="bank_mismatch"):
        api.create_bank("fresh", BankKind.ALLOW)
    edited = api.edit_bank("fresh", severity="high", notes="", enabled=False)
    assert (edited.severity, edited.notes, edited.category) == ("high", None, "spam")
    assert api.bank("fresh") == edited
    assert [bank.name for bank in api.banks(limit=1)] == ["unsafe", "benign", "fresh"]
    assert api.remove_bank("fresh").entries == 0
    with pytest.raises(NotFound, match="Did you mean"):
        api.bank("frish") if api.create_bank("fresh") else None
    api.remove_bank("fresh")


def test_what_joins_a_bank_matches_until_it_is_disabled_or_removed(api: Lookalike) -> None:
    api.create_bank("joined")
    picture = photo("moose.jpg")
    entry = api.upload_entry("joined", picture, "moose.jpg")
    assert api.upload_entry("joined", picture) == entry

    def banks() -> tuple[str, ...]:
        return api.search(picture, banks=["joined"]).banks

    assert banks() == ("joined",)
    assert api.image(entry.image_id or 0).sources == (
        f"upload:{api.image(entry.image_id or 0).sha256}",
    )
    disabled = api.disable_entry(entry.id, datetime.now(UTC) + timedelta(hours=1))
    assert disabled.disabled_reason == "by hand"
    assert banks() == ()
    assert api.enable_entry(entry.id).disabled_until is None
    assert banks() == ("joined",)
    assert api.remove_entry(entry.id).bank == "joined"
    assert banks() == ()
    again = api.add_image("joined", entry.image_id or 0)
    bare = api.add_fingerprint(
        "joined", Fingerprint(FingerprintKind.MD5, bytes(range(16))), notes="n", labels=["a"]
    )
    assert (bare.notes, bare.labels) == ("n", ("a",))
    assert list(api.entries("joined", limit=1)) == [again, bare]
    assert api.entry(bare.id) == bare
    assert api.remove_bank("joined").entries == 2
    api.remove_image(entry.image_id or 0, purge=True)


def test_an_image_that_is_removed_is_gone_and_one_that_is_purged_leaves_its_proof(
    api: Lookalike, index: Index
) -> None:
    api.create_bank("doomed")
    image_id = api.upload_entry("doomed", photo("swans.jpg")).image_id or 0
    assert api.remove_image(image_id).purged is False
    with pytest.raises(NotFound):
        api.image(image_id)
    with pytest.raises(NotFound):
        api.remove_image(image_id)
    assert api.remove_image(image_id, purge=True).purged is True
    assert index.run_here("status", "--json").json["counts"]["purged"] >= 1
    assert api.search(photo("swans.jpg")).tier is Tier.NONE
    api.remove_bank("doomed")


def test_lists_are_the_same_in_pages_of_any_size(api: Lookalike) -> None:
    images = list(api.images())

    assert {image.sources[0] for image in images} >= {str(PHOTOS / name) for name in GALLERY}
    assert list(api.images(limit=1)) == images
    assert [image.image_id for image in api.images(bank="unsafe")] == [
        entry.image_id for entry in api.entries("unsafe")
    ]
    recent = list(api.images(created_after=images[-1].created_at))
    assert recent == []
    assert list(api.thresholds()) == []
    with pytest.raises(NotFound):
        api.threshold(1)


def test_the_spaces_are_those_of_the_command(api: Lookalike, index: Index) -> None:
    listed = index.run_here("space", "list", "--json").json

    assert [(space.id, space.fingerprint, space.active) for space in api.spaces()] == [
        (space["id"], space["fingerprint"], space["active"]) for space in listed
    ]
    assert listed[0]["active"] is True


def test_the_status_is_that_of_the_command(api: Lookalike, index: Index) -> None:
    said = index.run_here("status", "--json").json

    status = api.status()

    assert status.counts.images == said["counts"]["images"]
    assert (str(status.home), status.database) == (said["home"], said["database"])
    assert [bank.name for bank in status.banks] == [bank["name"] for bank in said["banks"]]


def test_an_administrator_manages_keys_and_webhooks_and_reads_what_was_done(
    api: Lookalike,
) -> None:
    key = api.create_key("uploads", [Scope.CHECK], requests_per_second=5)
    assert key.token.startswith(f"lk_{key.key.public_id}_")
    assert key.key in list(api.keys(limit=1))
    assert api.revoke_key(key.key.id).revoked_at is not None

    made = api.create_webhook("https://hooks.example.org/a", [WebhookEvent.FLOOD_FLAG])
    disabled = api.edit_webhook(made.webhook.id, enabled=False, description="ours")
    assert (disabled.enabled, disabled.description) == (False, "ours")
    assert api.webhook(made.webhook.id) in list(api.webhooks())
    assert api.rotate_webhook_secret(made.webhook.id).secret != made.secret
    sent = api.test_webhook(made.webhook.id)
    assert list(api.webhook_deliveries(made.webhook.id, DeliveryState.PENDING)) == [sent]
    with pytest.raises(UnusableRequest, match="is pending"):
        api.retry_webhook_delivery(made.webhook.id, sent.id)
    api.remove_webhook(made.webhook.id)

    done = [entry.action for entry in api.audit(action="webhook.", newest_first=True, limit=2)]
    assert done[:2] == ["webhook.remove", "webhook.test"]
    assert api.audit_head().number >= len(done)
    assert key.token not in str(list(api.audit()))


def test_a_decision_is_remembered_and_a_retro_scan_ends(api: Lookalike) -> None:
    verdict = api.search(photo(KNOWN) + b"once more")
    decided = api.decide(verdict, Outcome.ESCALATED, entry_id=verdict.hits[0])
    assert decided.decision in list(api.decisions(sha256=verdict.sha256))
    scan = api.start_retro_scan("unsafe")
    assert api.retro_scan(scan.id).bank == "unsafe"
    assert scan.id in [each.id for each in api.retro_scans()]
    assert list(api.retro_matches(scan.id)) == []
    assert list(api.floods()) == []
    with pytest.raises(NotFound):
        api.dismiss_flood(1)
    with pytest.raises(NotFound):
        api.quarantine_flood(1)


# --- policies ------------------------------------------------------------------------------------


def test_a_running_server_takes_a_policy_over_and_cites_its_version_and_rule(
    api: Lookalike, index: Index, tmp_path: Path
) -> None:
    def use(name: str, action: str) -> Policy:
        file = tmp_path / f"{name}.toml"
        file.write_text(
            f'format = 1\nname = "{name}"\n[[rules]]\nid = "copies"\naction = "{action}"\n'
            'tier = "exact"\ntwo_person = true\n'
        )
        used = index.run_here("policy", "use", file, "--json").json
        until(lambda: cited() == used["version"], seconds=5)
        return api.policy(used["version"])

    def cited() -> int | None:
        policy = api.search(photo(KNOWN)).policy
        return policy.version if policy else None

    assert api.search(photo(KNOWN)).action is None
    first, second = use("first", "review"), use("second", "block")

    answers: list[Verdict | PartialVerdict] = [
        api.search(photo(KNOWN)),
        api.search_image(api.search(photo(KNOWN)).matches[0].image_id or 0),
        api.search_fingerprint(Fingerprint(FingerprintKind.SHA256, sha256(photo(KNOWN)).digest())),
    ]
    assert [answer.action for answer in answers] == [Action.BLOCK, Action.ALLOW, Action.BLOCK]
    for answer in answers:
        assert answer.policy is not None
        assert (answer.policy.name, answer.policy.version) == ("second", second.version)
    cited_last = answers[-1].policy
    assert cited_last is not None
    assert (cited_last.rule, cited_last.two_person) == ("copies", True)
    assert api.classify(photo(KNOWN)).action is None  # it has no rule on classes
    assert [policy.version for policy in api.policies()] == [second.version, first.version]
    assert 'name = "first"' in api.policy(first.version).document
    with pytest.raises(NotFound):
        api.policy(99)

    index.run_here("policy", "retire")
    until(lambda: cited() is None, seconds=5)
    with open_store(index.settings.resolved_database_url) as store:
        until(lambda: {"review", "block"} <= stored_actions(store))
        until(lambda: ["block", second.version, "copies"] in audited_rulings(store))


def stored_actions(store: Store) -> set[str | None]:
    with store.reader() as catalog:
        return {verdict.action for verdict in catalog.verdicts.page()}


def audited_rulings(store: Store) -> list[list[object]]:
    with store.reader() as catalog:
        rows = catalog.audit.page(AuditQuery(action="lookup.search", newest_first=True))
        details = [row.shown().detail for row in rows]
    return [[detail.get(key) for key in ("action", "policy", "rule")] for detail in details]
