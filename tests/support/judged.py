"""Two arms with the records that a comparison reads, from right or wrong by document."""

from __future__ import annotations

from collections.abc import Sequence

from insource.types import Arm, EvalRecord, Score, SlotScore

TUNED = Arm(name="tuned", model="t", kind="tuned")
CLOUD = Arm(name="cloud", model="c", kind="cloud")
FORMATS = dict.fromkeys(("parsed", "repairable", "schema_valid", "canonical"), True)


def label_records(
    right: Sequence[bool], groups: Sequence[str | None] | None = None, seen: Sequence[bool] | None = None
) -> list[EvalRecord]:
    """One label a document, right or wrong."""
    return [
        EvalRecord(
            row_id=str(i),
            group=groups[i] if groups else None,
            group_seen=seen[i] if seen else None,
            status="scored",
            score=Score(slots=(_LABEL[bool(one)],), exact=bool(one), **FORMATS),
        )
        for i, one in enumerate(right)
    ]


_LABEL = {
    True: SlotScore(path="(label)", bucket="correct", gold="a", predicted="a"),
    False: SlotScore(path="(label)", bucket="wrong", gold="a", predicted="b"),
}


def against(differences: Sequence[int], groups: Sequence[str | None] | None = None) -> tuple:
    """The two sides of a comparison in which each document differs by -1, 0 or 1."""
    ours = label_records([d >= 0 for d in differences], groups)
    theirs = label_records([d <= 0 for d in differences], groups)
    return (TUNED, ours), (CLOUD, theirs)
