"""What a confidence is learned from never proves the bound."""

import pytest
from support.arms import dataset_of
from support.example_results import example_result
from support.judged_answers import TASK, evaluated_of, halving, judged_answers, kept, summary_of
from support.walks import session_on

from insource.foundation.errors import IntegrityError, UserError
from insource.types import Completion, Estimate, Served
from insource.types.choice import Choice, Trial
from insource.workflow.confidence import Looked, learn_confidence, measure_confidence
from insource.workflow.second_look import second_look
from insource.workflow.servable import confidence_of, second_answerer, with_arm


class World:
    """A session, and an arm's answers on the validation, calibration and test splits."""

    def __init__(self, folder, *, calibration=200, validation=40, **answers):
        self.session = session_on(folder)
        self.examples, self.records, self.seconds = {}, {}, {}
        for split, n in (("validation", validation), ("calibration", calibration), ("test", 150)):
            self.examples[split], self.records[split] = judged_answers(n, split, **answers)
        train = judged_answers(30, "train")[0]
        self.dataset = dataset_of(train, self.examples["test"], TASK)
        self.dataset = self.dataset.model_copy(update={"splits": self.dataset.splits | self.examples})

    def evaluated(self, split):
        return evaluated_of(self.records[split], split)

    def looked(self, split):
        second = {row: one for row, one in self.seconds.get(split, {}).items()}
        return Looked(self.evaluated(split), second, "span ranking" if second else "")

    def learn(self):
        validation = self.looked("validation") if self.records["validation"] else None
        return learn_confidence(self.session, self.dataset, TASK, self.looked("calibration"), validation)

    def measured(self, learned):
        return measure_confidence(learned, self.looked("test"), self.dataset, TASK)[0]


@pytest.fixture
def world(project):
    return lambda **changes: World(project(config="[task]\nname = 'pairs'\n"), **changes)


@pytest.mark.parametrize("groups", [1, 7, 20, 200])
@pytest.mark.parametrize("calibration", [30, 115, 116, 200])
@pytest.mark.parametrize("by_tokens", [True, False])
def test_no_document_and_no_group_both_teaches_and_certifies(world, groups, calibration, by_tokens):
    made = world(groups=groups, calibration=calibration, by_tokens=by_tokens)
    learned = made.learn()
    ids = {one.row_id: one.group for one in made.examples["calibration"]}
    taught = ids.keys() - learned.certifying
    assert learned.certifying <= ids.keys()
    assert not {ids[row] for row in taught} & {ids[row] for row in learned.certifying}
    if learned.confidence is not None:
        assert learned.confidence.documents.get("calibration", 0) == len(taught)
        assert learned.confidence.documents["validation"] == 40
    proof = learned.proof(made.looked("calibration"), made.examples["calibration"], TASK)
    assert {one.row_id for one in proof.records} == learned.certifying
    if not by_tokens or calibration < 116:
        assert not taught
    elif groups > 1:
        assert taught


def test_the_division_does_not_follow_from_the_calibration_outcomes(world):
    some, none = world(wrong=0.15), world(wrong=0.15)
    none.records["calibration"] = judged_answers(200, "calibration", wrong=0.0)[1]
    assert some.learn().certifying == none.learn().certifying


def test_what_is_learned_tells_right_from_wrong_on_the_test_split(world):
    made = world()
    learned = made.learn()
    found = made.measured(learned)
    assert found.digest == learned.confidence.digest
    assert found.fields.auroc.value > 0.99 > found.stated.auroc.value
    assert found.fields.calibration_error.value < 0.05
    assert (found.fields.n, found.answers.n, set(found.by_field)) == (300, 150, {"a", "b"})
    assert "100 of 200 calibration documents were learned from" in found.reason
    assert made.session.display.notes[-1] == found.reason


def test_a_second_look_tells_what_the_tokens_do_not(world):
    """The other arm is right where this one is wrong; no wrong value can be told by the document."""
    made = world(elsewhere=False)
    for split in made.records:
        made.seconds[split] = {one.row_id: Completion(text=one.target) for one in made.examples[split]}
    alone = world(elsewhere=False).learn()
    learned = made.learn()
    assert learned.confidence.second_look == "span ranking"
    assert made.measured(learned).fields.auroc.value > 0.99
    assert "The second look is span ranking." in learned.reason
    assert alone.confidence is None or not alone.confidence.second_look
    unanswered = learned.stated(Looked(made.evaluated("test")), made.examples["test"], TASK)
    assert all(one.confidence is None for one in unanswered.records)


def test_the_labels_behind_it_are_stated(world):
    assert world(label="checked").learn().confidence.labels == {"gold": 140}
    assert world(label="teacher").learn().confidence.labels == {"agreement": 140}


def test_without_wrong_answers_the_stated_confidence_stays(world):
    made = world(wrong=0.0)
    learned = made.learn()
    assert learned.confidence is None
    assert learned.stated(made.looked("test"), made.examples["test"], TASK) == made.evaluated("test")
    found = made.measured(learned)
    assert (found.digest, found.stated, found.fields.n) == ("", None, 300)


def test_without_log_probabilities_nothing_is_learned_and_nothing_made_sure(world):
    made = world()
    for split, records in made.records.items():
        made.records[split] = tuple(
            one.model_copy(
                update={
                    "confidence": None,
                    "completion": one.completion.model_copy(
                        update={"confidence": None, "field_confidences": {}, "field_evidence": {}}
                    ),
                }
            )
            for one in records
        )
    learned = made.learn()
    assert learned.confidence is None
    assert made.measured(learned).fields.n == 0


def test_it_is_read_back_when_nothing_changed(world):
    made = world()
    first, second = made.learn(), made.learn()
    assert (first.run.run_id, first.confidence) == (second.run.run_id, second.confidence)
    assert second.run.skipped


def test_a_run_without_validation_documents_still_learns(world):
    learned = world(validation=0).learn()
    assert learned.confidence.documents == {"calibration": 100}


@pytest.fixture
def result(tmp_path):
    confidence = halving()
    found = example_result(paths={"confidence": str(kept(tmp_path, confidence))})
    routing = found.routing.model_copy(update={"confidence": summary_of(confidence)})
    return found.model_copy(update={"routing": routing})


def test_a_run_names_the_confidence_of_its_policy(result):
    assert confidence_of(result) == halving()
    assert confidence_of(example_result()) is None
    assert confidence_of(example_result(routing=None)) is None


def test_a_confidence_that_is_gone_or_another_one_is_refused(result, tmp_path):
    kept(tmp_path, halving("other"))
    with pytest.raises(IntegrityError) as caught:
        confidence_of(result)
    assert caught.value.code == "digest-mismatch"
    with pytest.raises(UserError) as gone:
        confidence_of(result.model_copy(update={"paths": {}}))
    assert gone.value.code == "model-not-found"


def test_another_arm_has_no_learned_confidence(result):
    arms = tuple(Served(arm=name, model=name) for name in ("tuned", "other"))
    both = result.model_copy(update={"served": arms[0], "servable": arms})
    assert confidence_of(with_arm(both, "tuned")) == halving()
    assert confidence_of(with_arm(both, "other")) is None


def test_without_the_files_of_the_second_look_nothing_is_served(result, tmp_path):
    assert second_answerer(tmp_path, result, TASK, "") is None
    there = Served(arm="other", model="other", kind="fitted", folder="gone/model")
    for servable in ((), (there,)):
        with pytest.raises(UserError) as caught:
            second_answerer(tmp_path, result.model_copy(update={"servable": servable}), TASK, "other")
        assert caught.value.code == "model-not-found"


@pytest.mark.parametrize(
    ("kind", "found"), [("engine", "better"), ("prompted", "better"), ("fitted", ""), ("hybrid", "")]
)
def test_the_fitted_arm_that_was_best_on_validation_is_the_second_look(kind, found):
    def trial(name, value):
        return Trial(arm=name, kind="k", role="candidate", value=Estimate(value=value), effort=None)

    trials = (trial("worse", 0.5), trial("better", 0.7), trial("tuned", 0.9), trial("silent", None))
    choice = Choice(candidate="tuned", baseline="", metric="accuracy", margin=0.02, trials=trials, reason="")
    servable = [Served(arm=one, model=one, kind="fitted") for one in ("worse", "better", "silent")]
    assert second_look(choice, Served(arm="tuned", model="m", kind=kind), servable) == found
    assert second_look(choice, Served(arm="tuned", model="m", kind=kind), ()) == ""
