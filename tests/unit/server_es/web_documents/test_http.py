"""Ranges, conditions and names in answers over HTTP."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server_es.web_documents import http
from server_es.web_documents.http import Asked, Part

WRITTEN = datetime(2026, 3, 2, 8, 0, 0, 500, tzinfo=UTC)
TAG = '"1-2-3"'


def part(size: int = 1000, **fields: str) -> Part:
    return http.part(Asked(**fields), tag=TAG, size=size, written=WRITTEN)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("", Part(200, 0, 1000)),
        ("bytes=0-", Part(206, 0, 1000)),
        ("bytes=0-0", Part(206, 0, 1)),
        ("bytes=900-5000", Part(206, 900, 1000)),
        ("bytes=-100", Part(206, 900, 1000)),
        ("bytes=-5000", Part(206, 0, 1000)),
        ("bytes=-0", Part(416, 1000, 1000)),
        ("bytes=1000-", Part(416, 1000, 1000)),
        ("bytes=5-2", Part(200, 0, 1000)),
        ("bytes=0-1,5-6", Part(200, 0, 1000)),
        ("lines=0-1", Part(200, 0, 1000)),
        ("BYTES=1-2", Part(206, 1, 3)),
    ],
)
def test_a_range_is_cut_to_what_there_is(asked: str, expected: Part) -> None:
    found = part(range=asked)
    assert found == expected or (found.status == expected.status == 416)


@given(st.text(max_size=40))
def test_whatever_a_range_says_the_part_lies_in_the_file(asked: str) -> None:
    found = part(range=f"bytes={asked}")
    assert found.status in (200, 206, 416)
    assert found.status == 416 or 0 <= found.start < found.end <= 1000


def test_an_empty_file_is_sent_whole() -> None:
    assert part(0) == Part(200, 0, 0)
    assert part(0, range="bytes=0-").status == 416


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ({"if_none_match": TAG}, 304),
        ({"if_none_match": f'W/"x", W/{TAG}'}, 304),
        ({"if_none_match": "*"}, 304),
        ({"if_none_match": '"other"'}, 200),
        ({"if_none_match": '"other"', "if_modified_since": "Mon, 02 Mar 2026 08:00:00 GMT"}, 200),
        ({"if_modified_since": "Mon, 02 Mar 2026 08:00:00 GMT"}, 304),
        ({"if_modified_since": "Mon, 02 Mar 2026 07:59:59 GMT"}, 200),
        ({"if_modified_since": "yesterday"}, 200),
        ({"if_match": TAG}, 200),
        ({"if_match": "*"}, 200),
        ({"if_match": f"W/{TAG}"}, 412),
        ({"if_unmodified_since": "Mon, 02 Mar 2026 08:00:00 GMT"}, 200),
        ({"if_unmodified_since": "Mon, 02 Mar 2026 07:00:00 GMT"}, 412),
        ({"range": "bytes=1-2", "if_range": TAG}, 206),
        ({"range": "bytes=1-2", "if_range": '"other"'}, 200),
        ({"range": "bytes=1-2", "if_range": "Mon, 02 Mar 2026 08:00:00 GMT"}, 206),
        ({"range": "bytes=1-2", "if_range": "Mon, 02 Mar 2026 08:00:00"}, 200),
    ],
)
def test_conditions_hold_in_the_order_of_the_rfc(condition: dict[str, str], status: int) -> None:
    assert part(**condition).status == status


def test_a_file_name_with_umlauts_is_written_for_old_and_new_programs() -> None:
    assert http.disposition("Übersicht.pdf", shown=False) == (
        "attachment; filename=\"_bersicht.pdf\"; filename*=UTF-8''%C3%9Cbersicht.pdf"
    )
    assert http.disposition("Plan.pdf", shown=True) == 'inline; filename="Plan.pdf"'


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_no_name_breaks_out_of_its_header(name: str) -> None:
    header = http.disposition(name, shown=False)
    assert header.isascii()
    assert header.count('"') == 2
    assert not set("\r\n\0") & set(header)


def test_types_come_by_ending() -> None:
    assert http.content_type("Plan.PDF") == "application/pdf"
    assert http.content_type("README") == "application/octet-stream"
    assert "text/html" not in http.SHOWN
    assert "image/svg+xml" not in http.SHOWN
