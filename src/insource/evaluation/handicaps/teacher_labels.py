"""Labels that are another model's answers: what is measured is agreement with that model."""

from __future__ import annotations

from collections import Counter

from insource.evaluation.gold.source import same_model, teacher_of
from insource.evaluation.handicaps.case import SHOWN, Case, Found, handicap, share


def find(case: Case) -> Found | None:
    """Find documents whose label another model gave and nobody checked.

    The comparison without them is on the documents with people's labels.
    """
    teachers: Counter[str] = Counter()
    rows: list[str] = []
    for example, _ in case.documents():
        teacher = teacher_of(example)
        if teacher and not same_model(teacher, case.arm.model):
            teachers[teacher] += 1
            rows.append(example.row_id)
    if not rows:
        return None
    named = ", ".join(f"{name} ({count:,})" for name, count in teachers.most_common(SHOWN))
    return Found(
        handicap(
            case,
            "teacher-labels",
            len(rows),
            f"The labels of {share(len(rows), case.size)} are answers of {named}, checked by nobody: on "
            f"these, agreement with that model is measured, not the accuracy of {case.arm.name}.",
            evidence=tuple(rows[:SHOWN]),
            next_step="Have people check the labels, first where the two disagree: insource dataset review",
        ),
        left_out=frozenset(rows),
        of_labels=True,
    )
