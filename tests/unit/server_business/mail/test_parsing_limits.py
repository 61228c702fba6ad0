"""What a mail may cost, and that every damaged one is read or refused, never anything else."""

import pickle
import random
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server_business.mail.budget import Budget
from server_business.mail.parsing import ParsedMail, parse
from server_business.mail.problems import Problem, UnreadableMail
from tests.builders import mails

SMALL = Budget(size=100_000, lines=5_000, header_bytes=10_000, headers=100, parts=20, depth=5)


def refusal(raw: bytes, budget: Budget = SMALL) -> Problem:
    with pytest.raises(UnreadableMail) as refused:
        parse(raw, budget)
    return refused.value.problem


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"", Problem.EMPTY),
        (b" \r\n\t", Problem.EMPTY),
        (mails.oversize(100_000), Problem.OVERSIZE),
        (mails.mail(b"\n" * 5_001), Problem.TOO_MANY_LINES),
        (b"a: b\n" * 2_500 + b"\n", Problem.TOO_MANY_HEADERS),
        (b"a: b\n" * 101 + b"\n", Problem.TOO_MANY_HEADERS),
        (mails.multipart_mail("mixed", b"a: b\r\n" * 101 + b"\r\n"), Problem.TOO_MANY_HEADERS),
        (mails.part_bomb(2_000), Problem.TOO_MANY_PARTS),
        (mails.mail(b"a: b\n\n" * 50, headers=[("Content-Type", "message/delivery-status")]), Problem.TOO_MANY_PARTS),
        (mails.nested(6), Problem.TOO_DEEP),
    ],
)
def test_a_mail_over_budget_is_refused_by_name(raw: bytes, problem: Problem) -> None:
    assert refusal(raw) is problem


def test_a_mail_that_takes_too_long_is_refused() -> None:
    assert refusal(mails.bounce(), Budget(cpu_seconds=0.0)) is Problem.TOO_SLOW


def test_parts_nested_beyond_the_stack_are_refused() -> None:
    assert refusal(mails.nested(400), Budget(parts=10_000)) is Problem.TOO_DEEP
    endless = mails.mail(b"Content-Type: message/rfc822\n\n" * 3_000, headers=[("Content-Type", "message/rfc822")])
    assert refusal(endless, Budget(parts=10_000)) is Problem.TOO_DEEP


def test_what_the_standard_library_trips_over_concerns_this_mail_only() -> None:
    """Python refuses to read a number of 5,000 digits, as which `email` takes a continued parameter."""
    raw = mails.mail(headers=[("Content-Type", f"multipart/mixed; boundary*{'9' * 5_000}=x")])
    assert refusal(raw) is Problem.BROKEN


def test_a_mail_at_its_budget_is_read() -> None:
    assert parse(mails.nested(4), SMALL).text == "innen"


@pytest.mark.parametrize(
    "bomb",
    [
        lambda: mails.part_bomb(1_000_000),
        lambda: mails.multipart_mail("mixed", b"a:\r\n" * 300_000),
        lambda: mails.mail(b"Content-Type: message/rfc822\n\n" * 400_000, headers=[("Content-Type", "message/rfc822")]),
        lambda: mails.mail(b"a: b\n\n" * 400_000, headers=[("Content-Type", "message/delivery-status")]),
        lambda: b"a: b\n" * 900_000,
        lambda: mails.oversize(60_000_000),
        lambda: mails.mail(b"\n" * 2_000_000),
    ],
)
def test_a_bomb_is_refused_before_it_goes_off(bomb: Callable[[], bytes]) -> None:
    raw = bomb()
    started = time.thread_time()
    with pytest.raises(UnreadableMail):
        parse(raw)
    assert time.thread_time() - started < 3


def test_a_refusal_survives_the_way_between_processes() -> None:
    again = pickle.loads(pickle.dumps(UnreadableMail(Problem.TOO_DEEP, "too deep")))
    assert (again.problem, again.message) == (Problem.TOO_DEEP, "too deep")


def test_the_corpus_is_read_without_a_refusal() -> None:
    read = [parse(raw) for raw in mails.corpus(60)]
    assert len({mail.sha256 for mail in read}) == 60


def _storable(mail: ParsedMail) -> None:
    for text in (mail.subject, mail.text, mail.html, mail.message_id, *mail.problems, *mail.references):
        text.encode()
        assert "\0" not in text
    for name, value in mail.headers:
        (name + value).encode()
    for file in mail.attachments:
        file.name.encode()
        assert file.name
        assert not set("/\\\0\n") & set(file.name)


def _read_or_refused(raw: bytes) -> None:
    try:
        mail = parse(raw, SMALL)
    except UnreadableMail as refused:
        assert refused.problem is not Problem.BROKEN, refused.__cause__  # noqa: PT017
    else:
        _storable(mail)


@given(st.binary(max_size=2_000))
@settings(max_examples=150, deadline=None)
def test_random_bytes_are_read_or_refused(raw: bytes) -> None:
    _read_or_refused(raw)


@given(seed=st.integers(0, 2**32), changes=st.integers(1, 30))
@settings(max_examples=200, deadline=None)
def test_damaged_mails_are_read_or_refused(seed: int, changes: int) -> None:
    chosen = random.Random(seed)
    kinds = [mails.html, mails.with_attachment, mails.bounce, mails.broken, mails.out_of_office, mails.nested]
    kind = chosen.choice(kinds)
    raw = bytearray(mails.nested(3) if kind is mails.nested else kind())  # type: ignore[operator]
    for _ in range(changes):
        at = chosen.randrange(len(raw))
        match chosen.randrange(4):
            case 0:
                raw[at] = chosen.randrange(256)
            case 1:
                del raw[at : at + chosen.randrange(40)]
            case 2:
                raw[at:at] = chosen.choice(
                    [b"\r\n", b"\n\n", b"--", b'"', b"=?utf-8?B?", b"\x00", b"=", b";", b"*0*=", b"message/rfc822"]
                )
            case _:
                raw[at:at] = raw[chosen.randrange(len(raw)) :][:60]
        raw = raw or bytearray(b"x")
    _read_or_refused(bytes(raw))


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff"), max_size=200),
    st.sampled_from(["utf-8", "utf-16", "gb18030", "utf-7"]),
)
@settings(max_examples=100, deadline=None)
def test_text_arrives_as_it_was_sent(text: str, charset: str) -> None:
    content = text.encode(charset, "ignore")
    raw = mails.multipart_mail("mixed", mails.part(content, f"text/plain; charset={charset}", encoding="base64"))
    expected = content.decode(charset).replace("\0", "").replace("\r\n", "\n").strip()
    assert parse(raw).text == expected.removeprefix("\ufeff")


def test_a_bare_carriage_return_in_a_header_of_an_inner_mail_is_kept() -> None:
    inner = b"From: a@kunde.example\r\nX-Odd: Tue\r8:00\r\n\r\nText\r\n"
    outer = b"From: b@kunde.example\r\nMIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n"
    (attached,) = parse(outer + inner).attachments
    assert b"X-Odd: Tue" in attached.content
    assert b"Text" in attached.content
