"""Which level a call gets: the rules' choice, applied to what the directory says."""

from dataclasses import dataclass

from esoffice.es.v1 import service_levels_pb2 as pb

from server_es.directory.facts import CallFacts
from server_es.directory.rules import Subject
from server_es.service_levels import names
from server_es.service_levels.rules import CategoryId, LevelNumber, LevelRule, SignificanceId, choose_level
from server_es.service_levels.site import Site

RULES = {
    LevelRule.COMPONENT: pb.LEVEL_RULE_COMPONENT,
    LevelRule.SYSTEM: pb.LEVEL_RULE_SYSTEM,
    LevelRule.CONTRACT: pb.LEVEL_RULE_CONTRACT,
    LevelRule.CATEGORY_SIGNIFICANCE: pb.LEVEL_RULE_ASSIGNMENT,
    LevelRule.DEFAULT: pb.LEVEL_RULE_DEFAULT,
    LevelRule.MANUAL: pb.LEVEL_RULE_MANUAL,
}
"""The rules of the contract; calls store these numbers."""

RULES_BY_NUMBER = {int(number): rule for rule, number in RULES.items()}

NO_FACTS = CallFacts(subject=Subject(), significance=None, component_level=None, system_level=None, contract_level=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A level, the rule that chose it, and what carries it by that rule."""

    number: int
    rule: LevelRule
    source: str


def choose(site: Site, facts: CallFacts, category: str | None) -> Choice:
    """Choose a call's level.

    Raises:
        NoServiceLevel: neither a rule nor the default gives one.
    """
    category = category or site.choice.default_category
    chosen = choose_level(
        site.choice,
        component=_known(site, facts.component_level),
        system=_known(site, facts.system_level),
        contract=_known(site, facts.contract_level),
        category=CategoryId(category) if category else None,
        significance=SignificanceId(facts.significance) if facts.significance else None,
    )
    return Choice(number=chosen.number, rule=chosen.rule, source=_source(chosen.rule, facts, category or ""))


def _known(site: Site, number: int | None) -> LevelNumber | None:
    return LevelNumber(number) if number in site.levels and number is not None else None


def _source(rule: LevelRule, facts: CallFacts, category: str) -> str:
    subject = facts.subject
    match rule:
        case LevelRule.COMPONENT:
            return f"systems/{subject.system}/components/{subject.component}"
        case LevelRule.SYSTEM:
            return f"systems/{subject.system}"
        case LevelRule.CONTRACT:
            return f"contracts/{subject.contract}"
        case LevelRule.CATEGORY_SIGNIFICANCE:
            category = names.PROBLEM_CATEGORY.build(category)
            return f"{category} {names.SIGNIFICANCE.build(facts.significance)}"
        case _:
            return ""
