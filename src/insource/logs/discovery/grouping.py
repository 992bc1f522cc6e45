"""Which templates are versions of one task: by their words, and by what they answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from insource.logs.discovery.evidence import MAX_LABELS, Evidence
from insource.logs.discovery.prompts import WORD
from insource.logs.discovery.templates import Template
from insource.providers.requests import MARK

Answers = Literal["same", "different", "unknown"]

SAME_ANSWERS_WORDS = 0.2
"""With the same answers, sharing this much of their words makes two templates one task."""
WORDS, CONTAINED = 0.5, 0.9
"""Else they have to share this much of all words, and of the shorter one's: words may be added, but a word
put in the place of another (spam, urgent) may be another question. Two tasks apart can be given one name;
two tasks in one spoil a dataset."""
INSTRUCTION = 4
"""So many fixed words at the beginning of a message are an instruction."""
KEYS = 0.6
"""Key sets and label sets that share this much are the same."""
ACCIDENT = 0.25
"""A version with less than this share of another's calls may be that one by accident."""
DOMINANT = 0.8
"""Share of the answers that must be of one form to say what a template answers."""
_PLAIN = frozenset({"yes", "no", "true", "false", "0", "1", "ok", "none", "unknown", "other", "ja", "nein"})


def group(
    templates: Sequence[Template], evidence: Mapping[str, Evidence], given: Mapping[str, str]
) -> list[list[Template]]:
    """Versions of one task together, most calls first in each; single linkage over ``same_task``.

    ``given`` are the tasks that people gave to templates, by fingerprint: they have the last word.
    """

    def together(one: Template, other: Template) -> bool:
        names = given.get(one.fingerprint), given.get(other.fingerprint)
        if all(names):
            return names[0] == names[1]
        return same_task(one, evidence[one.fingerprint], other, evidence[other.fingerprint])

    ordered = sorted(templates, key=lambda one: (-evidence[one.fingerprint].calls, one.fingerprint))
    groups: list[list[Template]] = []
    for template in ordered:
        near = [found for found in groups if any(together(template, other) for other in found)]
        joined = [*(one for found in near for one in found), template]
        groups = [found for found in groups if all(found is not one for one in near)] + [joined]
    for found in groups:
        found.sort(key=lambda one: (-evidence[one.fingerprint].calls, one.fingerprint))
    return groups


def absorb(versions: Sequence[Template], evidence: Mapping[str, Evidence]) -> list[tuple[Template, Evidence]]:
    """The versions of a task with their evidence, accidents taken into the version they vary.

    A rare version that is another one and some words more is a habit of the documents (a closing, a footer);
    the other template matches its calls as well.
    """
    kept: list[tuple[Template, Evidence]] = []
    for template in versions:
        mine = evidence[template.fingerprint]
        wider = next(
            (
                theirs
                for one, theirs in kept
                if mine.calls < ACCIDENT * theirs.calls and one.matches(template.rendering)
            ),
            None,
        )
        if wider is None:
            total = Evidence()
            total.merge(mine)
            kept.append((template, total))
        else:
            wider.merge(mine)
    return kept


def same_task(one: Template, mine: Evidence, other: Template, theirs: Evidence) -> bool:
    """Whether two templates are versions of one prompt.

    Other tools or another schema make another task, and so do other answers, however alike the prompts.
    The same answers make one task of prompts that share a fifth of their words. Where answers are free
    text, or yes and no, the prompts themselves have to be nearly the same, in every role.
    """
    if one.tools != other.tools:
        return False
    answers = _same_schema(one, other) or _answers(mine, theirs)
    if answers == "different":
        return False
    alike, contained = _overlap(set(one.words), set(other.words))
    if answers == "same":
        return alike >= SAME_ANSWERS_WORDS
    if alike < WORDS or contained < CONTAINED:
        return False
    return all(_same_instruction(one, other, role) for role in "su")


def _same_instruction(one: Template, other: Template, role: str) -> bool:
    """Whether two templates are told the same in this role; what only follows a slot is the document's."""
    here, there = _role_words(one, role), _role_words(other, role)
    if min(len(here), len(there)) >= INSTRUCTION:
        return _overlap(here, there)[1] >= CONTAINED
    fuller = one if len(here) > len(there) else other
    begins = any(f"{MARK}{role} " in segment for segment in fuller.segments)
    return max(len(here), len(there)) < INSTRUCTION or not begins


def _same_schema(one: Template, other: Template) -> Answers | None:
    """What the schemas asked for say; None when neither asks for one."""
    if not one.schema_keys and not other.schema_keys:
        return None
    alike, _ = _overlap(set(one.schema_keys.split(",")), set(other.schema_keys.split(",")))
    return "same" if alike >= KEYS else "different"


def _answers(mine: Evidence, theirs: Evidence) -> Answers:
    """Whether two templates are answered alike; unknown for free text and for plain yes and no."""
    kinds = form(mine), form(theirs)
    if "few" in kinds:
        return "unknown"
    if kinds[0] != kinds[1]:
        return "different"
    if kinds[0] == "json":
        keys = (set(one.keys.most_common(1)[0][0].strip("[]").split(",")) for one in (mine, theirs))
        return "same" if _overlap(*keys)[0] >= KEYS else "different"
    if kinds[0] == "labels":
        here, there = set(mine.labels), set(theirs.labels)
        if (here | there) <= _PLAIN:
            return "unknown"
        return "same" if _overlap(here, there)[1] >= KEYS else "different"
    return "unknown"


def form(evidence: Evidence) -> Literal["json", "labels", "text", "few"]:
    """What a template's answers are; ``few`` when there are too few to tell.

    JSON when the commonest set of keys is in most answers; labels when most answers are short and come again
    four times on average.
    """
    if evidence.answers < 5:
        return "few"
    if evidence.keys and evidence.keys.most_common(1)[0][1] >= DOMINANT * evidence.answers:
        return "json"
    short = sum(evidence.labels.values())
    few = len(evidence.labels) <= min(MAX_LABELS, max(2, evidence.answers // 4))
    return "labels" if short >= DOMINANT * evidence.answers and few else "text"


def _role_words(template: Template, role: str) -> set[str]:
    """The fixed words said in one role."""
    return {
        word for speaking, said in template.said() if speaking == role for word in WORD.findall(said.lower())
    }


def _overlap(here: set[str], there: set[str]) -> tuple[float, float]:
    """Jaccard similarity, and the share of the smaller set that the other has."""
    if not here or not there:
        return 0.0, 0.0
    both = len(here & there)
    return both / len(here | there), both / min(len(here), len(there))
