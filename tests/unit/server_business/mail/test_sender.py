import pytest
from hypothesis import given
from hypothesis import strategies as st

from server_business.mail.sender import Mailbox, NoSender, SenderProblem, excluded, read_sender

AMBIGUOUS, INVALID = SenderProblem.AMBIGUOUS, SenderProblem.INVALID


@pytest.mark.parametrize(
    ("value", "address", "name"),
    [
        ("hans@kunde.example", "hans@kunde.example", ""),
        ("<hans@Kunde.EXAMPLE>", "hans@kunde.example", ""),
        ('"Müller, Hans" <hans@kunde.example>', "hans@kunde.example", "Müller, Hans"),
        ('"Der \\"Chef\\"" <hans@kunde.example>', "hans@kunde.example", 'Der "Chef"'),
        ("Müller GmbH & Co. KG <hans@kunde.example>", "hans@kunde.example", "Müller GmbH & Co. KG"),
        ("hans@kunde.example (Hans (der Chef\\))", "hans@kunde.example", ""),
        ("=?utf-8?Q?M=C3=BCller?=\r\n =?utf-8?Q?=2C_Hans?= <hans@kunde.example>", "hans@kunde.example", "Müller, Hans"),
        ("=?utf-8?Q?chef=40bank.example?= <hans@kunde.example>", "hans@kunde.example", "chef@bank.example"),
        ("hans@kunde.example <HANS@kunde.example>", "HANS@kunde.example", ""),
        ('"hans müller"@kunde.example', '"hans müller"@kunde.example', ""),
        ("hans@müller.example", "hans@müller.example", ""),
        ("hans@[192.0.2.1]", "hans@[192.0.2.1]", ""),
        ("hans@kunde.example,", "hans@kunde.example", ""),
    ],
)
def test_one_mailbox_is_the_sender(value: str, address: str, name: str) -> None:
    assert read_sender([value]) == Mailbox(address, name)


@pytest.mark.parametrize(
    ("values", "problem", "sentence"),
    [
        ([], INVALID, "no From header"),
        ([""], INVALID, "not one address"),
        (["<>"], INVALID, "not one address"),
        (["Hans"], INVALID, "'Hans'"),
        (["hans@"], INVALID, "not one address"),
        (["undisclosed-recipients:;"], INVALID, "not one address"),
        (["Müller, Hans <hans@kunde.example>"], INVALID, "not one address"),
        (["alice@bank.example <mallory@evil.example>"], INVALID, "not one address"),
        (["alice@bank.example)mallory@evil.example"], INVALID, "not one address"),
        (["<@relay.example:alice@bank.example>"], INVALID, "not one address"),
        (["alice@bank.example <mallory@evil.example> <x@evil.example>"], INVALID, "not one address"),
        (["alice..b@bank.example"], INVALID, "not one address"),
        (["x" * 250 + "@bank.example"], INVALID, "not one address"),
        (["x" * 2_500 + "@bank.example"], INVALID, "not one address"),
        (['"unclosed <hans@kunde.example>'], INVALID, "not one address"),
        (["alice@bank.example, bob@bank.example"], AMBIGUOUS, "names 2 senders"),
        (["alice@bank.example, Bob <bob@evil.example>"], AMBIGUOUS, "names 2 senders"),
        (["alice@bank.example", "alice@bank.example"], AMBIGUOUS, "2 From headers"),
    ],
)
def test_what_is_not_one_mailbox_is_refused_with_a_reason(
    values: list[str], problem: SenderProblem, sentence: str
) -> None:
    refused = read_sender(values)
    assert isinstance(refused, NoSender)
    assert refused.problem is problem
    assert sentence in refused.sentence


def test_a_comma_in_quotes_or_comments_makes_no_second_sender() -> None:
    assert read_sender(['"a@x.example, b@x.example" (c@x.example, d) <hans@kunde.example>']) == Mailbox(
        "hans@kunde.example", "a@x.example, b@x.example"
    )


def test_two_spellings_of_one_address_have_one_key() -> None:
    assert Mailbox("Hans@MÜLLER.example").key == Mailbox("hans@xn--mller-kva.example").key
    assert Mailbox("hans@" + "x" * 70 + ".example").key == "hans@" + "x" * 70 + ".example"


@pytest.mark.parametrize("exclusion", ["HANS@kunde.example", "@kunde.example", " @Kunde.example "])
def test_an_exclusion_names_an_address_or_a_domain(exclusion: str) -> None:
    assert excluded(Mailbox("hans@kunde.example"), [exclusion])
    assert not excluded(Mailbox("hans@andere.example"), [exclusion])
    assert not excluded(Mailbox("hans@unter.kunde.example"), [exclusion])


@given(st.text(alphabet=st.sampled_from('ab@.,<>()"\\: \r\né=?'), max_size=60))
def test_any_header_gives_one_address_or_a_reason(value: str) -> None:
    sender = read_sender([value])
    assert isinstance(sender, NoSender) or sender.address.count("@") >= 1


def test_a_crafted_header_costs_no_time() -> None:
    for value in (
        "(" * 100_000,
        '"' * 100_001,
        "a." * 50_000 + "@",
        "a " * 50_000 + "<",
        "<" * 100_000,
        "\\" * 100_001,
    ):
        assert isinstance(read_sender([value]), NoSender)
