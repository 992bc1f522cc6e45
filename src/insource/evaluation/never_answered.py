"""Find labels that a cloud never gave: a verdict over a cloud that was not offered them means little."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from insource.contract.places import Place, listed_values, place_of
from insource.evaluation.scorers import LABEL
from insource.matching.assignment import canonical
from insource.types import Arm, EvalRecord, JsonSchema, Labels, OutputSpec
from insource.types.evaluation import NeverAnswered

NOTABLE = 0.01
"""Above this share of the documents, the outcome says so first."""
_NAMED = 8


def fields_of_labels(output: OutputSpec) -> frozenset[str]:
    """Return the paths whose values come from a closed list: the label, or the fields with an enum or const.

    Left out are fields whose names the schema does not give (``patternProperties``, ``additionalProperties``)
    and those under ``if``.
    """
    if isinstance(output, Labels):
        return frozenset({LABEL})
    if isinstance(output, JsonSchema):
        return frozenset(_enums("", place_of(output.definition), frozenset()))
    return frozenset()


def _enums(path: str, place: Place, above: frozenset[int]) -> Iterator[str]:
    """Yield the paths with an enum; a schema that refers to itself is read until it repeats."""
    if id(place) in above:
        return
    above |= {id(place)}
    for option in (place, *place.branches):
        if listed_values(option) is not None:
            yield path
        if option.items is not None:
            yield from _enums(f"{path}[]", option.items, above)
            if place.types - {"array", "null", "object"}:  # or one value in place of a list
                yield from _enums(path, option.items, above)
        for index in range(option.heads):
            if (head := option.item(index)) is not None:
                yield from _enums(f"{path}[{index}]", head, above)
        for key, inner in option.properties.items():
            yield from _enums(f"{path}.{key}" if path else key, inner, above)


def never_answered(
    arm: Arm, records: Sequence[EvalRecord], fields: Collection[str], documents: Collection[str]
) -> tuple[NeverAnswered, ...]:
    """Return, by field, the labels of these ``documents`` (row ids) that occur in none of the arm's answers.

    Only a real cloud's are looked for: it alone may have been asked with another prompt.
    """
    if arm.role != "reference" or arm.simulated:
        return ()
    wanted: dict[str, dict[str, set[str]]] = {}
    given: dict[str, set[str]] = {}
    names: dict[str, str] = {}
    for record in records:
        for slot in record.score.slots if record.score else ():
            if slot.path not in fields:
                continue
            gold, said = canonical(slot.gold), canonical(slot.predicted)
            names[gold] = slot.gold if isinstance(slot.gold, str) else gold
            # A right answer may spell its label in another way.
            given.setdefault(slot.path, set()).update([said, gold] if slot.bucket == "correct" else [said])
            if slot.gold is not None and record.row_id in documents:
                wanted.setdefault(slot.path, {}).setdefault(gold, set()).add(record.row_id)
    return tuple(
        found
        for path, rows in wanted.items()
        if (found := _missing(arm.name, path, rows, given[path], names, len(documents))).labels
    )


def _missing(
    arm: str, path: str, rows: dict[str, set[str]], given: set[str], names: dict[str, str], of: int
) -> NeverAnswered:
    missing = Counter({label: len(documents) for label, documents in rows.items() if label not in given})
    return NeverAnswered(
        arm=arm,
        field=path,
        labels=tuple(names[label] for label, _ in missing.most_common()),
        occurring=len(rows),
        documents=len(set().union(*(rows[label] for label in missing))),
        of=of,
    )


def notable(found: NeverAnswered) -> bool:
    """Return whether more than ``NOTABLE`` of the documents have such a label."""
    return found.documents > NOTABLE * found.of


def described(found: NeverAnswered) -> str:
    """Return the finding as a sentence."""
    named = ", ".join(f"“{label}”" for label in found.labels[:_NAMED])
    more = f" and {len(found.labels) - _NAMED:,} more" if len(found.labels) > _NAMED else ""
    what = "labels" if found.field == LABEL else f"values of `{found.field}`"
    return (
        f"{found.arm} never answered {len(found.labels):,} of the {found.occurring:,} {what} that occur, on "
        f"{found.documents:,} of {found.of:,} documents ({named}{more}), so its prompt may not have offered "
        "them."
    )
