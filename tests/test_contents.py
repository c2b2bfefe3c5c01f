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
        writer.ratios.create_bank("KNOWN", 1.0)
        bank_id = writer.banks.id_of("KNOWN")
        content_id = writer.contents.add(bank_id, [PDQ, MD5])
        alone = writer.contents.add(bank_id, [OTHER])
        assert writer.contents.add(bank_id, [MD5, PDQ]) == content_id
        writer.contents.describe(
            content_id, ContentMetadata("item-1", None, {"x": [1, "é"]}), "a note"
        )
        writer.contents.disable(content_id, FOR_GOOD)

    with store.reader() as catalog:
        content = catalog.contents.get("KNOWN", content_id)
        assert {entry.fingerprint for entry in content.entries} == {PDQ, MD5}
        assert {entry.content_id for entry in content.entries} == {content_id}
        assert not any(entry.enabled(datetime.now(UTC)) for entry in content.entries)
        assert content.metadata == ContentMetadata("item-1", None, {"x": [1, "é"]})
        assert content.note == "a note"
        assert len(catalog.contents.get("KNOWN", alone).entries) == 1
        assert [e.content_id for e in catalog.contents.entries_by_digest(MD5)] == [content_id]
        assert catalog.entries.block_counts() == {FingerprintKind.PDQ: 1, FingerprintKind.MD5: 2}

    with store.writer() as writer:
        assert writer.contents.remove("KNOWN", content_id) == 1
        assert writer.contents.remove("KNOWN", content_id) == 0
        with pytest.raises(NotFoundError):
            writer.contents.get("KNOWN", content_id)
        assert len(writer.entries.page("KNOWN")) == 1


def test_a_bank_s_ratio_outlives_its_being_disabled(store: Store) -> None:
    with store.writer() as writer:
        writer.ratios.create_bank("KNOWN", 0.25)
        writer.ratios.set_bank("KNOWN", 0)
        assert writer.ratios.of_banks() == {"KNOWN": 0}
        assert not writer.banks.get("KNOWN").enabled
        writer.banks.edit("KNOWN", enabled=True)
        assert writer.ratios.of_banks() == {"KNOWN": 0.25}
        with pytest.raises(InputError):
            writer.ratios.set_bank("KNOWN", 1.5)


def test_a_bank_is_renamed_unless_the_name_is_taken(store: Store) -> None:
    with store.writer() as writer:
        writer.ratios.create_bank("KNOWN", 1.0)
        writer.banks.create("benign", BankKind.ALLOW)
        entry_id = writer.entries.add_fingerprint(writer.banks.id_of("KNOWN"), PDQ)
        with pytest.raises(BankExists):
            writer.banks.rename("KNOWN", "benign")
        with pytest.raises(BankExists):
            writer.ratios.create_bank("benign", 1.0)
        writer.banks.rename("KNOWN", "NEWER")
        assert writer.entries.get(entry_id).bank == "NEWER"
        with pytest.raises(NotFoundError):
            writer.banks.require_block("benign")


@pytest.mark.postgres
def test_odd_texts_break_nothing(store: Store) -> None:
    with store.writer() as writer:
        writer.ratios.create_bank("KNOWN", 1.0)
        content_id = writer.contents.add(writer.banks.id_of("KNOWN"), [PDQ])
        writer.contents.describe(content_id, ContentMetadata(ODD, ODD, {ODD: ODD}), ODD)

        assert writer.contents.get("KNOWN", content_id).metadata.content_id
        with pytest.raises(NotFoundError):
            writer.contents.get(ODD, content_id)
        with pytest.raises(NotFoundError):
            writer.contents.get("KNOWN", 2**80)
