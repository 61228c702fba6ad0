"""Takes letters without server_business; remembers ids as it does."""

from collections.abc import Collection, Mapping, Sequence

from server_es.notices.post import Away, Letter, Outcome, Refused
from server_es.notices.rules import Channel, State


class FakePost:
    """Every letter once, by its id. `away` and `refusal` say what happens instead."""

    def __init__(self) -> None:
        self.letters: dict[str, Letter] = {}
        self.away = ""
        self.refusal = ""
        self.said: dict[str, Outcome] = {}

    def send(self, letters: Sequence[Letter]) -> list[str | Refused]:
        assert len(letters) == 1 or {one.channel for one in letters} == {Channel.SMS}
        if self.away:
            raise Away(self.away)
        return [Refused(self.refusal) if self.refusal else self._taken(one) for one in letters]

    def _taken(self, letter: Letter) -> str:
        assert self.letters.setdefault(letter.request_id, letter) == letter
        number = [*self.letters].index(letter.request_id) + 1
        return f"{'sms' if letter.channel is Channel.SMS else 'outgoingMails'}/{number}"

    def outcomes(self, names: Collection[str]) -> Mapping[str, Outcome]:
        if self.away:
            raise Away(self.away)
        if self.refusal:
            raise Refused(self.refusal)
        return {one: self.said.get(one, Outcome(state=State.DELIVERED)) for one in names}

    @property
    def texts(self) -> list[tuple[str, str, str]]:
        """Address, subject and text of what was taken, in order."""
        return [(one.address, one.subject, one.text) for one in self.letters.values()]
