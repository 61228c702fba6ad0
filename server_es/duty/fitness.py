"""Who is fit for a system (Region, Fachkenntnis), and who is called for it. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from server_es.duty.rosters import Crew, OnDuty


@dataclass(frozen=True, slots=True, kw_only=True)
class Qualification:
    """What somebody is fit for; what is empty does not limit him.

    Attributes:
        postal_codes: beginnings of the postal codes of his region.
        models: words that the models he knows contain.
    """

    postal_codes: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemFacts:
    """What is known of a system; what is empty is not known and lets everybody pass.

    Attributes:
        postal_code: of where it stands.
        models: its own and those of its components.
    """

    postal_code: str = ""
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """Somebody who is on duty, and when it is his turn to be called.

    Attributes:
        on_duty: who, and why.
        level: 1 is called first.
        qualified: he is fit for what is asked about.
    """

    on_duty: OnDuty
    level: int
    qualified: bool = True


def is_fit(qualification: Qualification | None, system: SystemFacts) -> bool:
    """Say whether somebody is fit for a system; who has no qualification stated is fit for all."""
    if qualification is None:
        return True
    code, models = system.postal_code, [one.casefold() for one in system.models if one]
    near = not qualification.postal_codes or not code or code.startswith(qualification.postal_codes)
    words = [one.casefold() for one in qualification.models]
    return near and (not words or not models or any(word in model for word in words for model in models))


def called(levels: Sequence[Crew], fit: Callable[[str], bool]) -> list[Called]:
    """Return who is called, those of level 1 first.

    A level in which nobody is fit is left out. When nobody at all is, everybody stays where he is, as not qualified:
    a call that the wrong one takes is better than one that nobody hears.
    """
    chosen = [kept for crew in levels if (kept := tuple(one for one in crew if fit(one.employee)))]
    qualified = bool(chosen)
    return [
        Called(on_duty=one, level=level, qualified=qualified)
        for level, crew in enumerate(chosen or levels, start=1)
        for one in crew
    ]


def fit_for(qualifications: Mapping[str, Qualification], system: SystemFacts | None) -> Callable[[str], bool]:
    """Return what says of an employee whether he is fit; everybody is when no system is asked about."""
    if system is None:
        return lambda _: True
    return lambda employee: is_fit(qualifications.get(employee), system)
