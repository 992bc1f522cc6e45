"""A prompted arm with the real engine: measured, kept, served from its folder with the same answer."""

import json
from pathlib import Path

import pytest
from llguidance import LLTokenizer
from support.arms import dataset_of, inputs_of

from insource.arms.local import Local
from insource.arms.prompting.rungs import FACTORY
from insource.config.evaluation import EvaluationSection
from insource.config.serving import ServingSection
from insource.foundation.errors import IntegrityError
from insource.models.protocol import Request
from insource.routing.vocabulary import tokenizer_of
from insource.serving.prompted import serve_prompted
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


def test_what_is_served_answers_as_what_was_measured(inputs, label_task):
    (plan,) = FACTORY.make(inputs)
    request = plan.ask(plan.examples[0])
    with plan.model() as model:
        measured = model.generate(request)
        tokens = model.shown(request).messages
    with serve_prompted(plan.answers_in, threads=1) as model:
        bare = request.model_copy(update={"document": None})
        served = model.generate(bare)
        assert model.shown(bare).messages == tokens
    assert served.text == measured.text
    assert measured.text in label_task.output.names
    assert len(tokens) == 2 + 2 * inputs.settings.shots
    sure = plan.confidence(plan.examples[0], measured)
    assert 0 < sure <= 1
    assert sure == pytest.approx(plan.confidence(plan.examples[0], served), abs=0.02)


def test_another_base_file_is_not_served(inputs):
    (plan,) = FACTORY.make(inputs)
    path = Path(plan.answers_in) / "prompt.json"
    kept = json.loads(path.read_text())
    kept["prompt"]["base_digest"] = "0" * 64
    path.write_text(json.dumps(kept))
    with pytest.raises(IntegrityError) as caught, serve_prompted(plan.answers_in):
        pass
    assert caught.value.code == "digest-mismatch"


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
    with serve_prompted(plan.answers_in, threads=1) as model:
        assert model.generate(request).text in label_task.output.names
