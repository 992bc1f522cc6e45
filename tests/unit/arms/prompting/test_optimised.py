"""The prompt that is chosen on validation documents."""

import pytest
from support.arms import dataset_of, inputs_of
from support.prompted import CopyingLocal

from insource.arms.prompting.optimised import DOCUMENTS, FACTORY, WORDINGS, Setting, Trial, settings_of
from insource.config.evaluation import EvaluationSection
from insource.foundation.errors import IntegrityError, ProviderError
from insource.models.prompting.folder import load
from insource.models.protocol import ModelInfo
from insource.types import Completion


@pytest.fixture
def inputs(rows, label_task, tmp_path):
    examples = rows.examples(rows.tickets(80))
    dataset = dataset_of(examples[:30], examples[60:], label_task)
    splits = dataset.splits | {"validation": examples[30:60]}
    made = inputs_of(label_task, dataset.model_copy(update={"splits": splits}), tmp_path)
    settings = EvaluationSection(prompted=("optimised",), prompt_budget=6)
    return made._replace(local=CopyingLocal(*made.engine), settings=settings)


def test_the_search_stays_within_its_budget_and_says_what_it_chose(inputs):
    told = []
    (plan,) = FACTORY.make(inputs._replace(progress=lambda *at: told.append(at)))
    assert plan.effort.validation_evaluations == 6
    assert [(done, total) for _, done, total in told] == [(n + 1, 72) for n in range(6 * DOCUMENTS)]
    assert told[0][0].startswith("documents, prompt 1, about ")
    assert len(inputs.engine.model.asked) == 6 * DOCUMENTS
    assert "most similar" in plan.effort.settings["examples"]
    assert "100.0% accuracy" in plan.effort.note
    assert load(plan.answers_in).prompt.examples == "retrieved"


def test_only_training_rows_are_shown_and_only_validation_documents_asked(inputs):
    FACTORY.make(inputs)
    train = {example.input for example in inputs.dataset.splits["train"]}
    validation = {example.input for example in inputs.dataset.splits["validation"]}
    for request in inputs.engine.model.asked:
        *shown, asked = (message.content for message in request.messages if message.role == "user")
        assert asked in validation
        assert set(shown) <= train


class Obedient:
    """Right only when its instruction has a certain sentence."""

    info = ModelInfo(name="obedient", local=True)

    def __init__(self, sentence, right):
        self.sentence, self.right = sentence, right

    def generate(self, request):
        told = self.sentence in request.messages[0].content
        return Completion(text=self.right[request.messages[-1].content] if told else "no idea")

    def count_tokens(self, messages):
        return 1


def test_the_instruction_that_works_is_kept_as_sent(inputs):
    sentence = WORDINGS["labels"]["closest"]
    inputs.engine.model = Obedient(sentence, {
        one.input: one.target for rows in inputs.dataset.splits.values() for one in rows
    })  # fmt: skip
    (plan,) = FACTORY.make(inputs)
    assert plan.effort.settings["instruction"] == f"{inputs.task.instruction} {sentence}"
    assert plan.effort.settings["examples"] == "none"  # equal scores: the shorter prompt
    assert load(plan.answers_in).prompt.task.instruction == plan.effort.settings["instruction"]


@pytest.mark.parametrize("budget", [1, 2, 3, 5, 8, 40])
@pytest.mark.parametrize("kind", ["json", "labels", "text"])
def test_no_budget_is_exceeded_and_no_setting_tried_twice(budget, kind):
    trials = []
    for setting in settings_of(budget, 3, kind, trials):
        trials.append(Trial(setting, 0.0, len(trials)))
    tried = [trial.setting for trial in trials]
    assert 1 <= len(tried) <= budget
    assert len(set(tried)) == len(tried)
    if budget == 40:
        assert {setting.wording for setting in tried} == {"", *WORDINGS[kind].values()}


def test_the_wording_is_tried_with_the_best_examples():
    trials = []
    for setting in settings_of(6, 3, "json", trials):
        trials.append(Trial(setting, 1.0 if setting.choice == "fixed" else 0.0, len(trials)))
    assert all(trial.setting.choice == "fixed" for trial in trials if trial.setting.wording)


def test_a_better_score_beats_a_shorter_prompt():
    long, short = Trial(Setting("", "fixed", 3), 0.6, 0), Trial(Setting("", "none", 0), 0.5, 1)
    assert max(long, short, key=lambda trial: trial.rank) is long
    assert max(long._replace(value=0.5), short, key=lambda trial: trial.rank) is short


class Dying:
    """Answers so many documents and then none."""

    info = ModelInfo(name="dying", local=True)

    def __init__(self, answers):
        self.left, self.asked = answers, 0

    def generate(self, request):
        self.asked += 1
        if self.left == 0:
            raise ProviderError("engine-died", "it died")
        self.left -= 1
        return Completion(text="billing")

    def count_tokens(self, messages):
        return 1


def test_an_interrupted_search_asks_only_what_is_left(inputs):
    inputs.engine.model = Dying(2 * DOCUMENTS + 5)
    with pytest.raises(ProviderError):
        FACTORY.make(inputs)
    again = inputs._replace(local=CopyingLocal(*inputs.engine))
    again.local.model = Dying(1000)
    (plan,) = FACTORY.make(again)
    assert again.local.model.asked == plan.effort.validation_evaluations * DOCUMENTS - (2 * DOCUMENTS + 5)


def test_without_validation_documents_it_is_not_measured(inputs):
    splits = inputs.dataset.splits | {"validation": ()}
    dataset = inputs.dataset.model_copy(update={"splits": splits})
    (plan,) = FACTORY.make(inputs._replace(dataset=dataset))
    assert plan.examples == ()
    assert plan.note == "not measured: it needs training and validation documents"


def test_it_is_searched_only_when_asked_for(inputs):
    asked = inputs._replace(settings=EvaluationSection())
    assert FACTORY.why_not(asked) == "not measured: `evaluation.prompted` does not list `optimised`"


def test_training_rows_that_are_test_rows_stop_it_before_the_first_answer(inputs):
    splits = inputs.dataset.splits
    overlapping = splits | {"test": (*splits["test"], splits["train"][0])}
    dataset = inputs.dataset.model_copy(update={"splits": overlapping})
    with pytest.raises(IntegrityError) as caught:
        FACTORY.make(inputs._replace(dataset=dataset))
    assert caught.value.code == "index-holds-test"
    assert inputs.engine.model.asked == []
