"""What is read by searching is exactly what the standard library reads line by line, or is left to it."""

from email import message_from_bytes
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server_business.mail.budget import Budget, Spent
from server_business.mail.parts import plain_content, read_content
from server_business.mail.problems import UnreadableMail
from server_business.mail.well_formed import Entity, Mail, read_well_formed
from tests.builders import mails
from tests.builders.mail_corpus import corpus, damaged

LINES = [
    b"", b"x", b" y", b"x: y", b"\tz", b"From z", b":", b"QUJD", b"QUI=", b"QU", b"\xe4", b"--", b"--a", b"--a ",
    b"=41=", b"--a--", b"--a-", b"x--a", b"--b", b"--b--", b"--b--\t", b"--aa",
    b"Content-Type: multipart/mixed; boundary=a", b'Content-Type: multipart/related; boundary="b"',
    b"Content-Type: multipart/mixed;\r\n boundary=b", b"Content-Type: multipart/digest; boundary=b",
    b"Content-Type: multipart/mixed", b"Content-Type: message/rfc822", b"Content-Type: text/plain; charset=utf-8",
    b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding: quoted-printable",
    b"Content-Transfer-Encoding: x-uue", b"Content-Disposition: attachment; filename=x",
]  # fmt: skip
ENDS = [b"\n", b"\r\n", b"\r"]


def said(mail: Mail) -> Any:
    """Everything the library's tree says, but for preambles and epilogues."""
    inside: Any = mail.get_payload()
    if isinstance(inside, list):
        inside = [said(one) for one in inside]
    elif isinstance(mail, Entity) and mail.body is not None:
        inside = mail.body.decode("ascii", "surrogateescape")
    else:
        inside = mail._payload  # type: ignore[attr-defined]
    return list(mail.raw_items()), mail.get_default_type(), [type(one) for one in mail.defects], inside


def taken(raw: bytes) -> bool:
    """Whether a mail is read by searching; if so, the library reads the same."""
    mine = read_well_formed(raw, Spent(Budget()))
    if mine is None:
        return False
    library = message_from_bytes(raw)
    assert said(mine) == said(library)
    content = read_content(library, Budget())
    assert read_content(mine, Budget()) == content
    assert plain_content(mine) in (None, content)
    return True


def test_the_mails_of_every_day_are_taken_but_for_those_with_mails_inside() -> None:
    everyday = [mails.plain(), mails.html(), mails.with_attachment(), mails.reply_to_call(1), mails.out_of_office()]
    assert all(taken(raw) and taken(raw.replace(b"\r\n", b"\n")) for raw in everyday)
    assert not taken(mails.bounce())
    assert not taken(mails.broken())
    assert plain_content(read_well_formed(mails.plain(), Spent(Budget())) or Entity()) is not None


def test_the_corpus_is_read_alike() -> None:
    raws = [raw for name, make in corpus() if not name.startswith("bomb/") and len(raw := make()) < 2_000_000]
    assert sum(taken(raw) for raw in raws) > len(raws) / 2


def test_damaged_mails_are_read_alike() -> None:
    assert {taken(damaged(number)) for number in range(300)} == {True, False}


@settings(max_examples=300)
@given(
    usual=st.sampled_from(ENDS),
    lines=st.lists(st.tuples(st.sampled_from(LINES), st.sampled_from([*[None] * 9, *ENDS])), max_size=12),
    end=st.sampled_from([b"", b"--a--", b"--a--"]),
)
def test_whatever_stands_in_a_mail_is_read_alike(
    usual: bytes, lines: list[tuple[bytes, bytes | None]], end: bytes
) -> None:
    head = [(b"Content-Type: multipart/mixed; boundary=a", None), (b"", None), (b"--a", None)]
    taken(b"".join(line + (own or usual) for line, own in [*head, *lines, (end, None)]))


ENTITIES = st.recursive(
    st.builds(
        mails.part,
        st.binary(max_size=40) | st.sampled_from([b"", b"--a", b"\r\n--b\r\n", b"x\n", b"x\r\n\r\n"]),
        st.sampled_from(["text/plain", "text/html", 'image/png; name="x.png"', "TEXT/Plain; charset=latin1"]),
        encoding=st.sampled_from(["8bit", "base64", "quoted-printable", "x-uuencode", "nonsense"]),
    ),
    lambda inner: st.builds(
        lambda parts, boundary: mails.multipart("mixed", *parts, boundary=boundary),
        st.lists(inner, min_size=1, max_size=3),
        st.sampled_from(["a", "b", "ab", "=_x y", "c"]),
    ),
    max_leaves=8,
)


@settings(max_examples=200)
@given(ENTITIES, st.sampled_from([b"", b"preamble\r\n"]), st.sampled_from([b"", b"\r\n", b"epilogue\r\n--z--\r\n"]))
def test_parts_in_parts_are_read_alike(entity: bytes, before: bytes, behind: bytes) -> None:
    head = [("Content-Type", "multipart/mixed; boundary=z")]
    taken(mails.mail(before + mails.joined(entity, boundary="z") + behind, headers=head))


@pytest.mark.parametrize(
    ("raw", "budget"),
    [
        (mails.part_bomb(100), Budget(parts=20)),
        (mails.multipart_mail("mixed", *[mails.part(b"x", "text/plain")] * 30), Budget(parts=20)),
        (mails.multipart_mail("mixed", *[mails.part(b"x", "text/plain")] * 30), Budget(headers=20)),
    ],
)
def test_a_budget_holds(raw: bytes, budget: Budget) -> None:
    with pytest.raises(UnreadableMail):
        read_well_formed(raw, Spent(budget))


def test_what_would_take_long_is_left_to_the_library() -> None:
    alike = mails.multipart_mail("mixed", mails.part(b"--=_b0x" * 2_000, "text/plain"))
    long_head = mails.multipart_mail("mixed", mails.part(b"x", "text/plain", "X-Long: " + "x" * 2_000))
    for raw, budget in [(alike, Budget()), (long_head, Budget(header_bytes=1_000)), (mails.nested(6), Budget(depth=5))]:
        assert read_well_formed(raw, Spent(budget)) is None
