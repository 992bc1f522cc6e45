"""Group templates that are versions of one task, by their words and by their answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from insource.logs.discovery.evidence import MAX_LABELS, Evidence
from insource.logs.discovery.prompts import WORD
from insource.logs.discovery.templates import Template
from insource.providers.requests import MARK

Answers = Literal["same", "different", "unknown"]

SAME_ANSWERS_WORDS = 0.2
"""Two templates with the same answers are one task when this share of their words is common."""
WORDS, CONTAINED = 0.5, 0.9
"""Otherwise they must share this much of all words, and of the shorter one's words. Added words are
tolerated, but a replaced word (spam, urgent) may change the question. A task that is split in two can be
renamed by hand; two tasks merged into one spoil a dataset."""
INSTRUCTION = 4
"""At least this many fixed words at the beginning of a message are an instruction."""
KEYS = 0.6
"""Key sets and label sets that overlap this much are the same."""
ACCIDENT = 0.25
"""A version with less than this share of another version's calls may be an accidental variant of it."""
DOMINANT = 0.8
"""The share of answers that must have one form to classify a template's answers."""
_PLAIN = frozenset({"yes", "no", "true", "false", "0", "1", "ok", "none", "unknown", "other", "ja", "nein"})


def group(
    templates: Sequence[Template], evidence: Mapping[str, Evidence], given: Mapping[str, str]
) -> list[list[Template]]:
    """Return groups of templates that are versions of one task, most calls first in each group.

    Templates are joined by single linkage over ``same_task``. ``given`` maps fingerprints to the tasks that
    people assigned; these assignments take precedence.
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
    """Return the versions of a task with their evidence; accidental variants are merged into their version.

    A rare version that consists of another version plus a few words comes from the documents (a closing, a
    footer), and the other template matches its calls as well.
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

    Different tools, a different schema or different answers make different tasks, however similar the
    prompts. With the same answers, prompts that share a fifth of their words are one task. When answers are
    free text, or yes and no, the prompts must be nearly the same in every role.
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
    """Whether two templates have the same instruction in this role.

    Text that only follows a slot is the document's.
    """
    here, there = _role_words(one, role), _role_words(other, role)
    if min(len(here), len(there)) >= INSTRUCTION:
        return _overlap(here, there)[1] >= CONTAINED
    fuller = one if len(here) > len(there) else other
    begins = any(f"{MARK}{role} " in segment for segment in fuller.segments)
    return max(len(here), len(there)) < INSTRUCTION or not begins


def _same_schema(one: Template, other: Template) -> Answers | None:
    """Compare the requested schemas; None when neither template requests one."""
    if not one.schema_keys and not other.schema_keys:
        return None
    alike, _ = _overlap(set(one.schema_keys.split(",")), set(other.schema_keys.split(",")))
    return "same" if alike >= KEYS else "different"


def _answers(mine: Evidence, theirs: Evidence) -> Answers:
    """Compare the answers of two templates; unknown for free text and for plain yes and no."""
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
    """Classify a template's answers; ``few`` when there are fewer than five.

    ``json``: the most common set of keys is in most answers. ``labels``: most answers are short, and each
    occurs four times on average.
    """
    if evidence.answers < 5:
        return "few"
    if evidence.keys and evidence.keys.most_common(1)[0][1] >= DOMINANT * evidence.answers:
        return "json"
    short = sum(evidence.labels.values())
    few = len(evidence.labels) <= min(MAX_LABELS, max(2, evidence.answers // 4))
    return "labels" if short >= DOMINANT * evidence.answers and few else "text"


def _role_words(template: Template, role: str) -> set[str]:
    """Return the fixed words of one role."""
    return {
        word for speaking, said in template.said() if speaking == role for word in WORD.findall(said.lower())
    }


def _overlap(here: set[str], there: set[str]) -> tuple[float, float]:
    """Return the Jaccard similarity, and the share of the smaller set that is in the other."""
    if not here or not there:
        return 0.0, 0.0
    both = len(here & there)
    return both / len(here | there), both / min(len(here), len(there))
