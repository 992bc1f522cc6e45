"""Judge the challenger against the champion: on sealed documents, on fresh ones, and on slices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from insource.dataset.fresh import input_key
from insource.evaluation.compare import compared
from insource.evaluation.comparison.difficulty import difficulties
from insource.evaluation.comparison.family import adjust
from insource.evaluation.comparison.pairs import Side
from insource.evaluation.comparison.slices import compare_slices, document_slices
from insource.evaluation.stage import Evaluated
from insource.lifecycle.challenge import ruling, ruling_alone
from insource.lifecycle.contract_changes import same_answers
from insource.types import Dataset, EvalRecord, Example, RunResult, Task
from insource.types.retraining import Ruling
from insource.workflow.champion import champion_plan
from insource.workflow.cloud_trust import cloud_trust
from insource.workflow.evaluate import evaluate_one
from insource.workflow.judge import terms_of
from insource.workflow.kept_ladder import evaluated_in
from insource.workflow.session import Session

CHALLENGER = "challenger"


class Documents(NamedTuple):
    """The test documents by what the champion knows of them.

    ``sealed`` were in its own test split, ``fresh`` in no split of its dataset. It was made from ``learned``
    ones, or chosen or calibrated by them.
    """

    sealed: tuple[Example, ...]
    fresh: tuple[Example, ...]
    learned: tuple[Example, ...]
    unsure: int = 0

    def by_people(self) -> Documents:
        """Return the documents without fresh ones that only the cloud labelled; ``unsure`` counts those.

        A challenger that learned from a cloud that moved would be right on them, whatever the truth is.
        """
        kept = tuple(one for one in self.fresh if one.provenance.label == "checked")
        return self._replace(fresh=kept, unsure=len(self.fresh) - len(kept))


def judge_challenger(
    session: Session, champion: RunResult, known: Dataset, challenger: RunResult, dataset: Dataset
) -> Ruling:
    """Return whether the challenger goes on to the ladder.

    The champion answers the same test documents as it is served. ``known`` is the champion's dataset,
    ``dataset`` the challenger's.

    Raises:
        UserError, IntegrityError: the champion cannot be opened any more.
        ProviderError: its model keeps failing.
    """
    task = session.project.task(dataset.manifest.output)
    ours = _chosen(session, challenger)
    if ours is None:
        return Ruling(passes=False, reason=_no_candidate(champion, challenger))
    if not same_answers(champion.dataset.output, dataset.manifest.output):
        today = challenger.comparisons[0] if challenger.comparisons else None
        return ruling_alone(today, champion=champion.run_id)
    answered = {record.row_id for record in ours.records}
    documents = sorted_out([one for one in dataset.splits["test"] if one.row_id in answered], known)
    if not cloud_trust(session).attested:
        documents = documents.by_people()
    asked = (*documents.sealed, *documents.fresh)
    if not asked:
        return ruling(None, None, None, champion=champion.run_id, learned=len(documents.learned))
    theirs = evaluate_one(session, dataset, task, "test", champion_plan(session, champion, asked))
    sides = _side(ours, CHALLENGER), _side(theirs, theirs.evaluation.arm.name)
    return _ruling(session, dataset, task, sides, documents, champion, challenger)


def sorted_out(test: Sequence[Example], known: Dataset) -> Documents:
    """Return the test documents by where the champion's dataset has them."""
    split_of = {input_key(one.input): split for split, found in known.splits.items() for one in found}
    where = [split_of.get(input_key(one.input)) for one in test]
    return Documents(
        sealed=tuple(one for one, split in zip(test, where, strict=True) if split == "test"),
        fresh=tuple(one for one, split in zip(test, where, strict=True) if split is None),
        learned=tuple(one for one, split in zip(test, where, strict=True) if split not in ("test", None)),
    )


def _ruling(
    session: Session,
    dataset: Dataset,
    task: Task,
    sides: tuple[Side, Side],
    documents: Documents,
    champion: RunResult,
    challenger: RunResult,
) -> Ruling:
    terms = terms_of(session, dataset, task, challenger.gold)
    parts = {name: part for name, part in (("sealed", documents.sealed), ("fresh", documents.fresh)) if part}
    found = [compared(_only(sides[0], part), _only(sides[1], part), terms) for part in parts.values()]
    corrected = dict(zip(parts, adjust(found, terms, primary=None), strict=True))
    asked = (*documents.sealed, *documents.fresh)
    slices = document_slices(asked, sides[0][1], difficulties(asked, dataset.splits["train"]))
    return ruling(
        corrected.get("sealed"),
        corrected.get("fresh"),
        compare_slices(_only(sides[0], asked), sides[1], slices, metric=terms.metric),
        champion=champion.run_id,
        learned=len(documents.learned),
        looks=challenger.test_looks,
        notes=_notes(documents, challenger),
    )


def _notes(documents: Documents, challenger: RunResult) -> tuple[str, ...]:
    """Return what a reader has to know before believing the ruling."""
    found = []
    if challenger.test_looks > 1:
        found.append(
            f"These test documents were looked at in {challenger.test_looks} walks: a difference that is "
            "barely shown may be chance."
        )
    if documents.fresh:
        found.append(
            "Fresh documents are those that the cloud answered or a person corrected: they are harder than "
            "the traffic as a whole."
        )
    if documents.unsure:
        found.append(
            f"{documents.unsure} fresh documents that only the cloud labelled are left out, because no "
            "anchors show that it answers as before: insource deploy anchors status"
        )
    teachers = sum(one.provenance.label == "teacher" for one in documents.fresh)
    if teachers:
        found.append(f"{teachers} of {len(documents.fresh)} fresh labels are the cloud's, checked by nobody.")
    return tuple(found)


def _chosen(session: Session, result: RunResult) -> Evaluated | None:
    """Return the evaluation of the arm that a run chose, if it answers on this machine."""
    if result.choice is None or result.served is None:
        return None
    found = evaluated_in(session, result)
    return next((one for one in found if one.evaluation.arm.name == result.choice.candidate), None)


def _no_candidate(champion: RunResult, challenger: RunResult) -> str:
    chosen = challenger.choice.candidate if challenger.choice else "nothing"
    return f"{champion.run_id} stays: the new run chose {chosen}, which does not answer on this machine."


def _side(one: Evaluated, name: str) -> Side:
    return one.evaluation.arm.model_copy(update={"name": name}), one.records


def _only(side: Side, documents: Sequence[Example]) -> Side:
    wanted = {one.row_id for one in documents}
    records: tuple[EvalRecord, ...] = tuple(one for one in side[1] if one.row_id in wanted)
    return side[0], records
