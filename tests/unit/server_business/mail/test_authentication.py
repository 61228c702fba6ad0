"""What the site's own mail server found out (RFC 8601)."""

import pytest

from server_business.mail.authentication import verdict

MX = "mx.firma.example"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"{MX}; dmarc=fail (p=reject) header.from=kunde.example", "dmarc=fail"),
        (f"{MX} 1; spf=pass smtp.mailfrom=kunde.example; dmarc=PASS header.from=kunde.example", "dmarc=pass"),
        ("MX.Firma.Example; dkim=none; dmarc = none", "dmarc=none"),
        (f"{MX}; spf=fail; dkim=fail", ""),
        (f"{MX}; none", ""),
        (f"(comment; dmarc=pass) {MX} (another (nested) one); dmarc=fail", "dmarc=fail"),
        (f'{MX}; spf=pass reason="it; dmarc=pass"; dmarc=fail', "dmarc=fail"),
        (f"{MX}; spf=pass (; dmarc=pass", ""),
        ("", ""),
        (";;;", ""),
    ],
)
def test_the_result_of_dmarc_is_read(value: str, expected: str) -> None:
    assert verdict([value], MX) == expected


def test_what_another_server_says_came_with_the_mail() -> None:
    assert verdict(["mx.boese.example; dmarc=pass", f"x{MX}; dmarc=pass"], MX) == ""


def test_the_topmost_verdict_counts() -> None:
    forged_below = [f"{MX}; dkim=pass", f"{MX}; dmarc=fail", f"{MX}; dmarc=pass"]
    assert verdict(forged_below, MX) == "dmarc=fail"
