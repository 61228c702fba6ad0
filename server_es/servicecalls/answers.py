"""A call as the contract shows it: its row, and everything that is computed from its log as of now."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from esoffice.es.v1 import calendars_pb2 as calendars_pb
from esoffice.es.v1 import servicecalls_pb2 as pb

from mesh.etags import etag
from server_es.calendars import mapping
from server_es.calendars import rules as working_time
from server_es.directory import names as directory
from server_es.service_levels import names as levels
from server_es.service_levels.choice import RULES_BY_NUMBER
from server_es.service_levels.rules import Meaning
from server_es.service_levels.site import Site
from server_es.servicecalls import explain, rules
from server_es.servicecalls.events import Log
from server_es.servicecalls.names import SERVICECALL
from server_es.servicecalls.rules import Kind, Milestone, Terms

_KINDS = {
    Kind.REACTION: pb.MILESTONE_KIND_REACTION,
    Kind.ARRIVAL: pb.MILESTONE_KIND_ARRIVAL,
    Kind.SOLUTION: pb.MILESTONE_KIND_SOLUTION,
}


def terms_of(site: Site, service_level: int, level_rule: int) -> Terms:
    """Return what holds for a call."""
    return Terms(level=site.levels[service_level], states=site.states, rule=RULES_BY_NUMBER[level_rule])


def milestones_of(log: Log, terms: Terms, now: datetime) -> tuple[Milestone, ...]:
    """Return how the promises of a call stand; none of a draft."""
    return rules.milestones(log, terms, now) if _is_received(log, terms) else ()


def next_due_time(milestones: Sequence[Milestone]) -> datetime | None:
    """Return the earliest due time that is neither met nor paused."""
    due = [one.due_time for one in milestones if one.due_time and one.met_time is None and not one.paused]
    return min(due, default=None)


def next_due_time_of(log: Log, terms: Terms, now: datetime) -> datetime | None:
    """Return the same as `next_due_time(milestones_of(…))` for less."""
    return rules.next_due_time(log, terms, now) if _is_received(log, terms) else None


def _is_received(log: Log, terms: Terms) -> bool:
    changes = log.state_changes
    return bool(changes) and terms.states.standing(changes[-1].state).meaning is not Meaning.DRAFT


def etag_of(row: Any) -> str:
    return etag(row.revision, row.update_time.timestamp())


def servicecall(row: Any, log: Log, site: Site, now: datetime) -> pb.Servicecall:
    """Return a call as of `now`. `row` has the columns of its table as attributes."""
    terms = terms_of(site, row.service_level, row.level_rule)
    milestones = milestones_of(log, terms, now)
    due = next_due_time(milestones)
    state = site.states.standing(row.state)
    return pb.Servicecall(
        name=SERVICECALL.build(row.number),
        title=row.title,
        address=f"addresses/{row.address}",
        system=f"systems/{row.system}" if row.system else "",
        component=directory.COMPONENT.build(row.system, row.component) if row.component else "",
        contract=f"contracts/{row.contract}" if row.contract else "",
        problem_category=f"problemCategories/{row.problem_category}" if row.problem_category else "",
        responsible_employee=f"employees/{row.responsible_employee}" if row.responsible_employee else "",
        responsible_team=f"teams/{row.responsible_team}" if row.responsible_team else "",
        published=row.published,
        description=row.description,
        receive_time=mapping.timestamp(row.receive_time),
        significance=f"significances/{row.significance}" if row.significance else "",
        state=f"servicecallStates/{row.state}",
        meaning=int(state.meaning),  # type: ignore[arg-type]
        state_title=state.name,
        service_level=f"serviceLevels/{row.service_level}",
        level_rule=row.level_rule,
        level_rule_source=row.level_rule_source,
        priority=levels.PRIORITY.build(terms.level.priority),
        milestones=[milestone(one) for one in milestones],
        clock_stopped=state.clock_stands,
        next_due_time=mapping.timestamp(due),
        create_time=mapping.timestamp(row.create_time),
        update_time=mapping.timestamp(row.update_time),
        origin=row.origin,
        reporter_mail_address=row.reporter_mail_address,
        suppress_answers=row.suppress_answers,
        etag=etag_of(row),
    )


def milestone(one: Milestone) -> pb.Milestone:
    return pb.Milestone(
        kind=_KINDS[one.kind],
        due_time=mapping.timestamp(one.due_time),
        met_time=mapping.timestamp(one.met_time),
        remaining_working_duration=mapping.duration(one.promised - one.worked),
        paused=one.paused,
        missed=one.late,
    )


def event(row: Any) -> pb.ServicecallEvent:
    return pb.ServicecallEvent(
        sequence=row.sequence,
        kind=row.kind,
        event_time=mapping.timestamp(row.event_time),
        actor=row.actor,
        state=f"servicecallStates/{row.state}" if row.state else "",
        service_level=f"serviceLevels/{row.service_level}" if row.service_level else "",
        text=row.text,
    )


def explanations(row: Any, log: Log, site: Site, now: datetime, *, site_zone: str) -> list[pb.MilestoneExplanation]:
    """Return how each due time came about."""
    terms = terms_of(site, row.service_level, row.level_rule)
    found = []
    for one in milestones_of(log, terms, now):
        told = explain.explain(log, terms, one.kind, now, site_zone=site_zone)
        if told is not None:
            explanation = _explanation(told, terms, row.level_rule_source)
            found.append(pb.MilestoneExplanation(milestone=milestone(one), explanation=explanation))
    return found


def _explanation(told: explain.Explanation, terms: Terms, source: str) -> calendars_pb.Explanation:
    stretches, omitted = mapping.stretches(told.windows)
    stops = [(pause.span, pause.state.name) for pause in told.pauses] + list(told.closures)
    begins = working_time.next_open(terms.level.calendar, told.start_time)
    return calendars_pb.Explanation(
        clock_start_time=mapping.timestamp(begins),
        working_duration=mapping.duration(told.promised),
        stretches=stretches,
        omitted_stretch_count=omitted,
        stops=[mapping.stopped(span, why) for span, why in sorted(stops)],
        holidays=[mapping.holiday(one) for one in told.special_days],
        level_rule=f"{explain.rule_text(told.rule, 'en')} {source}".strip(),
        german_text=explain.text(told, "de"),
        english_text=explain.text(told, "en"),
    )
