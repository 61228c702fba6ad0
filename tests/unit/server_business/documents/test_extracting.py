"""Text in bytes; a PDF is read in a process of its own."""

import pytest

from server_business.documents import extracting
from server_business.documents.extracting import Unreadable, is_read, text_of

PDF = "application/pdf"


def pdf(text: str) -> bytes:
    """A PDF of one page."""
    drawn = f"BT /F1 12 Tf 20 100 Td ({text}) Tj ET".encode("latin-1")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] /Contents 5 0 R"
            b" /Resources << /Font << /F1 4 0 R >> >> >>"
        ),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Length %d >>\nstream\n" % len(drawn) + drawn + b"\nendstream",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + content + b"\nendobj\n"
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + end


@pytest.mark.parametrize("data", [b"\xef\xbb\xbfW\xc3\xa4rme", "Wärme".encode("utf-16"), b"W\xe4rme", b"W\xc3\xa4rme"])
def test_plain_text_is_read_whatever_its_encoding(data: bytes) -> None:
    assert text_of(data, "text/plain") == "Wärme"


def test_the_words_of_a_pdf_are_found() -> None:
    assert "Wärmepumpe 4711" in text_of(pdf("Wärmepumpe 4711"), PDF)


@pytest.mark.parametrize("data", [b"", b"%PDF-1.4 not one", pdf("x")[:200]])
def test_a_broken_pdf_is_told_in_a_sentence(data: bytes) -> None:
    with pytest.raises(Unreadable, match="the PDF cannot be read: "):
        text_of(data, PDF)


def test_a_pdf_that_takes_too_much_ends_with_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extracting, "_SECONDS", 0.005)
    with pytest.raises(Unreadable, match="could not be read within"):
        text_of(pdf("x"), PDF)


def test_only_what_may_hold_text_is_read() -> None:
    assert is_read(PDF, 100)
    assert is_read("text/html", 100)
    assert is_read("message/rfc822", 100)
    assert not is_read("image/png", 100)
    assert not is_read(PDF, extracting.LARGEST + 1)
