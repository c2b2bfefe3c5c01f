"""Lists are read in the formats that others publish; what is damaged hides nothing else."""

import gzip
import json
from hashlib import md5, sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import InputError, UnreadableSource
from indexer.exchange import format_of
from indexer.exchange.items import BadRow, Ignored, Item
from indexer.exchange.list_streams import LONGEST_LINE, open_list
from indexer.types import (
    EXTERNAL_ID_BYTES,
    FingerprintKind,
    ListedFingerprint,
    ListFormat,
    WithdrawnFingerprint,
)
from support.lists import (
    fingerprint,
    ncmec,
    ncmec_deleted,
    ncmec_image,
    pdq,
    read,
    read_gzip,
    stopncii,
    stopncii_record,
)

PDQ, MD5, SHA256 = FingerprintKind.PDQ, FingerprintKind.MD5, FingerprintKind.SHA256
TEXT, CSV, JSONL = ListFormat.TEXT, ListFormat.CSV, ListFormat.JSONL
EMPTY = [
    ("md5", md5(b"", usedforsecurity=False).hexdigest()),
    ("sha256", sha256(b"").hexdigest()),
    ("pdq", "0" * 64),
]


def listed(*seeds: int) -> list[Item]:
    return [ListedFingerprint(pdq(seed), pdq(seed).hex) for seed in seeds]


def bad_lines(items: list[Item]) -> list[int]:
    return [int(item.where.partition(":")[2]) for item in items if isinstance(item, BadRow)]


# --- text ----------------------------------------------------------------------------------------


def test_a_text_list_names_the_kind_before_the_fingerprint() -> None:
    items = [fingerprint(kind, 1) for kind in FingerprintKind]
    text = "".join(f"{item.kind} {item.hex}\n" for item in items)

    assert read(TEXT, text) == [ListedFingerprint(item, item.hex) for item in items]


def test_a_bare_md5_is_told_by_its_length() -> None:
    one = fingerprint(MD5, 1)

    assert read(TEXT, one.hex) == [ListedFingerprint(one, one.hex)]


def test_bare_64_digits_are_not_guessed_at() -> None:
    [item] = read(TEXT, pdq(1).hex)

    assert isinstance(item, BadRow)
    assert "--type" in item.reason
    assert item.unread


@pytest.mark.parametrize("kind", [PDQ, SHA256])
def test_bare_64_digits_are_of_the_kind_that_is_said(kind: FingerprintKind) -> None:
    one = fingerprint(kind, 1)

    assert read(TEXT, one.hex, kind=kind) == [ListedFingerprint(one, one.hex)]


def test_a_text_list_may_have_comments_blank_lines_capitals_and_any_line_ends() -> None:
    text = f"\ufeff# a list\r\n\r\n  PDQ  {pdq(1).hex.upper()}\r\npdq\t{pdq(2).hex}"

    assert read(TEXT, text) == listed(1, 2)


def test_kinds_that_we_do_not_match_by_are_ignored_by_name() -> None:
    assert read(TEXT, f"SHA1 {'a' * 40}\nphotodna abc\n") == [Ignored("sha1"), Ignored("photodna")]


def test_a_kind_that_nobody_heard_of_is_ignored_by_name() -> None:
    text = f"Photo_SHA3 {'a' * 64}\n"
    row = json.dumps({"type": "vpdq-2", "hash": "v" * 20})

    assert read(TEXT, text) == [Ignored("photo_sha3", unheard_of=True)]
    assert read(JSONL, row) == [Ignored("vpdq-2", unheard_of=True)]
    assert read(CSV, f"type,hash\nvpdq 2,{'v' * 20}") == [Ignored("vpdq 2", unheard_of=True)]
    assert read(TEXT, f"video_sha256 {'a' * 64}") == [Ignored("video_sha256")]


def test_the_md5_of_a_photo_is_an_md5() -> None:
    one = fingerprint(MD5, 1)

    assert read(TEXT, f"photo_md5 {one.hex}") == [ListedFingerprint(one, one.hex)]


def test_a_withdrawal_of_a_kind_that_we_do_not_match_by_withdraws_no_other() -> None:
    assert read(CSV, "external_id,type,removed\nx,sha1,yes") == [Ignored("sha1")]
    assert read(CSV, "external_id,type,removed\nx,new_kind,yes") == [
        Ignored("new_kind", unheard_of=True)
    ]


@pytest.mark.parametrize(
    "line",
    [
        "pdq",
        "pdq xyz",
        f"pdq {'a' * 63}",
        f"pdq {'a' * 65}",
        f"md5 {'a' * 64}",
        f"{'ab' * 16} pdq",
        f"pdx {'a' * 15}",
        f"{'x' * 41} {'a' * 64}",
        f"pdq {'a' * 64} 3",
        "pdq " + "é" * 64,
        "pdq " + "\udcff" * 64,
        "\0" * 70,
        "x" * (LONGEST_LINE + 5),
    ],
    ids=lambda line: f"{line[:9]!r}, {len(line)} long",
)
def test_a_corrupt_line_is_told_with_its_number_and_the_others_are_read(line: str) -> None:
    text = f"pdq {pdq(1).hex}\n{line}\npdq {pdq(2).hex}\n"

    items = read(TEXT, text)

    assert [item for item in items if not isinstance(item, BadRow)] == listed(1, 2)
    assert bad_lines(items) == [2]


@pytest.mark.parametrize(("kind", "text"), EMPTY, ids=lambda value: value[:6])
@pytest.mark.parametrize("list_format", [TEXT, CSV, JSONL])
def test_fingerprints_of_no_content_are_refused(
    list_format: ListFormat, kind: str, text: str
) -> None:
    row = {
        TEXT: f"{kind} {text}",
        CSV: f"type,fingerprint\n{kind},{text}",
        JSONL: json.dumps({"type": kind, "fingerprint": text}),
    }[list_format]

    [item] = read(list_format, row)

    assert isinstance(item, BadRow)
    assert "empty content" in item.reason
    assert not item.unread  # it is known what the row lists


# --- CSV -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("type,fingerprint", f"pdq,{pdq(1).hex}"),
        ("Hash_Type; Hash", f"HASH_PDQ;{pdq(1).hex}"),
        ("hash\tsignal_type", f"{pdq(1).hex}\tpdq"),
        ("id,pdq", f",{pdq(1).hex}"),
        ("when,pdq,quality", f"2026,{pdq(1).hex},50"),
        ("kind,value,unknown,external_id", f'"pdq","{pdq(1).hex}"'),
    ],
)
def test_the_columns_of_a_csv_list_are_found_by_name(header: str, row: str) -> None:
    assert read(CSV, f"{header}\n{row}\n") == listed(1)


def test_a_csv_row_tells_all_that_we_keep() -> None:
    text = (
        "external_id,type,fingerprint,labels,notes,source\n"
        f'A-1,pdq,{pdq(1).hex},"one; two","two\nlines, ""quoted""",partner\n'
    )

    assert read(CSV, text) == [
        ListedFingerprint(pdq(1), "A-1", "partner", ("one", "two"), 'two\nlines, "quoted"')
    ]
    assert [item.source for item in read(CSV, text, source="ours")] == ["ours"]  # type: ignore[union-attr]


def test_a_row_may_have_several_fingerprints_under_one_id() -> None:
    mine, its = fingerprint(MD5, 1), fingerprint(SHA256, 1)
    text = f"id,md5,sha1,sha256\n7,{mine.hex},{'a' * 40},{its.hex}\n"

    assert read(CSV, text) == [
        ListedFingerprint(mine, "7"),
        ListedFingerprint(its, "7"),
        Ignored("sha1"),
    ]


def test_a_row_may_withdraw_what_it_names() -> None:
    text = f"id,type,fingerprint,removed\n7,pdq,{pdq(1).hex},yes\n,pdq,{pdq(2).hex},1\n8,,,true\n"

    assert read(CSV, text) == [
        WithdrawnFingerprint("7", PDQ),
        WithdrawnFingerprint(pdq(2).hex, PDQ),
        WithdrawnFingerprint("8", None),
    ]


def test_a_pdq_of_low_quality_is_refused_and_other_kinds_are_not() -> None:
    text = f"pdq,md5,quality\n{pdq(1).hex},{fingerprint(MD5, 1).hex},49\n"

    items = read(CSV, text)

    assert items[0] == BadRow("list:2", "its PDQ quality is 49, below 50", unread=False)
    assert items[1:] == [ListedFingerprint(fingerprint(MD5, 1), fingerprint(MD5, 1).hex)]


def test_the_dump_of_tx_is_read_by_its_own_columns() -> None:
    text = (
        "signal_type,signal_str,collab,category,tags\n"
        f"pdq,{pdq(1).hex},Sample Signals,POSITIVE_CLASS,one two\n"
        f"video_md5,{fingerprint(MD5, 1).hex},Other,INVESTIGATION_SEED,\n"
        f"pdq,{pdq(2).hex},Other,NEGATIVE_CLASS,\n"
        "url,https://example.org,Other,POSITIVE_CLASS,\n"
    )

    assert read(ListFormat.TX, text) == read(CSV, text)
    assert read(CSV, text) == [
        ListedFingerprint(pdq(1), pdq(1).hex, "Sample Signals", ("one", "two")),
        ListedFingerprint(fingerprint(MD5, 1), fingerprint(MD5, 1).hex, "Other"),
        Ignored("negative_class"),
        Ignored("url"),
    ]


@pytest.mark.parametrize(
    "row",
    [
        f'pdq,"{pdq(9).hex}',
        f'pdq,"{pdq(9).hex}"x',
        f"pdq,{pdq(9).hex},,,,,",
        f"pdq,{pdq(9).hex[1:]},",
        f"pdq,{pdq(9).hex},{'x' * (EXTERNAL_ID_BYTES + 1)}",
        f"pdq,{pdq(9).hex},\udcff",
        "pdq,,",
        "no such kind",
        '"',
    ],
)
def test_a_corrupt_row_spoils_only_its_own_line(row: str) -> None:
    rows = [f"pdq,{pdq(1).hex},", row, f'pdq,"{pdq(2).hex}",', "", f"pdq,{pdq(3).hex}"]

    items = read(CSV, "\n".join(["type,fingerprint,id", *rows]))

    assert [item for item in items if not isinstance(item, BadRow)] == listed(1, 2, 3)
    assert bad_lines(items) == [3]


def test_a_csv_list_without_a_column_for_fingerprints_is_refused() -> None:
    with pytest.raises(UnreadableSource, match="--format text"):
        read(CSV, f"{pdq(1).hex}\n{pdq(2).hex}\n")
    with pytest.raises(UnreadableSource):
        read(CSV, "")


# --- JSON lines ----------------------------------------------------------------------------------


def test_a_json_line_tells_all_that_we_keep() -> None:
    row = {
        "ID": 17,
        "type": "pdq",
        "fingerprint": pdq(1).hex,
        "labels": ["a;b", " c "],
        "notes": "words",
        "quality": 88,
    }

    assert read(JSONL, json.dumps(row)) == [
        ListedFingerprint(pdq(1), "17", None, ("a;b", " c "), "words")
    ]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "nonsense",
        "{}",
        '{"fingerprint": {"a": 1}}',
        '{"pdq": 12}',
        json.dumps({"pdq": pdq(9).hex, "labels": [1]}),
        json.dumps({"pdq": pdq(9).hex, "quality": "good"}),
        json.dumps({"pdq": pdq(9).hex, "removed": "perhaps"}),
        json.dumps({"pdq": pdq(9).hex, "notes": "\0"}),
        json.dumps({"pdq": pdq(9).hex, "id": "\ud800"}),
        "[" * 100_000,
    ],
    ids=lambda line: line[:40],
)
def test_a_corrupt_json_line_spoils_only_itself(line: str) -> None:
    lines = [json.dumps({"pdq": pdq(1).hex}), line, json.dumps({"pdq": pdq(2).hex})]

    items = read(JSONL, "\n".join(lines))

    assert [item for item in items if not isinstance(item, BadRow)] == listed(1, 2)
    assert bad_lines(items) == [2]


# --- NCMEC ---------------------------------------------------------------------------------------


def test_an_ncmec_entry_gives_its_fingerprints_and_withdraws_the_kinds_it_lacks() -> None:
    mine = fingerprint(MD5, 1)
    more = f"<sha1>{'a' * 40}</sha1><pdna>1,2...</pdna><videntifier rel='self' href='/v2/x'/>"

    assert read(ListFormat.NCMEC, ncmec(ncmec_image("image1", mine, pdq(1), more=more))) == [
        ListedFingerprint(mine, "42-image1", labels=("A1",)),
        ListedFingerprint(pdq(1), "42-image1", labels=("A1",)),
        Ignored("sha1"),
        Ignored("pdna"),
        Ignored("videntifier"),
        WithdrawnFingerprint("42-image1", SHA256),
    ]


def test_what_an_ncmec_member_took_back_is_withdrawn_and_videos_are_ignored() -> None:
    video = (
        '<video><member id="42">M</member><id>v</id>'
        "<fingerprints><md5>x</md5></fingerprints></video>"
    )

    assert read(ListFormat.NCMEC, ncmec(ncmec_deleted("image4"), video)) == [
        WithdrawnFingerprint("42-image4", None),
        Ignored("video"),
    ]


def test_prefixed_names_comments_and_several_answers_in_a_file_are_read() -> None:
    one = ncmec(f"<!-- <image> in a comment -->{ncmec_deleted('a')}").replace("<", "<ns2:")
    one = one.replace("<ns2:/", "</ns2:").replace("<ns2:!", "<!").replace("<ns2:?", "<?")

    assert read(ListFormat.NCMEC, one + ncmec(ncmec_deleted("b"))) == [
        WithdrawnFingerprint("42-a", None),
        WithdrawnFingerprint("42-b", None),
    ]


@pytest.mark.parametrize(
    "entry",
    [
        "<image><member id='42'>M</member><id>x</id>",
        "<image><member id='42'>M</member></image>",
        "<image><id>x</id></image>",
        "<image><member id='42'>M<id>x</id></image>",
        "<image><member id='42'>M</member><id>&entity;</id></image>",
        "<image><member id='42'>M</member><id>\udcff</id></image>",
        f"<image><member id='42'>M</member><id>{'x' * EXTERNAL_ID_BYTES}</id></image>",
        "<image/>",
    ],
    ids=range(8),
)
def test_a_corrupt_ncmec_entry_hides_no_other(entry: str) -> None:
    text = ncmec(ncmec_deleted("a"), entry, ncmec_deleted("b"))

    items = read(ListFormat.NCMEC, text)

    assert [item for item in items if not isinstance(item, BadRow)] == [
        WithdrawnFingerprint("42-a", None),
        WithdrawnFingerprint("42-b", None),
    ]
    assert bad_lines(items) == [5]


def test_entities_of_a_document_type_are_not_expanded() -> None:
    bomb = '<!DOCTYPE q [<!ENTITY a "&b;&b;"><!ENTITY b SYSTEM "file:///etc/passwd">]>'
    image = ncmec_image("&a;", pdq(1))
    text = ncmec(image).replace("<queryResult", f"{bomb}<queryResult")

    [item] = read(ListFormat.NCMEC, text)

    assert isinstance(item, BadRow)


def test_an_ncmec_list_that_was_cut_off_is_told() -> None:
    text = ncmec(ncmec_deleted("a"), ncmec_deleted("b"))

    *items, last = read(ListFormat.NCMEC, text[: text.index("<id>b")])

    assert WithdrawnFingerprint("42-a", None) in items
    assert isinstance(last, BadRow)
    assert "cut off" in last.reason


@pytest.mark.parametrize("list_format", [ListFormat.NCMEC, ListFormat.STOPNCII])
def test_a_file_that_is_something_else_is_refused(list_format: ListFormat) -> None:
    with pytest.raises(UnreadableSource):
        read(list_format, '<html>{"images": []}</html>')


# --- StopNCII ------------------------------------------------------------------------------------


def test_stopncii_records_are_listed_or_withdrawn_by_their_status_and_cases() -> None:
    records = [
        stopncii_record(pdq(1).hex, tags=["Nude", "Nude", "Adult"]),
        stopncii_record(pdq(2).hex, status="Withdrawn"),
        stopncii_record(pdq(3).hex, cases=["Withdrawn", "Deleted"]),
        stopncii_record(pdq(4).hex, cases=["Withdrawn", "Active"]),
        stopncii_record(pdq(5).hex, cases=[]) | {"caseNumbers": []},
        stopncii_record("ab" * 16, signal="VideoMD5"),
    ]

    assert read(ListFormat.STOPNCII, json.dumps(stopncii(*records))) == [
        ListedFingerprint(pdq(1), pdq(1).hex, labels=("Adult", "Nude")),
        WithdrawnFingerprint(pdq(2).hex, PDQ),
        WithdrawnFingerprint(pdq(3).hex, PDQ),
        *listed(4, 5),
        Ignored("videomd5"),
    ]


def test_several_answers_of_stopncii_may_stand_in_one_file() -> None:
    pages = [stopncii(stopncii_record(pdq(seed).hex)) for seed in (1, 2)]

    for text in (json.dumps(pages), "\n".join(json.dumps(page, indent=2) for page in pages)):
        assert read(ListFormat.STOPNCII, text) == listed(1, 2)


@pytest.mark.parametrize(
    "record",
    [
        "garbage",
        "17",
        '{"hashValue": }',
        '{"hashValue": "unclosed, "caseNumbers": {"a": {"b": []}}, "signalType": "ImagePDQ"}',
        '{"hashValue": "ab", "signalType": "ImagePDQ"}',
        '{"hashValue": 7, "signalType": "ImagePDQ"}',
        '{"signalType": "ImagePDQ"}',
        '{"hashValue": "ab"}',
        '{"hashValue": "ab", "tags": ["x", "y"}',
    ],
    ids=range(9),
)
def test_a_corrupt_stopncii_record_hides_no_other(record: str) -> None:
    good = [json.dumps(stopncii_record(pdq(seed).hex)) for seed in (1, 2)]
    text = '{"count": 3, "hashRecords": [\n' + ",\n".join([good[0], record, good[1]]) + "\n]}"

    items = read(ListFormat.STOPNCII, text)

    assert [item for item in items if not isinstance(item, BadRow)] == listed(1, 2)
    assert bad_lines(items) == [3]


def test_a_stopncii_list_that_was_cut_off_is_told() -> None:
    text = json.dumps(stopncii(*(stopncii_record(pdq(seed).hex) for seed in (1, 2))))

    items = read(ListFormat.STOPNCII, text[:-60])

    assert items[:1] == listed(1)
    assert isinstance(items[-1], BadRow)


@pytest.mark.parametrize("list_format", [ListFormat.NCMEC, ListFormat.STOPNCII])
def test_nothing_is_lost_where_a_long_list_is_read_on(list_format: ListFormat) -> None:
    seeds = range(9_000)
    if list_format is ListFormat.NCMEC:
        text = ncmec(*(ncmec_image(str(seed), pdq(seed)) for seed in seeds))
    else:
        text = json.dumps(stopncii(*(stopncii_record(pdq(seed).hex) for seed in seeds)), indent=1)

    items = read(list_format, text)

    assert len(text) > 2 * 2**20  # several times what is held at once
    found = [item.fingerprint for item in items if isinstance(item, ListedFingerprint)]
    assert found == [pdq(seed) for seed in seeds]
    assert bad_lines(items) == []


def test_the_line_of_a_damaged_record_is_right_far_into_a_long_list() -> None:
    records = [json.dumps(stopncii_record(pdq(seed).hex)) for seed in range(9_000)]
    records[8_000] = "damaged"
    text = '{"hashRecords": [\n' + ",\n".join(records) + "]}"

    items = read(ListFormat.STOPNCII, text)

    assert bad_lines(items) == [8_002]
    assert len(items) == 9_000


# --- any format ----------------------------------------------------------------------------------

GOOD = {
    TEXT: lambda seed: f"pdq {pdq(seed).hex}",
    CSV: lambda seed: f"pdq,{pdq(seed).hex}",
    JSONL: lambda seed: json.dumps({"pdq": pdq(seed).hex}),
}
junk = st.text(
    st.characters(codec="utf-8", exclude_characters="\n\r#"), min_size=1, max_size=30
).filter(lambda text: text.strip() and not text.strip().startswith("#"))


@pytest.mark.parametrize("list_format", GOOD)
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_junk_anywhere_is_told_and_never_stops_the_reading(
    list_format: ListFormat, data: st.DataObject
) -> None:
    rows: list[int | str] = data.draw(st.lists(st.integers(0, 50) | junk, max_size=12))
    lines = [GOOD[list_format](row) if isinstance(row, int) else row for row in rows]
    header = ["type,fingerprint"] if list_format is CSV else []

    items = read(list_format, "\n".join([*header, *lines]))

    good = [row for row in rows if isinstance(row, int)]
    bad = [n for n, row in enumerate(rows, 1 + len(header)) if isinstance(row, str)]
    assert [item for item in items if isinstance(item, ListedFingerprint)] == listed(*good)
    assert bad_lines(items) == bad


def test_a_damaged_archive_gives_what_comes_before_the_damage_and_says_so() -> None:
    whole = gzip.compress("".join(f"pdq {pdq(seed).hex}\n" for seed in range(20_000)).encode())

    items, fault = read_gzip(TEXT, whole[: len(whole) // 2])

    assert items == listed(*range(len(items)))
    assert 0 < len(items) < 20_000
    assert fault


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.txt", TEXT),
        ("a.CSV.gz", CSV),
        ("a.tsv", CSV),
        ("a.ndjson", JSONL),
        ("a.xml.gz", ListFormat.NCMEC),
        ("a.json", ListFormat.STOPNCII),
    ],
)
def test_a_name_tells_the_format(name: str, expected: ListFormat) -> None:
    assert format_of(name) is expected


@pytest.mark.parametrize("name", ["-", "list", "list.gz", "list.parquet"])
def test_a_name_that_tells_nothing_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="--format"):
        format_of(name)


def test_utf_16_is_named_as_such(tmp_path: object) -> None:
    path = f"{tmp_path}/list.txt"
    with open(path, "w", encoding="utf-16") as file:  # noqa: PTH123 -- a path as text
        file.write("pdq 00\n")

    with pytest.raises(UnreadableSource, match="UTF-8"), open_list(path):
        pass
