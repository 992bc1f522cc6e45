"""Near-duplicates, likely label errors and a teacher's disagreement, on rows with what is planted in them."""

import json

import numpy as np
import pytest
from support.near_copies import documents, near_copy

from insource.dataset.checks.check import Context
from insource.dataset.checks.contradictory_labels import ContradictoryLabels
from insource.dataset.checks.exact_duplicates import ExactDuplicates
from insource.dataset.checks.label_errors import LabelErrors
from insource.dataset.checks.near_duplicates import NearDuplicateRows
from insource.dataset.checks.report import place
from insource.dataset.checks.suite import apply_fixes, run_checks
from insource.dataset.checks.teacher_disagreement import TeacherDisagreement
from insource.dataset.rows.staged import staged
from insource.foundation.errors import UserError
from insource.types import FixDecision, JsonSchema, Labels, Provenance, Row

ANSWERS = Labels(names=("one", "two"))


class Given:
    name, notes = "given", ()

    def __init__(self, rows):
        self.rows = rows

    def __iter__(self):
        return iter(self.rows)


def row(number, text, output, **more):
    made = more.pop("provenance", Provenance(source="given", line=number))
    return Row(line=number, row_id=f"r{number}", input=text, output=output, provenance=made, **more)


@pytest.fixture
def look(tmp_path):
    """The finding of one check over rows; and the rows left when its fix is accepted."""

    def run(check, rows, output=ANSWERS, decision=None):
        with staged(Given(rows), tmp_path) as work:
            context = Context(rows=work, output=output)
            (finding,) = run_checks(context, [check])
            if decision is None:
                return finding
            accepted = FixDecision(check=check.name, decision="apply", parameters=decision)
            apply_fixes(context, [accepted], [check])
            (after,) = run_checks(context, [check])
            return finding, after, [one.row_id for one in work], work.dropped

    return run


@pytest.fixture(scope="module")
def texts():
    generator = np.random.default_rng(0)
    clean = list(documents(200, generator))
    return clean, [near_copy(text, 0.85, generator) for text in clean[:100]]


def test_near_duplicates_with_one_answer_go_and_the_others_are_said(look, texts):
    clean, copies = texts
    rows = [row(n, text, "one") for n, text in enumerate(clean)]
    rows += [row(200 + n, text, "one" if n < 60 else "two") for n, text in enumerate(copies)]
    finding, after, left, dropped = look(NearDuplicateRows, rows, decision={"threshold": 0.8})
    assert finding.count >= 57
    assert finding.measures["answered_differently"] >= 2 * 38
    assert "answered differently" in finding.summary
    assert after.count == 0
    assert {drop.row_id for drop in dropped} <= {f"r{n}" for n in range(200, 260)}
    assert len(dropped) == finding.count
    assert len(left) + len(dropped) == 300


def test_the_longest_is_kept_when_asked(look, texts):
    clean, copies = texts
    rows = [row(0, clean[0], "one"), row(1, clean[0] + "s", "one"), row(2, copies[1], "one")]
    assert look(NearDuplicateRows, rows, decision={"threshold": 0.8, "keep": "first"})[2] == ["r0", "r2"]
    assert look(NearDuplicateRows, rows, decision={"threshold": 0.8, "keep": "longest"})[2] == ["r1", "r2"]


def test_equal_inputs_are_left_to_the_check_for_exact_duplicates(look, texts):
    rows = [row(n, texts[0][0], "one") for n in range(5)]
    assert look(NearDuplicateRows, rows).count == 0


def test_short_commands_with_other_words_are_no_near_duplicates(look):
    said = ["set an alarm for five", "set an alarm for six", "cancel the alarm", "what is the time in rome"]
    assert look(NearDuplicateRows, [row(n, text, "one") for n, text in enumerate(said)]).count == 0


def classified(count, noise, seed=0):
    """Rows whose words give their class away, with wrong labels planted; and which are wrong."""
    generator = np.random.default_rng(seed)
    words = [[f"w{kind}x{n}" for n in range(30)] for kind in range(4)]
    rows, wrong = [], set()
    for n in range(count):
        kind = int(generator.integers(4))
        text = " ".join([*generator.choice(words[kind], 4), *generator.choice(words[(kind + 1) % 4], 2)])
        if generator.random() < noise:
            kind, _ = (kind + 1 + int(generator.integers(3))) % 4, wrong.add(n)
        rows.append((text, f"k{kind}"))
    return rows, wrong


def test_planted_label_errors_are_found_at_one_in_a_hundred_false_alarms(look, tmp_path):
    rows, wrong = classified(1500, 0.05)
    names = Labels(names=("k0", "k1", "k2", "k3"))
    with staged(Given([row(n, *one) for n, one in enumerate(rows)]), tmp_path) as work:
        check = LabelErrors(Context(rows=work, output=names))
        for n, one in enumerate(work):
            check.observe(n, check.context.view(one))
        finding = check.finding()
    margin = check.confidence[""].margin
    cut = np.sort(margin[[n for n in range(1500) if n not in wrong]])[int(0.01 * (1500 - len(wrong)))]
    assert np.mean(margin[sorted(wrong)] < cut) >= 0.9
    assert 0.7 * len(wrong) <= finding.count <= 2 * len(wrong)
    assert {instance.row_id for instance in finding.instances} <= {f"r{n}" for n in wrong}
    assert finding.fix is None


def test_categorical_fields_of_json_are_judged_each_and_free_text_is_not(look):
    rows, wrong = classified(600, 0.05)
    made = [
        row(n, text, json.dumps({"kind": kind, "title": text, "always": "x"}))
        for n, (text, kind) in enumerate(rows)
    ]
    schema = {"type": "object", "properties": {"kind": {}, "title": {}, "always": {}}}
    finding = look(LabelErrors, made, JsonSchema(definition=schema))
    assert set(finding.measures["fields"]) == {"kind"}
    assert finding.instances[0].detail.startswith("kind: k")
    assert finding.count >= 0.6 * len(wrong)


def test_that_a_field_is_empty_is_not_judged(look):
    rows, _ = classified(600, 0.0)
    made = [
        row(
            n,
            text,
            {"kind": kind} if n % 3 else {"kind": (None, "")[n % 2]},
            attributes=("kind",) if n % 3 else (),
        )
        for n, (text, kind) in enumerate(rows)
    ]
    finding = look(LabelErrors, made, JsonSchema(definition={"type": "object", "properties": {"kind": {}}}))
    assert (finding.measures["fields"]["kind"]["classes"], finding.measures["fields"]["kind"]["judged"]) == (
        4,
        400,
    )
    assert finding.count <= 4


def test_classes_that_a_classifier_cannot_tell_apart_are_not_doubted(look):
    generator = np.random.default_rng(3)
    rows = [row(n, text, f"k{generator.integers(2)}") for n, (text, _) in enumerate(classified(400, 0.0)[0])]
    finding = look(LabelErrors, rows)
    assert finding.count == 0
    assert "cannot tell the classes apart" in finding.skipped


def test_too_few_rows_are_not_judged(look):
    assert look(LabelErrors, [row(n, f"text {n}", "one") for n in range(10)]).skipped


def teacher(number, text, output):
    made = Provenance(source="log", label="teacher", model="cloud-1")
    return row(number, text, output, provenance=made)


def test_a_teachers_answers_to_the_same_input_are_compared_by_field(look):
    rows = [
        teacher(0, "a", '{"x": 1, "y": 2}'),
        teacher(1, "A ", '{"y": 2, "x": 1}'),
        teacher(2, "a", '{"x": 1, "y": 3}'),
        teacher(3, "b", '{"x": 1}'),
        row(4, "a", '{"x": 9, "y": 9}'),
    ]
    schema = {"type": "object", "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}}}
    finding = look(TeacherDisagreement, rows, JsonSchema(definition=schema))
    assert (finding.count, finding.measures) == (1, {"repeats": 2, "differing": 1, "by_field": {"y": 1}})
    assert [one.row_id for one in finding.instances] == ["r2"]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 0, 3, 2)])
def test_the_usual_answer_is_what_others_differ_from(look, order):
    answers = ['{"x": 9}', '{"x": 1, "y": 2}', '{"y": 2, "x": 1}', "no idea"]
    finding = look(TeacherDisagreement, [teacher(n, "a", answers[n]) for n in order])
    assert (finding.count, finding.measures["repeats"]) == (2, 3)
    assert {one.row_id for one in finding.instances} == {"r0", "r3"}


def test_rows_that_share_some_of_their_models_are_compared_once_a_model(look):
    answers = [{"A": "x"}, {"A": "x", "B": "y"}, {"A": "z", "B": "y"}]
    finding = look(
        TeacherDisagreement, [row(n, "q", "one", cloud_outputs=of) for n, of in enumerate(answers)]
    )
    assert (finding.measures["repeats"], finding.measures["differing"], finding.count) == (3, 1, 1)
    assert finding.instances[0].detail.startswith("A answered line 0 otherwise")


def test_logged_answers_count_by_model_and_nothing_repeated_is_said(look):
    answers = [{"m": "one", "n": "two"}, {"m": "one", "n": "one"}, {"k": "one"}]
    rows = [row(n, "same", "one", cloud_outputs=given) for n, given in enumerate(answers)]
    finding = look(TeacherDisagreement, rows)
    assert finding.measures == {"repeats": 2, "differing": 1, "by_field": {"answer": 1}}
    assert look(TeacherDisagreement, rows[:1]).skipped


@pytest.mark.parametrize(
    "parameters", [{"threshold": "high"}, {"threshold": 0}, {"threshold": 1.2}, {"keep": "all"}]
)
def test_edited_parameters_that_make_no_sense_are_refused(tmp_path, parameters):
    rows = [row(n, f"the same long text, number {n // 2}, once more", "x") for n in range(8)]
    with staged(Given(rows), tmp_path) as work:
        decision = FixDecision(check="near-duplicates", decision="apply", parameters=parameters)
        with pytest.raises(UserError) as error:
            apply_fixes(Context(rows=work, output=Labels(names=("x",))), [decision])
    assert error.value.code == "fix-parameters-invalid"


@pytest.mark.parametrize(
    "check", [ExactDuplicates, NearDuplicateRows, TeacherDisagreement, ContradictoryLabels]
)
@pytest.mark.parametrize("logged", [True, False])
def test_findings_call_a_row_by_its_line_or_by_its_call(look, check, logged):
    """A call of the log has no line, so its id is the only name by which people find it."""
    words = " ".join(f"word{n}" for n in range(60))
    said = {ExactDuplicates: ("one", "one"), NearDuplicateRows: ("one", "one")}.get(check, ("one", "two"))
    texts = (words, f"{words} more") if check is NearDuplicateRows else (words, words)
    rows = [
        row(7 + n, text, answer, cloud_outputs={"m": answer}).model_copy(
            update={"row_id": f"01J{n}", "line": None if logged else 7 + n}
        )
        for n, (text, answer) in enumerate(zip(texts, said, strict=True))
    ]
    finding = look(check, rows)
    shown = " ".join(place(one) + one.detail for one in finding.instances)
    assert ("01J0" in shown, "01J1" in shown) == (logged, logged)
    assert ("line 7" in shown, "line 8" in shown) == (not logged, not logged)
