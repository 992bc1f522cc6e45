"""Find narrow tasks in an untagged log: prompt templates, groups of them, and their fit for insourcing."""

from insource.logs.discovery.candidates import Signal, Survey, TaskCandidate, Version
from insource.logs.discovery.rules import Rule, Rules, TaskFinder, load_rules, save_rules
from insource.logs.discovery.survey import assignments, discover, survey

__all__ = [
    "Rule",
    "Rules",
    "Signal",
    "Survey",
    "TaskCandidate",
    "TaskFinder",
    "Version",
    "assignments",
    "discover",
    "load_rules",
    "save_rules",
    "survey",
]
