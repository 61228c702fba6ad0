"""Names of services inside a site: `spiffe://<site>/service/<name>`.

Source: the SPIFFE-ID specification, §2.1 (trust domain: lower-case letters, digits, dots, dashes, underscores) and
§2.2. Ours is narrower: exactly one path shape, no upper case, so that two spellings never mean one service.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

_SITE = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*")
_SERVICE = re.compile(r"[a-z](?:[a-z0-9_-]*[a-z0-9])?")
_LONGEST_SITE = 63
_LONGEST_SERVICE = 40
_PREFIX = "spiffe://"


@dataclass(frozen=True, slots=True)
class SpiffeId:
    """One service of one site.

    Args:
        site: the trust domain; at most 63 characters, because it is a part of a DNS name as well.
        service: such as `server_es` or `envoy-lan`; at most 40 characters.

    Raises:
        ValueError: a name that does not keep to the rules, with the sentence to show.
    """

    site: str
    service: str

    def __post_init__(self) -> None:
        check_site(self.site)
        if len(self.service) > _LONGEST_SERVICE or not _SERVICE.fullmatch(self.service):
            raise ValueError(
                f"service name {self.service[:_LONGEST_SERVICE]!r} is not allowed: write lower-case letters, digits, "
                f"'-' and '_', a letter first, at most {_LONGEST_SERVICE} characters"
            )

    def __str__(self) -> str:
        return f"{_PREFIX}{self.site}/service/{self.service}"

    @property
    def dns_name(self) -> str:
        """The name TLS clients compare with: gRPC looks at DNS names of a certificate and not at its URI.

        Underscores become dashes, because a host name may not hold them.
        """
        return f"{self.service.replace('_', '-')}.service.{self.site}"

    @classmethod
    def parse(cls, text: str) -> "SpiffeId":
        """Read `spiffe://<site>/service/<name>`.

        Raises:
            ValueError: any other text.
        """
        return _parsed(text)


@lru_cache(maxsize=256)  # the same few services call over and over; a refusal is not remembered
def _parsed(text: str) -> SpiffeId:
    site, slash, path = text.removeprefix(_PREFIX).partition("/")
    area, _, service = path.partition("/")
    if not text.startswith(_PREFIX) or not slash or area != "service":
        raise ValueError(f"{text[:200]!r} is not a service identity: spiffe://<site>/service/<name> is expected")
    return SpiffeId(site, service)


def check_site(site: str) -> None:
    """Refuse a site name that cannot be a trust domain.

    Raises:
        ValueError: with the sentence to show.
    """
    if len(site) > _LONGEST_SITE or not _SITE.fullmatch(site):
        raise ValueError(
            f"site name {site[:_LONGEST_SITE]!r} is not allowed: write lower-case letters, digits, '-' and '.', "
            f"such as muster-gmbh, at most {_LONGEST_SITE} characters"
        )
