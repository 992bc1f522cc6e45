"""What remains of a comparison without a handicap, and when its outcome may not be stated."""

from __future__ import annotations

import json

import pytest
from support.unfair_clouds import CLOUD, Made, example, scored

from insource.evaluation.compare import compare
from insource.evaluation.handicaps.suite import find_handicaps, weigh
from insource.types import Arm, CloudCall, JsonSchema, Labels, Provenance, Task

TUNED = Arm(name="tuned", model="t", kind="tuned")
NAMES = ("card lost", "card broken", "pin forgotten", "app crash", "fee charged")
TASK = Task(name="t", instruction="Name it.", output=Labels(names=NAMES), primary_metric="accuracy")


def labels(say, size=300, task=TASK):
    """A task in which the cloud says ``say(number, gold)``."""
    golds = {f"r{n}": NAMES[n % len(NAMES)] for n in range(size)}
    examples = {f"r{n}": example(n, f"letter {n} of a customer of ours", golds[f"r{n}"]) for n in range(size)}
    return Made(task, examples, {f"r{n}": say(n, golds[f"r{n}"]) for n in range(size)})


def rightly(share):
    """An answer that is right on this share of the documents, else another label."""
    return lambda n, gold: (
        gold if n * 0.6180339887 % 1 < share else NAMES[(NAMES.index(gold) + 1 + n % 3) % len(NAMES)]
    )


def fairness(cloud: Made, candidate: Made, **more):
    case = cloud.case(**more)
    ours = scored(candidate.task, cloud.examples, candidate.answers)

    def again(mine, theirs):
        return compare((TUNED, mine), (CLOUD, theirs), metric=cloud.task.primary_metric, margin=0.02)

    found = again(ours, case.records)
    return found, weigh(found, find_handicaps(case), ours, case.records, again)


def test_a_win_over_a_cloud_that_lacks_labels_is_no_win():
    def say(n, gold):
        return rightly(0.9)(n, gold) if gold != "app crash" else "card lost"

    offered = labels(lambda n, gold: answer if (answer := say(n, gold)) != "app crash" else "fee charged")
    found, fair = fairness(offered, labels(rightly(0.9)))
    assert found.outcome == "better"
    (handicap,) = fair.handicaps
    assert (handicap.kind, handicap.documents, handicap.decides) == ("missing-labels", 60, True)
    assert handicap.remaining.documents == 240
    assert handicap.remaining.cloud.value > 0.85
    assert "“app crash”" in fair.reason
    assert "Ask the cloud again" in fair.reason
    assert not fair.comparable


def test_a_win_that_remains_without_the_handicap_stands():
    def say(n, gold):
        answer = rightly(0.5)(n, gold) if gold != "app crash" else "card lost"
        return answer if answer != "app crash" else "fee charged"

    found, fair = fairness(labels(say), labels(rightly(0.95)))
    assert found.outcome == fair.handicaps[0].remaining.outcome == "better"
    assert [one.decides for one in fair.handicaps] == [False]
    assert fair.comparable


def test_fewer_documents_alone_change_no_outcome():
    """Without the cut answers the difference is what it was; only its interval is wider."""

    def half_cut(n, gold):
        return "" if n % 2 else rightly(0.86)(n, gold)

    def ours(n, gold):
        return rightly(0.92)(n, gold) if n % 2 == 0 else (gold if n % 40 == 1 else "")

    found, fair = fairness(labels(half_cut, 160), labels(ours, 160))
    remaining = fair.handicaps[0].remaining
    assert abs(remaining.difference.value - found.difference.value) < 0.01
    assert (found.outcome, remaining.outcome) == ("better", "not worse")
    assert fair.comparable


def test_an_alias_table_mends_what_is_only_spelled_otherwise():
    own = {"card lost": "LOST-CARD", "pin forgotten": "zz9"}
    found, fair = fairness(
        labels(lambda n, gold: own.get(rightly(0.9)(n, gold), rightly(0.9)(n, gold))), labels(rightly(0.9))
    )
    (handicap,) = fair.handicaps
    assert found.outcome == "better"
    assert handicap.kind == "spelling"
    assert handicap.aliases["(label)"] == {"LOST-CARD": "card lost", "zz9": "pin forgotten"}
    assert handicap.remaining.documents == 300  # mended, not left out
    assert abs(handicap.remaining.difference.value) < 0.02
    assert handicap.decides


def test_labels_of_a_model_leave_nothing_to_compare():
    teacher = Provenance(source="log", label="teacher", provider="acme", model="gpt")
    cloud = labels(rightly(1.0), 60)
    cloud = cloud._replace(
        examples={k: e.model_copy(update={"provenance": teacher}) for k, e in cloud.examples.items()}
    )
    found, fair = fairness(cloud, labels(rightly(0.7), 60))
    assert found.outcome == "worse"
    assert fair.handicaps[0].kind == "copied-labels"
    assert fair.handicaps[0].remaining.documents == 0
    assert "no document is left" in fair.reason


def test_two_handicaps_may_decide_only_together():
    def say(n, gold):
        answer = rightly(0.9)(n, gold)
        if n % 19 == 7:
            return "I'm sorry, but I cannot help with this request."
        return answer.upper()[::-1] if n % 17 == 3 else answer

    found, fair = fairness(labels(say, 1200), labels(rightly(0.9), 1200))
    assert {one.kind for one in fair.handicaps} == {"spelling", "no-answer"}
    assert not any(one.decides for one in fair.handicaps)
    assert (found.outcome, fair.remaining.outcome) == ("better", "not worse")
    assert "Without them together" in fair.reason


FIELDS = JsonSchema(
    definition={
        "type": "object",
        "properties": {"rated_voltage": {"type": "string"}, "phase": {"type": "string"}},
        "additionalProperties": False,
    }
)


def fields(say, size=60):
    task = Task(name="t", instruction="Extract.", output=FIELDS)
    golds = [{"rated_voltage": f"{100 + n} V", "phase": f"{1 + n % 3} ph"} for n in range(size)]
    examples = {f"r{n}": example(n, json.dumps(gold), json.dumps(gold)) for n, gold in enumerate(golds)}
    return Made(task, examples, {f"r{n}": json.dumps(say(gold)) for n, gold in enumerate(golds)})


@pytest.mark.parametrize(
    "say",
    [
        lambda gold: {"ratedVoltage": gold["rated_voltage"], "phase": gold["phase"]},
        lambda gold: {"u_n": gold["rated_voltage"], "phase": gold["phase"]},
        lambda gold: {"answer": gold},
    ],
)
def test_keys_of_another_schema_are_read_as_what_they_mean(say):
    (handicap, *_), reason = (found := fairness(fields(say), fields(dict))[1]).handicaps, found.reason
    assert (handicap.kind, handicap.documents) == ("other-keys", 60)
    assert handicap.remaining.cloud.value == 1.0
    assert "current schema" in reason


def test_a_field_that_the_prompt_never_asked_for_is_judged_on_neither_side():
    cloud = fields(lambda gold: {"rated_voltage": gold["rated_voltage"]})
    _, fair = fairness(cloud, fields(dict), prompt="Give the rated_voltage.")
    (handicap,) = [one for one in fair.handicaps if one.kind == "old-prompt"]
    assert "`phase`" in handicap.sentence
    assert handicap.remaining.difference.value == 0.0


def test_another_draw_of_sampled_answers_is_looked_at():
    cloud = labels(rightly(0.7), 200)
    other = {f"r{n}": rightly(0.95)(n, e.target) for n, e in enumerate(cloud.examples.values())}
    cloud = cloud._replace(
        examples={
            k: e.model_copy(
                update={"cloud_calls": {CLOUD.model: CloudCall(temperature=1.0, repeats=(other[k],))}}
            )
            for k, e in cloud.examples.items()
        }
    )
    found, fair = fairness(cloud, labels(rightly(0.9), 200))
    (handicap,) = fair.handicaps
    assert found.outcome == "better"
    assert handicap.decides
    assert handicap.agreement.low < 0.75 < handicap.agreement.high < 1


@pytest.mark.parametrize("size", [1, 2])
def test_one_document_is_enough_to_look_at(size):
    _, fair = fairness(labels(rightly(1.0), size), labels(rightly(0.0), size))
    assert fair.handicaps == ()


def test_records_without_completions_are_read_from_the_rows():
    cloud = labels(lambda n, gold: f"Label: {gold.upper()}")
    case = cloud.case()
    bare = tuple(record.model_copy(update={"completion": None}) for record in case.records)
    assert not any(found.handicap.kind == "no-answer" for found in find_handicaps(case))
    assert {found.handicap.kind for found in find_handicaps(case._replace(records=bare))} == {"no-answer"}
    rows = {
        k: e.model_copy(update={"cloud_outputs": {CLOUD.model: cloud.answers[k]}})
        for k, e in cloud.examples.items()
    }
    found = find_handicaps(case._replace(records=bare, examples=rows))
    assert {one.handicap.kind for one in found} == {"spelling"}


def test_only_a_real_cloud_has_handicaps():
    case = labels(lambda n, gold: "card lost").case()
    for arm in (TUNED, Arm(name="s", model="s", kind="simulated")):
        assert find_handicaps(case._replace(arm=arm)) == ()


def test_nothing_may_be_spelled_too():
    """A cloud that writes n/a for null invents nothing."""
    task = Task(
        name="t",
        instruction="i",
        output=JsonSchema(
            definition={"type": "object", "properties": {"a": {"type": ["string", "null"]}, "b": {}}}
        ),
    )
    examples = {f"r{n}": example(n, "A thing.", '{"a":null,"b":1}') for n in range(20)}
    cloud = Made(task, examples, dict.fromkeys(examples, '{"a": "n/a", "b": 1}'))
    (handicap,) = fairness(cloud, Made(task, examples, dict.fromkeys(examples, '{"b": 1}')))[1].handicaps
    assert handicap.aliases == {"a": {"n/a": "null"}}
    assert handicap.remaining.cloud.value == 1.0


def test_fences_around_json_are_no_handicap_of_the_content():
    fenced = fields(dict)
    fenced = fenced._replace(
        answers={row_id: f"```json\n{text}\n```" for row_id, text in fenced.answers.items()}
    )
    assert [one.kind for one in fairness(fenced, fields(dict))[1].handicaps if one.kind == "spelling"] == []
    strict = fenced.task.model_copy(update={"primary_metric": "parse_rate"})
    kinds = [one.kind for one in fairness(fenced._replace(task=strict), fields(dict))[1].handicaps]
    assert kinds == ["spelling"]


def test_arms_scored_under_different_schemas_are_not_comparable():
    new = fields(dict)
    properties = {"rated_voltage": {"type": "string"}, "phase": {"type": "integer"}}
    old = new._replace(
        examples={
            k: e.model_copy(update={"target": json.dumps({"rated_voltage": json.loads(e.target)["phase"]})})
            for k, e in new.examples.items()
        },
        task=new.task.model_copy(
            update={"output": JsonSchema(definition={"type": "object", "properties": properties})}
        ),
    )
    ours, theirs = new.case(), old.case()

    def again(mine, others):
        return compare((TUNED, mine), (CLOUD, others), metric="field_accuracy", margin=0.02)

    fair = weigh(
        again(ours.records, theirs.records), find_handicaps(theirs), ours.records, theirs.records, again
    )
    assert not fair.comparable
    assert "60 documents differ" in fair.reason


def test_of_many_labels_the_missing_ones_are_told_from_the_rare_ones():
    """77 labels with four documents each: one that is found three times in four is not missed by accident."""
    names = tuple(f"matter {n}" for n in range(77))
    task = Task(name="t", instruction="i", output=Labels(names=names), primary_metric="accuracy")

    def cloud(never):
        kept = [n for n in range(77) if n not in never]

        def said(n):
            label = n % 77 if n * 0.6180339887 % 1 < 0.75 else (n + 1) % 77
            return names[label if label not in never else kept[n % len(kept)]]

        examples = {f"r{n}": example(n, f"letter {n} of a customer", names[n % 77]) for n in range(308)}
        return find_handicaps(Made(task, examples, {f"r{n}": said(n) for n in range(308)}).case())

    assert cloud(frozenset()) == ()
    (found,) = cloud(frozenset(range(0, 77, 6)))
    assert (found.handicap.kind, found.handicap.documents) == ("missing-labels", 52)
