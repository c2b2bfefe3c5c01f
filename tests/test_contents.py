"""Contents in the catalog, on both databases."""

from datetime import UTC, datetime

import pytest

from indexer.errors import BankExists, InputError, NotFoundError
from indexer.store import FOR_GOOD, Store
from indexer.types import BankKind, ContentMetadata, Fingerprint, FingerprintKind

PDQ = Fingerprint(FingerprintKind.PDQ, b"\x0f" * 32)
MD5 = Fingerprint(FingerprintKind.MD5, b"\x01" * 16)
OTHER = Fingerprint(FingerprintKind.MD5, b"\x02" * 16)
ODD = "a\x00b\ud800"  # what a database may choke on


@pytest.mark.postgres
def test_signals_that_are_added_together_are_one_content(store: Store) -> None:
    with store.writer() as writer:
        writer.create_block_bank("KNOWN", 1.0)
        bank_id = writer.bank_id("KNOWN")
        content_id = writer.add_fingerprints(bank_id, [PDQ, MD5])
        alone = writer.add_fingerprints(bank_id, [OTHER])
        assert writer.add_fingerprints(bank_id, [MD5, PDQ]) == content_id
        writer.describe_content(
            content_id, ContentMetadata("item-1", None, {"x": [1, "é"]}), "a note"
        )
        writer.disable_content(content_id, FOR_GOOD)

    with store.reader() as catalog:
        content = catalog.content("KNOWN", content_id)
        assert {entry.fingerprint for entry in content.entries} == {PDQ, MD5}
        assert {entry.content_id for entry in content.entries} == {content_id}
        assert not any(entry.enabled(datetime.now(UTC)) for entry in content.entries)
        assert content.metadata == ContentMetadata("item-1", None, {"x": [1, "é"]})
        assert content.note == "a note"
        assert len(catalog.content("KNOWN", alone).entries) == 1
        assert [e.content_id for e in catalog.content_entries_by_digest(MD5)] == [content_id]
        assert catalog.block_entries_by_kind() == {FingerprintKind.PDQ: 1, FingerprintKind.MD5: 2}

    with store.writer() as writer:
        assert writer.remove_content("KNOWN", content_id) == 1
        assert writer.remove_content("KNOWN", content_id) == 0
        with pytest.raises(NotFoundError):
            writer.content("KNOWN", content_id)
        assert len(writer.entries("KNOWN")) == 1


def test_a_bank_s_ratio_outlives_its_being_disabled(store: Store) -> None:
    with store.writer() as writer:
        writer.create_block_bank("KNOWN", 0.25)
        writer.set_bank_ratio("KNOWN", 0)
        assert writer.bank_ratios() == {"KNOWN": 0}
        assert not writer.bank("KNOWN").enabled
        writer.edit_bank("KNOWN", enabled=True)
        assert writer.bank_ratios() == {"KNOWN": 0.25}
        with pytest.raises(InputError):
            writer.set_bank_ratio("KNOWN", 1.5)


def test_a_bank_is_renamed_unless_the_name_is_taken(store: Store) -> None:
    with store.writer() as writer:
        writer.create_block_bank("KNOWN", 1.0)
        writer.create_bank("benign", BankKind.ALLOW)
        entry_id = writer.add_fingerprint(writer.bank_id("KNOWN"), PDQ)
        with pytest.raises(BankExists):
            writer.rename_bank("KNOWN", "benign")
        with pytest.raises(BankExists):
            writer.create_block_bank("benign", 1.0)
        writer.rename_bank("KNOWN", "NEWER")
        assert writer.entry(entry_id).bank == "NEWER"
        with pytest.raises(NotFoundError):
            writer.require_block_bank("benign")


@pytest.mark.postgres
def test_odd_texts_break_nothing(store: Store) -> None:
    with store.writer() as writer:
        writer.create_block_bank("KNOWN", 1.0)
        content_id = writer.add_fingerprints(writer.bank_id("KNOWN"), [PDQ])
        writer.describe_content(content_id, ContentMetadata(ODD, ODD, {ODD: ODD}), ODD)

        assert writer.content("KNOWN", content_id).metadata.content_id
        with pytest.raises(NotFoundError):
            writer.content(ODD, content_id)
        with pytest.raises(NotFoundError):
            writer.content("KNOWN", 2**80)
