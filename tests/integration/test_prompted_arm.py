"""A prompted arm with the real engine: measured, kept, served from its folder with the same answer."""

from contextlib import contextmanager

import pytest
from llguidance import LLTokenizer
from support.arms import dataset_of, inputs_of

from insource.arms.local import Local
from insource.arms.prompting.rungs import FACTORY
from insource.config.evaluation import EvaluationSection
from insource.config.serving import ServingSection
from insource.models.prompting.folder import load
from insource.models.prompting.model import PromptedModel
from insource.models.protocol import Request
from insource.routing.vocabulary import tokenizer_of
from insource.serving.engine import EngineSettings
from insource.serving.supervisor import ServedModel
from insource.training.base import load_tokenizer


@pytest.fixture
def inputs(embedded_model, rows, label_task, tmp_path):
    examples = rows.examples(rows.tickets(24))
    made = inputs_of(label_task, dataset_of(examples[:21], examples[21:], label_task), tmp_path)
    local = Local(
        task=label_task,
        base=embedded_model,
        adapter=None,
        serving=ServingSection(context_tokens=512, threads=1),
        max_new_tokens=8,
        on_restart=lambda reason: None,
    )
    return made._replace(local=local, settings=EvaluationSection(prompted=("retrieved",)))


@contextmanager
def served_from(folder, base):
    """The prompt as its folder keeps it, in front of its base model."""
    prompting = load(folder)
    settings = EngineSettings(gguf=base.gguf, context_tokens=prompting.prompt.context_tokens, threads=1)
    with ServedModel(prompting.prompt.base, settings) as served:
        yield PromptedModel(served, prompting, served.count_tokens)


def test_what_is_served_answers_as_what_was_measured(inputs, label_task):
    (plan,) = FACTORY.make(inputs)
    request = plan.ask(plan.examples[0])
    with plan.model() as model:
        measured = model.generate(request)
        tokens = model.shown(request).messages
    with served_from(plan.answers_in, inputs.local.base) as model:
        bare = request.model_copy(update={"document": None})
        served = model.generate(bare)
        assert model.shown(bare).messages == tokens
    assert served.text == measured.text
    assert measured.text in label_task.output.names
    assert len(tokens) == 2 + 2 * inputs.settings.shots
    sure = plan.confidence(plan.examples[0], measured)
    assert 0 < sure <= 1
    assert sure == pytest.approx(plan.confidence(plan.examples[0], served), abs=0.02)


def test_examples_that_do_not_fit_are_left_out_by_the_engine_s_own_count(inputs):
    serving = ServingSection(context_tokens=140, threads=1)
    (plan,) = FACTORY.make(inputs._replace(local=inputs.local._replace(serving=serving)))
    assert plan.note.startswith("at most 3 examples, ")
    with plan.model() as model:
        shown = model.shown(plan.ask(plan.examples[0]))
        assert shown.left_out > 0
        answer = model.generate(plan.ask(plan.examples[0]))
    assert answer.usage.input_tokens + 12 <= 140


def test_the_vocabulary_of_the_file_is_that_of_the_tokenizer(embedded_model):
    ours = tokenizer_of(embedded_model.gguf)
    theirs = LLTokenizer(load_tokenizer(embedded_model).backend_tokenizer.to_str())
    assert ours.vocab_size == theirs.vocab_size
    every = range(ours.vocab_size)
    assert [ours.decode_bytes([at]) for at in every] == [theirs.decode_bytes([at]) for at in every]


def test_a_request_of_the_gateway_is_enough(inputs, label_task):
    """Messages, grammar and a limit, as the gateway's local answerer sends them."""
    (plan,) = FACTORY.make(inputs)
    asked = plan.ask(plan.examples[1])
    request = Request(
        messages=label_task.messages(plan.examples[1].input), max_tokens=4, grammar=asked.grammar
    )
    with served_from(plan.answers_in, inputs.local.base) as model:
        assert model.generate(request).text in label_task.output.names
