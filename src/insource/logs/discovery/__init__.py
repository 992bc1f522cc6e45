"""Find narrow tasks in an untagged log: prompt templates, groups of them, and their fit for insourcing."""

from insource.logs.discovery.candidates import Signal, Survey, TaskCandidate, Version
from insource.logs.discovery.rules import Rules, TaskFinder, TaskRule, load_rules, save_rules
from insource.logs.discovery.survey import assignments, discover, survey

__all__ = [
    "Rules",
    "Signal",
    "Survey",
    "TaskCandidate",
    "TaskFinder",
    "TaskRule",
    "Version",
    "assignments",
    "discover",
    "load_rules",
    "save_rules",
    "survey",
]
