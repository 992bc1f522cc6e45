"""Answers to a prompt older than the contract: another version, an earlier time, fields not asked for."""

from __future__ import annotations

from collections import Counter

from insource.contract.places import valid_place
from insource.evaluation.handicaps.case import SHOWN, Case, Found, handicap, share, worth_naming
from insource.matching.grounding import occurrences
from insource.matching.likeness import words_of
from insource.matching.normal_forms import fold_text
from insource.types import JsonSchema

NAMING = 0.5
"""A prompt that names this share of the fields names its fields; those it leaves out were not asked for."""


def find(case: Case) -> Found | None:
    """Find the answers to an older prompt, and the fields that no prompt asks for.

    The current version is the configured one, else the one that the latest recorded call has. The comparison
    without them leaves those documents out, and judges neither side on those fields.
    """
    newest = case.prompt_version or _newest(case)
    old = frozenset(
        example.row_id for example, _ in case.documents() if _is_old(case, case.call(example), newest)
    )
    unasked = _unasked(case)
    affected = case.size if unasked else len(old)
    if not worth_naming(affected, case.size):
        return None
    said = []
    if old:
        since = f"the current prompt {newest}" if newest else f"the contract of {case.contract_since}"
        said.append(f"answered {share(len(old), case.size)} to a prompt older than {since}")
    if unasked:
        said.append(f"was never asked for {', '.join(f'`{name}`' for name in sorted(unasked))}")
    return Found(
        handicap(
            case,
            "old-prompt",
            affected,
            f"{case.arm.name} {' and '.join(said)}.",
            evidence=_evidence(case, old),
            next_step="Ask the cloud again with the current prompt; "
            "`[dataset.calls] prompt_version` keeps to the calls of one version.",
        ),
        left_out=old,
        unjudged=frozenset(unasked),
    )


def _is_old(case: Case, call: object, newest: str) -> bool:
    version, time = getattr(call, "prompt_version", ""), getattr(call, "time", "")
    if time and case.contract_since and time < case.contract_since:
        return True
    return bool(version and newest and version != newest)


def _newest(case: Case) -> str:
    """Return the prompt version of the latest recorded call."""
    calls = [case.call(example) for example, _ in case.documents()]
    dated = [(call.time, call.prompt_version) for call in calls if call.time and call.prompt_version]
    return max(dated)[1] if dated else ""


def _unasked(case: Case) -> set[str]:
    """Return the top-level fields that no recorded prompt names, where the prompts name most others."""
    if not isinstance(case.task.output, JsonSchema):
        return set()
    place = valid_place(case.task.output.definition)
    prompts = {prompt for example, _ in case.documents() if (prompt := case.prompt_of(example))}
    if place is None or not prompts:
        return set()
    text = fold_text("\n".join(sorted(prompts)))
    spoken = " ".join(words_of(text))
    named = {name for name in place.properties if _names(text, spoken, name)}
    if len(named) < NAMING * len(place.properties):
        return set()
    # What was answered was asked for in some other way.
    filled = {
        slot.path.split(".")[0].split("[")[0]
        for _, record in case.documents()
        for slot in (record.score.slots if record.score else ())
        if slot.predicted is not None
    }
    return set(place.properties) - named - filled


def _names(text: str, spoken: str, name: str) -> bool:
    words = " ".join(words_of(name))
    return next(occurrences(fold_text(name), text), None) is not None or (
        bool(words) and next(occurrences(words, spoken), None) is not None
    )


def _evidence(case: Case, old: frozenset[str]) -> tuple[str, ...]:
    versions = Counter(
        case.call(example).prompt_version or "no version"
        for example, _ in case.documents()
        if example.row_id in old
    )
    return tuple(f"{version}: {count:,} answers" for version, count in versions.most_common(SHOWN))
