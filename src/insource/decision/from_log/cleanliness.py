"""How much there is to learn from in a task's log, how clean it is, and how extractive: checks on samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import select

from insource.contract.infer import infer_output
from insource.dataset.checks.check import Context
from insource.dataset.checks.contradictory_labels import ContradictoryLabels
from insource.dataset.checks.suite import run_checks
from insource.dataset.checks.teacher_disagreement import TeacherDisagreement
from insource.dataset.checks.ungrounded_values import UngroundedValues, is_grounded
from insource.dataset.rows.staged import staged
from insource.decision.from_log.figures import of_trials, share, unknown
from insource.decision.from_log.gathering import Gathered
from insource.decision.from_log.samples import Sample, SampledRows, batches
from insource.evaluation.estimators import mean_of_ratios, sampling_units
from insource.similarity.normal_text import normalised
from insource.store.calls.feedback import FEEDBACK, Feedback, feedback_of
from insource.store.database import Database
from insource.types import Estimate, JsonSchema, OutputSpec, Text
from insource.types.log_profile import UsableData

GROUNDED = 300
"""Documents in which the values of their answers are looked up."""


def feedback_in(database: Database) -> dict[str, tuple[Feedback, ...]]:
    """Return all feedback of the log by call."""
    with database.read() as connection:
        given = list(connection.execute(select(FEEDBACK.c.call_id).distinct()).scalars())
    found: dict[str, tuple[Feedback, ...]] = {}
    for some in batches(given):
        found |= feedback_of(database, some)
    return found


def contract_of(sample: Sample, given: OutputSpec | None) -> OutputSpec:
    """Return the task's contract: the project's, else the one that the sampled answers come to.

    Without an answer it is free text, of which nothing is asked.
    """
    if given is not None or not sample.rows:
        return given or Text()
    return infer_output(row.output for row in sample.rows)


def usable_data(
    calls: Gathered,
    sample: Sample,
    again: Sample,
    output: OutputSpec,
    feedback: Mapping[str, Sequence[Feedback]],
    folder: Path,
) -> UsableData:
    """Return how much there is to learn from, and how clean it is."""
    corrections, rated_down, corrected = _feedback(calls, feedback)
    usable = (calls.columns["usable"] == 1) & (calls.columns["place"] >= 0)
    questions = calls.columns["question"][usable]
    measured = _checked(again, output, folder)
    return UsableData(
        inputs=len(np.unique(questions)),
        corrected_inputs=len(np.unique(calls.columns["question"][corrected])),
        labels=_labels(calls, usable) if output.kind == "labels" else {},
        corrections=corrections,
        rated_down=rated_down,
        disagreement=_rate(measured.get(TeacherDisagreement.name), "differing", "repeats"),
        contradictions=_rate(measured.get(ContradictoryLabels.name), "inputs", "asked_again"),
        left_out=sample.left_out,
    )


def _feedback(
    calls: Gathered, feedback: Mapping[str, Sequence[Feedback]]
) -> tuple[Estimate, Estimate, list[int]]:
    """Return the shares of answers with feedback that were corrected and rated down, and which calls were."""
    given = [place for place, one in enumerate(calls.call_ids) if one in feedback]
    if not given:
        none = unknown("nobody gave feedback on an answer")
        return none, none, []
    last = [{one.kind: one.value for one in feedback[calls.call_ids[place]]} for place in given]
    changed, down = ["correction" in one for one in last], [one.get("rating") == "down" for one in last]
    days = calls.days[given]
    note = "people choose which answers they look at"
    found = [share(events, days).model_copy(update={"note": note}) for events in (changed, down)]
    return found[0], found[1], [place for place, one in zip(given, changed, strict=True) if one]


def _labels(calls: Gathered, usable: np.ndarray[Any, np.dtype[np.bool_]]) -> dict[str, int]:
    """Count inputs by label; an input with several labels counts for each."""
    pairs = np.unique(
        np.stack([calls.columns["question"][usable], calls.columns["form"][usable].astype(np.uint64)]), axis=1
    )
    counts = Counter(pairs[1].tolist())
    named = {calls.forms[form][1]: n for form, n in counts.items() if calls.forms[form][:1] == ("=",)}
    return dict(sorted(named.items(), key=lambda item: (-item[1], item[0])))


def _checked(again: Sample, output: OutputSpec, folder: Path) -> dict[str, Mapping[str, Any]]:
    """Run the checks of repeated inputs; return their measures by name."""
    if not again.rows:
        return {}
    with staged(SampledRows(again), folder) as rows:
        findings = run_checks(Context(rows=rows, output=output), (ContradictoryLabels, TeacherDisagreement))
    inputs = Counter(normalised(row.input) for row in again.rows)
    several = sum(count > 1 for count in inputs.values())
    return {one.check: {**one.measures, "asked_again": several} for one in findings if not one.skipped}


def _rate(measures: Mapping[str, Any] | None, events: str, trials: str) -> Estimate:
    why = "no input was answered twice"
    return unknown(why) if measures is None else of_trials(measures[events], measures[trials], why)


def extractive_of(sample: Sample, output: OutputSpec, folder: Path) -> tuple[Estimate, dict[str, Estimate]]:
    """Return the share of the answers' values that stand in their documents, in all and by field.

    Fields whose values are found in other documents just as well are not judged.
    """
    if not sample.rows:
        return unknown("no usable answer is recorded"), {}
    if not isinstance(output, JsonSchema):
        return unknown(f"answers are {output.kind}, which need not stand in a document"), {}
    rows = sample.rows[:GROUNDED]
    with staged(SampledRows(Sample(rows, ())), folder) as kept:
        context = Context(rows=kept, output=output)
        measured = run_checks(context, (UngroundedValues,))[0].measures.get("fields", {})
    by_field = {path: _grounded(one) for path, one in measured.items()}
    judged = {path for path, one in by_field.items() if one.measured}
    if not judged:
        return unknown("no field of the answers can be judged"), by_field
    found, whole = [], []
    for row in rows:
        view = context.view(row)
        values = [
            leaf for leaf in view.leaves if leaf.path in judged and isinstance(leaf.value, str | int | float)
        ]
        found.append(sum(is_grounded(view, leaf.value, view.comparator(leaf.path)) for leaf in values))
        whole.append(len(values))
    all_of_it = mean_of_ratios([(found, whole)], sampling_units([row.group for row in rows]))
    return all_of_it.model_copy(update={"note": f"fields judged: {len(judged)} of {len(by_field)}"}), by_field


def _grounded(measures: Mapping[str, Any]) -> Estimate:
    """Return the share of a field's values that stand in their documents; the check has the others'."""
    if measures["not_judged"]:
        return unknown(measures["not_judged"], measures["values"])
    invented = Estimate.model_validate(measures["invented"])
    ends = {"value": invented.value, "low": invented.high, "high": invented.low}
    update = {name: None if one is None else 1 - one for name, one in ends.items()}
    return invented.model_copy(update=update)
