"""The bound of a project: what is registered before it is tested, and what a later one costs."""

from __future__ import annotations

import json

import pytest
from support.arms import dataset_of, made_of
from support.walks import FakeDisplay, session_on

from insource.config.routing import RoutingSection
from insource.foundation.errors import ConfigError, DataError
from insource.routing.bounds.frontier import BOUNDS
from insource.types import Completion, EvalRecord, JsonSchema, LoggedAnswer, Text
from insource.types.choice import Choice
from insource.workflow.bound import NO_CLOUD, NO_MOST, TOO_STRICT, check_weights, fitted
from insource.workflow.bound_terms import FOLDER, choices_of
from insource.workflow.route import calibrate

CHOICE = Choice(candidate="tuned", baseline="cloud", metric="accuracy", margin=0.02, trials=(), reason="")


def on(project, **routing):
    lines = "".join(f"{key} = {value!r}\n" for key, value in routing.items())
    return session_on(project(config=f"[task]\nname = 'tickets'\n[routing]\n{lines}"), FakeDisplay())


def test_the_first_bound_is_fixed_beforehand_and_stays_so(project, rows):
    examples = rows.examples(rows.tickets(40))
    assert [choices_of(on(project), examples) for _ in range(2)] == [1, 1]


@pytest.mark.parametrize(
    ("later", "families"),
    [({"max_error": 0.05}, 1), ({"loss": "fields"}, 2), ({"delta": 0.1}, 2), ({"unit": "groups"}, 2)],
)
def test_another_bound_on_the_same_documents_counts_as_picked(project, rows, later, families):
    examples = rows.examples(rows.tickets(40))
    choices_of(on(project), examples)
    assert choices_of(on(project, **later), examples) == len(BOUNDS) * families
    assert choices_of(on(project), examples) == 1  # the first one is what it was


def test_documents_that_were_kept_are_not_fresh_and_others_are(project, rows):
    examples = rows.examples(rows.tickets(80))
    choices_of(on(project), examples[:40])
    assert choices_of(on(project, max_error=0.05), examples[39:]) == len(BOUNDS)
    assert choices_of(on(project, max_error=0.2), examples[41:]) == len(BOUNDS)  # looked at with 5 %
    assert choices_of(on(project), examples) == 1


def test_fresh_documents_need_no_correction(project, rows):
    examples = rows.examples(rows.tickets(80))
    choices_of(on(project), examples[:40])
    assert choices_of(on(project, max_error=0.05), examples[40:]) == 1


def test_an_edited_registration_is_refused(project, rows):
    walk, examples = on(project), rows.examples(rows.tickets(40))
    choices_of(walk, examples)
    (path,) = (walk.project.workspace / FOLDER).glob("*.json")
    path.write_text(path.read_text().replace("0.1", "0.2"))
    with pytest.raises(DataError, match="not what was written"):
        choices_of(walk, examples)


def calibration(task, examples):
    dataset = dataset_of(examples[:9], examples[9:12], task)
    return dataset.model_copy(update={"splits": dataset.splits | {"calibration": examples[12:]}})


def test_a_project_that_changes_its_bound_is_told(project, rows, label_task, tmp_path):
    """Through the stage itself: the threshold of the second bound is tested at its part of delta."""
    examples = rows.examples(rows.tickets(112))
    dataset, made = calibration(label_task, examples), made_of(label_task, tmp_path, examples)
    first = calibrate(on(project), dataset, label_task, made, CHOICE).policy
    assert (first.basis, first.choices) == ("guaranteed", 1)
    walk = on(project, max_error=0.125)
    later = calibrate(walk, dataset, label_task, made, CHOICE).policy
    assert (later.choices, later.max_error) == (len(BOUNDS), 0.12)
    assert "looked at before with another bound" in walk.display.notes[-1]
    strict = calibrate(on(project, max_error=0.005), dataset, label_task, made, CHOICE).policy
    assert (strict.threshold, strict.reason) == (None, TOO_STRICT)


def test_documents_that_were_trained_on_certify_nothing(project, rows, label_task, tmp_path):
    """A build drops them; a dataset that was put together otherwise may still have them."""
    examples = rows.examples(rows.tickets(112))
    dataset, made = calibration(label_task, examples), made_of(label_task, tmp_path, examples)
    copied = tuple(
        one.model_copy(update={"row_id": f"again-{one.row_id}", "input": f"  {one.input.upper()} "})
        for one in dataset.splits["train"]
    )
    mixed = dataset.splits["calibration"][:30] + copied
    dataset = dataset.model_copy(update={"splits": dataset.splits | {"calibration": mixed}})
    walk = on(project)
    assert calibrate(walk, dataset, label_task, made, CHOICE).policy.calibration_n == 30
    said = next(note for note in walk.display.notes if "certify nothing" in note)
    assert said.startswith(f"{len(copied)} calibration documents are training documents, too")
    assert copied[0].row_id in said


def test_a_loss_against_the_cloud_takes_its_recorded_answers(project, rows, label_task, tmp_path):
    examples = tuple(
        one.model_copy(update={"cloud_outputs": {"cloud": LoggedAnswer(text=one.target).text}})
        for one in rows.examples(rows.tickets(112))
    )
    dataset = calibration(label_task, examples)
    manifest = dataset.manifest.model_copy(update={"cloud_models": ("cloud",)})
    dataset = dataset.model_copy(update={"manifest": manifest})
    made = made_of(label_task, tmp_path, examples)
    policy = calibrate(on(project, loss="cloud"), dataset, label_task, made, CHOICE).policy
    assert (policy.loss, policy.basis) == ("cloud", "guaranteed")
    alone = CHOICE.model_copy(update={"baseline": ""})
    assert calibrate(on(project, loss="cloud"), dataset, label_task, made, alone).policy.reason == NO_CLOUD


def record(row, group, *, right=True, seen=None, sure=0.9):
    score = dict.fromkeys(("parsed", "repairable", "schema_valid", "canonical"), True)
    score |= {"exact": right, "slots": [{"path": "a", "bucket": "correct" if right else "wrong"}]}
    return EvalRecord.model_validate(
        {
            "row_id": row, "group": group, "group_seen": seen, "status": "scored",
            "score": score, "confidence": sure,
        }
    )  # fmt: skip


def section(**values):
    return RoutingSection.model_validate(values)


KNOWN = [record(f"{group}-{place}", f"g{group}", seen=True) for group in range(10) for place in range(8)]
NEW = [
    record(f"n{group}-{place}", f"n{group}", seen=False, right=group > 0)
    for group in range(4)
    for place in range(3)
]


def test_known_groups_are_guaranteed_and_new_ones_estimated(label_task):
    policy = fitted(section(), label_task, KNOWN, {}, lambda: NEW, 1)
    assert (policy.basis, len(policy.calibrated_groups)) == ("guaranteed", 10)
    assert (policy.new_groups.guarantee, policy.new_groups.groups) == ("withheld", 4)
    assert policy.new_groups.loss.value == pytest.approx(0.25)
    assert (policy.new_groups.splits, policy.new_groups.more) == (("validation",), 25)
    assert "It is about the 10 groups of the calibration documents. Nothing is guaranteed" in policy.reason


def test_with_groups_as_units_only_those_that_training_never_saw_count(label_task):
    few = fitted(section(unit="groups"), label_task, [*KNOWN, *NEW], {}, lambda: (), 1)
    assert (few.basis, few.new_groups.guarantee, few.calibrated_groups) == ("infeasible", "withheld", ())
    assert "needs at least 29 groups that training never saw, and there are 4" in few.reason
    many = [record(f"m{group}-{place}", f"m{group}", seen=False) for group in range(40) for place in range(3)]
    held = fitted(section(unit="groups"), label_task, [*KNOWN, *many], {}, lambda: (), 1)
    assert (held.basis, held.new_groups.guarantee, held.new_groups.more) == ("guaranteed", "held", 0)
    assert held.calibration_n == len(many)


def test_documents_without_groups_say_nothing_of_them(label_task):
    alone = [one.model_copy(update={"group": None, "group_seen": None}) for one in KNOWN]
    policy = fitted(section(), label_task, alone, {}, lambda: (), 1)
    assert (policy.basis, policy.new_groups, policy.calibrated_groups) == ("guaranteed", None, ())
    assert "group" not in policy.reason


def test_a_text_has_no_weights(example_task):
    task = example_task.model_copy(update={"output": Text()})
    assert fitted(section(loss="weighted"), task, KNOWN, {}, lambda: (), 1).reason == NO_MOST


def test_weights_reach_the_policy(example_task):
    task = example_task.model_copy(
        update={
            "output": JsonSchema(
                definition={
                    "type": "object",
                    "properties": {"a": {"type": "string"}},
                    "additionalProperties": False,
                }
            )
        }
    )
    policy = fitted(section(loss="weighted", weights={"a": 4.0}), task, KNOWN, {}, lambda: (), 1)
    assert (policy.loss, policy.weights, policy.basis) == ("weighted", {"a": 4.0}, "guaranteed")
    assert json.loads(policy.model_dump_json())["weights"] == {"a": 4.0}


def test_an_answer_that_says_nothing_is_no_help(label_task):
    quiet = [one.model_copy(update={"completion": Completion(text="x", model="m")}) for one in KNOWN]
    unsure = [one.model_copy(update={"confidence": None}) for one in quiet]
    policy = fitted(section(), label_task, unsure, {}, lambda: (), 1)
    assert (policy.basis, policy.frontier[0].share) == ("infeasible", 0.0)


def test_a_weight_of_a_field_that_is_not_there_is_refused_at_the_start(example_task):
    known = next(iter(example_task.output.definition["properties"]))
    check_weights(section(loss="weighted", weights={known: 2.0}), example_task)
    check_weights(section(loss="fields", weights={"nowhere": 2.0}), example_task)  # not read
    with pytest.raises(ConfigError, match="names nowhere"):
        check_weights(section(loss="weighted", weights={known: 2.0, "nowhere": 3.0}), example_task)


def wide(row, wrong):
    """A document of eight fields, of which some are wrong."""
    slots = [{"path": f"f{n}", "bucket": "wrong" if n < wrong else "correct"} for n in range(8)]
    score = dict.fromkeys(("parsed", "repairable", "schema_valid", "canonical"), True)
    return EvalRecord.model_validate(
        {"row_id": row, "status": "scored", "confidence": 0.9}
        | {"score": score | {"exact": not wrong, "slots": slots}}
    )


def test_what_cannot_be_shown_names_the_loss_and_the_level_that_can(example_task):
    properties = {f"f{n}": {"type": "string"} for n in range(8)}
    definition = {"type": "object", "properties": properties, "additionalProperties": False}
    task = example_task.model_copy(update={"output": JsonSchema(definition=definition)})
    records = [wide(str(n), wrong=int(n % 5 == 0)) for n in range(200)]
    policy = fitted(section(), task, records, {}, lambda: (), 1)
    assert policy.basis == "infeasible"
    own, fields, invented = policy.feasible
    assert (own.loss, fields.loss, invented.loss) == ("documents", "fields", "invented")
    assert 0.2 < own.max_error <= 0.3
    assert (fields.max_error, invented.max_error, fields.share) == (0.1, 0.1, 1.0)
    assert 'With `routing.loss = "fields"`, at most 10% wrong' in policy.reason
    for one in (own, fields):  # what it names is what a project that had fixed it would have got
        given = section(loss=one.loss, max_error=one.max_error)
        assert fitted(given, task, records, {}, lambda: (), 1).basis == "guaranteed"
    assert fitted(section(loss="fields"), task, records, {}, lambda: (), 1).feasible == ()
