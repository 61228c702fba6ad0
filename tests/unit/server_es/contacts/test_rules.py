from typing import Any

import pytest

from mesh.errors import InvalidArgument
from server_es.contacts.rules import place


@pytest.mark.parametrize(
    ("address", "person", "call"),
    [("1", None, None), ("", None, (7, "1")), ("1", ("1", "a"), (7, "1")), ("", ("1", "a"), (7, "1"))],
)
def test_a_contact_belongs_to_the_address_or_to_the_calls(address: Any, person: Any, call: Any) -> None:
    assert place(address, person, call) == "1"


@pytest.mark.parametrize(
    ("person", "call", "fields"),
    [
        (None, (7, "2"), ["contact.servicecall"]),
        (("2", "a"), None, ["contact.contact_person"]),
        (("2", "a"), (7, "2"), ["contact.servicecall", "contact.contact_person"]),
    ],
)
def test_what_belongs_elsewhere_is_refused(person: Any, call: Any, fields: Any) -> None:
    with pytest.raises(InvalidArgument) as caught:
        place("1", person, call)
    assert [one.field for one in caught.value.violations] == fields
