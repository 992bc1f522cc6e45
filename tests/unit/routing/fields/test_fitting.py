"""A confidence is learned from answers whose fields can be told apart, and only where it predicts better."""

import json

import numpy as np
import pytest

from insource.foundation.errors import DataError
from insource.foundation.rng import generator
from insource.models.protocol import Request
from insource.routing.fields.figures import answer_judgements, field_judgements, figures_of
from insource.routing.fields.fitting import LabelledAnswer, fit_confidence, folds_of, outcomes_of
from insource.routing.fields.habits import WHOLE, Habits
from insource.routing.fields.model import FILE, load
from insource.routing.fields.novelty import known_text
from insource.routing.fields.stating_model import StatingModel
from insource.stats.discrimination import auroc, calibration_error
from insource.types import Completion, EvalRecord, JsonSchema, Labels, Message, Score, TokenEvidence

FIELD = {"type": ["string", "null"]}
OUTPUT = JsonSchema(definition={"type": "object", "properties": {"a": FIELD, "b": FIELD}})
KNOWN = known_text(["value of a and b"])


def answers(n, *, grounded=True, own=lambda right, rng: 0.9, name="fitting"):
    """Answers of two fields, a fifth of the values wrong. A wrong value does not stand in the document, if
    ``grounded``; ``own`` is the stated confidence of a field.
    """
    rng = generator(0, f"test.{name}")
    found = []
    for number in range(n):
        right = rng.uniform(size=2) > 0.2
        document = "value " + " ".join(f"{field}{number}x" for field in "ab")
        values = [
            f"{field}{number}x" if good or not grounded else "elsewhere"
            for field, good in zip("ab", right, strict=True)
        ]
        sure = [own(bool(good), rng) for good in right]
        found.append(
            LabelledAnswer(
                row_id=f"row-{number}",
                unit=f"group-{number % 20}",
                source="validation",
                document=document,
                completion=Completion(
                    text=json.dumps(dict(zip("ab", values, strict=True))),
                    confidence=float(np.prod(sure)),
                    field_confidences=dict(zip("ab", sure, strict=True)),
                ),
                score=score_of(dict(zip("ab", values, strict=True)), right),
                novelty=0.0,
                checked=True,
            )
        )
    return found


def score_of(answer, right):
    slots = [
        {"path": path, "bucket": "correct" if good else "wrong", "predicted": answer[path]}
        for path, good in zip("ab", right, strict=True)
    ]
    known = dict.fromkeys(("parsed", "repairable", "schema_valid", "canonical"), True)
    return Score.model_validate({"slots": slots, "exact": bool(all(right)), "answer": answer, **known})


def fitted(rows):
    return fit_confidence(rows, OUTPUT, task="specs", arm="tuned", known=KNOWN, habits=Habits())


def stated(confidence, rows):
    return [confidence.stated(one.document, one.completion, OUTPUT) for one in rows]


def test_what_the_document_says_of_a_value_is_learned():
    confidence = fitted(answers(200))
    fresh = answers(100, name="fresh")
    found = stated(confidence, fresh)
    pairs = [
        (one.field_confidences[path], good)
        for one, row in zip(found, fresh, strict=True)
        for path, good in outcomes_of(row.score, OUTPUT).items()
    ]
    assert auroc(*zip(*pairs, strict=True)) > 0.99
    assert "of the stated confidence," not in confidence.learner
    assert (confidence.documents, confidence.labels, confidence.fields) == (
        {"validation": 200},
        {"gold": 200},
        400,
    )


def test_an_answer_has_the_probability_that_all_its_fields_are_right():
    rows = answers(300)
    found = stated(fitted(rows), answers(200, name="fresh"))
    right = [one.score.exact for one in answers(200, name="fresh")]
    assert np.mean([one.confidence for one in found]) == pytest.approx(np.mean(right), abs=0.06)
    assert all(one.confidence <= min(one.field_confidences.values()) for one in found)


@pytest.mark.parametrize(
    "own",
    [
        lambda right, rng: float(np.clip(rng.beta(8, 2) if right else rng.beta(2, 8), 0.01, 0.99)),
    ],
    ids=["calibrated already"],
)
def test_a_stated_confidence_that_says_it_all_is_kept(own):
    """Nothing is in the features that is not in the stated confidence, so that nothing is learned of them."""
    found = fitted(answers(150, grounded=False, own=own))
    assert found is None or "of the stated confidence," in found.learner


def test_too_few_wrong_fields_teach_nothing():
    rows = [one for one in answers(200) if one.score.exact]
    assert fitted(rows) is None
    assert fitted([]) is None


def test_a_group_is_in_one_fold_and_no_fold_is_much_larger():
    units = [f"group-{n % 17}" for n in range(500)]
    fold = folds_of(units)
    assert all(
        len({f for f, u in zip(fold.tolist(), units, strict=True) if u == unit}) == 1 for unit in units
    )
    sizes = np.bincount(fold)
    assert sizes.max() - sizes.min() <= 30


def test_without_a_measured_confidence_there_is_none_afterwards():
    """An answer whose log-probabilities are missing is not made sure by its other features."""
    confidence = fitted(answers(200))
    silent = Completion(text='{"a": "a1x", "b": "b1x"}')
    assert confidence.stated("value a1x b1x", silent, OUTPUT) is silent
    cut = silent.model_copy(update={"confidence": 0.0, "finish_reason": "length"})
    assert confidence.stated("value a1x b1x", cut, OUTPUT) is cut
    prose = silent.model_copy(update={"text": "no JSON", "confidence": 0.0})
    assert confidence.stated("value a1x b1x", prose, OUTPUT) is prose


def test_it_is_read_back_as_it_was_and_otherwise_refused(tmp_path):
    confidence = fitted(answers(200))
    path = tmp_path / FILE
    path.write_text(confidence.model_dump_json())
    kept, fresh = load(path), answers(20, name="fresh")
    assert kept.digest == confidence.digest
    assert stated(kept, fresh) == stated(confidence, fresh)
    for damage in (
        confidence.model_dump_json()[:-40],
        confidence.model_copy(update={"schema_version": 99}).model_dump_json(),
        confidence.model_copy(update={"features": ("other",)}).model_dump_json(),
    ):
        path.write_text(damage)
        with pytest.raises(DataError) as caught:
            load(path)
        assert caught.value.code == "confidence-unreadable"


def test_a_field_of_a_list_is_right_when_all_its_items_are():
    slots = [
        {"path": "tags[]", "bucket": "correct"},
        {"path": "tags[]", "bucket": "missed"},
        {"path": "unit", "bucket": "correctly_empty"},
        {"path": "name", "bucket": "abstained"},
    ]
    known = dict.fromkeys(("parsed", "repairable", "schema_valid", "canonical"), True)
    score = Score.model_validate({"slots": slots, "exact": False, **known})
    assert outcomes_of(score, OUTPUT) == {"tags[]": False, "unit": True}
    assert outcomes_of(score, Labels(names=("a",))) == {WHOLE: False}


def test_a_label_is_one_field_whose_probability_is_learned():
    """The model is twice as sure as it should be; the confidence of the answer is that of its one field."""
    output, rng = Labels(names=("billing", "delivery")), generator(0, "test.labels")
    known = dict.fromkeys(("parsed", "repairable", "schema_valid", "canonical"), True)

    def labelled(n):
        chance = rng.uniform(0.5, 0.98)
        odds = (chance / (1 - chance)) ** 2
        right = bool(rng.uniform() < chance)
        return LabelledAnswer(
            row_id=f"row-{n}",
            unit=f"group-{n % 25}",
            source="validation",
            document=f"Ticket {n}",
            completion=Completion(text="billing", confidence=odds / (1 + odds)),
            score=Score.model_validate({"slots": [], "exact": right, "answer": "billing"} | known),
            novelty=0.0,
            checked=False,
        )

    confidence = fit_confidence(
        [labelled(n) for n in range(800)], output, task="desk", arm="tuned", known=KNOWN, habits=Habits()
    )
    fresh = [labelled(n) for n in range(800)]
    found = [confidence.stated(one.document, one.completion, output) for one in fresh]
    right = [one.score.exact for one in fresh]
    assert all(one.field_confidences == {} for one in found)
    assert calibration_error([one.confidence for one in found], right) < 0.05
    assert calibration_error([one.completion.confidence for one in fresh], right) > 0.05
    assert confidence.labels == {"agreement": 800}


def test_the_figures_count_what_may_be_served():
    rows = answers(120)
    confidence = fitted(answers(200, name="other"))
    records = [
        EvalRecord(
            row_id=one.row_id, status="scored", score=one.score, completion=found, confidence=found.confidence
        )
        for one, found in zip(rows, stated(confidence, rows), strict=True)
    ]
    invalid = records[0].model_copy(
        update={"score": records[0].score.model_copy(update={"schema_valid": False}), "row_id": "broken"}
    )
    fields = field_judgements([*records, invalid], OUTPUT)
    assert {path: len(found) for path, found in fields.items()} == {"a": 120, "b": 120}
    found = figures_of(fields["a"], "a")
    assert (found.n, found.documents) == (120, 120)
    assert found.auroc.low <= found.auroc.value <= found.auroc.high
    assert sum(one.n for one in found.reliability) == 120
    assert len(answer_judgements([*records, invalid])) == 120


def test_figures_of_nothing_are_not_measured():
    found = figures_of([], "nothing")
    assert (found.n, found.auroc.value, found.brier.value) == (0, None, None)


class Fixed:
    info = None

    def __init__(self, completion):
        self.completion = completion

    def generate(self, request):
        return self.completion


def test_a_model_states_the_learned_confidence_of_its_answers():
    confidence = fitted(answers(200))
    row = answers(1, name="served")[0]
    model = StatingModel(Fixed(row.completion), lambda one: one, confidence, OUTPUT)
    said = Request(messages=(Message(role="user", content=row.document),), max_tokens=9)
    expected = confidence.stated(row.document, row.completion, OUTPUT)
    assert model.generate(said) == expected
    assert model.generate(said.model_copy(update={"document": row.document})) == expected


def test_an_answer_that_cannot_be_judged_comes_without_a_confidence():
    def judge(completion):
        raise DataError("tokenizer-unreadable", "no tokenizer", hint="")

    silent = Completion(text="{}", field_evidence={"a": TokenEvidence()})
    model = StatingModel(Fixed(silent), judge, fitted(answers(200)), OUTPUT)
    assert model.generate(Request(messages=(Message(role="user", content="x"),), max_tokens=9)) == silent
