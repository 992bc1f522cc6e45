"""Is there enough data: from the probes and the evaluations that are kept, and the queue of what to label."""

from __future__ import annotations

from insource.dataset.review.ranked import FILE_NAME, write_ranked
from insource.decision.sufficiency.suffices import data_sufficiency
from insource.evaluation.comparison.pairs import Side
from insource.types import Dataset, EvalRecord, Task
from insource.types.sufficiency import Sufficiency
from insource.workflow.probe import Probed, usd_per_label
from insource.workflow.session import Session


def suffice(
    session: Session,
    dataset: Dataset,
    task: Task,
    probed: Probed | None = None,
    pair: tuple[Side, Side] | None = None,
    *,
    target: float | None = None,
) -> Sufficiency:
    """Return whether the data is enough, and write the rows to label next for `insource dataset review`.

    Args:
        probed: what was trained on parts of the rows; None before the third depth.
        pair: candidate and baseline with their records on the test split; None before the second depth.
        target: the quality to reach; None for that of the baseline less the margin.
    """
    answered: dict[str, tuple[EvalRecord, ...]] = {}
    nested = probed.curve if probed else None
    if probed and probed.classical:
        answered[probed.classical.trained.arm] = probed.classical.doubted
    for arm, records in pair or ():
        answered[arm.name] = (*answered.get(arm.name, ()), *records)
    found = data_sufficiency(
        dataset,
        task,
        trained=nested.trained if nested else None,
        pair=pair,
        answered=answered,
        target=target,
        question=session.config.evaluation.question,
        usd_per_row=usd_per_label(session),
        seed=session.config.project.seed,
    )
    write_ranked(session.project.workspace / FILE_NAME, found.to_label.rows)
    return found
