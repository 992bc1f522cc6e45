"""What the arms behind the local engine share."""

import pytest
from support.arms import TRAINING, local_of

from insource.arms.local import UNTUNED_ROOM, local_plan, longest_answer
from insource.arms.prompts import described
from insource.config.serving import ServingSection
from insource.foundation.errors import ProviderError
from insource.types import Arm

ARM = Arm(name="a", model="m", kind="tuned", constrained=True)


def test_the_longest_answer_has_half_as_much_room_again():
    assert longest_answer(TRAINING) == 50


def test_an_untuned_model_is_told_the_answer_s_shape(rows, example_task):
    (example,) = rows.examples(rows.pumps(1))
    told = described(example_task, example)
    assert "JSON Schema" in told[0].content
    assert "JSON Schema" not in example_task.messages(example.input)[0].content


def test_the_adapter_is_asked_briefly_and_its_tokens_are_wanted(rows, example_task, tmp_path):
    (example,) = rows.examples(rows.pumps(1))
    plan = local_plan(local_of(example_task, tmp_path), ARM, (example,), adapter=0, describe=False)
    request = plan.ask(example)
    assert request.messages == example_task.messages(example.input)
    assert (request.max_tokens, request.top_logprobs > 0, request.grammar is not None) == (50, True, True)


def test_a_document_s_own_contract_is_told(rows, example_task, tmp_path):
    """An answer without keys can only be read by the schema that it was written for."""
    (example,) = rows.examples(rows.pumps(1))
    own = {"type": "object", "properties": {"v": {"type": "integer"}}, "required": ["v"]}
    example = example.model_copy(update={"contract": own, "attributes": ("v",)})
    plan = local_plan(local_of(example_task, tmp_path), ARM, (example,), adapter=0, describe=False)
    request = plan.ask(example)
    assert (request.contract, request.attributes) == (own, ("v",))


def test_the_base_model_has_more_room_and_needs_no_log_probabilities(rows, example_task, tmp_path):
    (example,) = rows.examples(rows.pumps(1))
    free = ARM.model_copy(update={"constrained": False})
    plan = local_plan(local_of(example_task, tmp_path), free, (example,), adapter=None, describe=True)
    request = plan.ask(example)
    assert request.messages == described(example_task, example)
    assert (request.max_tokens, request.top_logprobs, request.grammar) == (50 * UNTUNED_ROOM, 0, None)


def test_another_adapter_is_another_evaluation(rows, example_task, tmp_path):
    examples = rows.examples(rows.pumps(1))
    local = local_of(example_task, tmp_path)
    first = local_plan(local, ARM, examples, adapter=0, describe=False).identity
    untuned = local_plan(local, ARM, examples, adapter=None, describe=True).identity
    local.adapter.write_bytes(b"another")
    assert local_plan(local, ARM, examples, adapter=0, describe=False).identity != first
    assert local_plan(local, ARM, examples, adapter=None, describe=True).identity == untuned


def test_a_whole_model_is_not_taken_for_its_base_behind_an_engine_that_already_runs(example_task, tmp_path):
    """Both files have the same vocabulary and width: nothing at the url would tell them apart."""
    elsewhere = ServingSection(engine="llama-server", url="http://127.0.0.1:8080")
    local = local_of(example_task, tmp_path)._replace(serving=elsewhere)
    assert local.settings().kind == "llama-server"
    with pytest.raises(ProviderError) as caught:
        local.of(tmp_path / "model-f16.gguf").settings()
    assert caught.value.code == "engine-cannot"
    assert local.of(tmp_path / "model-f16.gguf").here().settings().gguf.name == "model-f16.gguf"


def test_an_evaluation_asks_one_document_after_the_other(example_task, tmp_path):
    local = local_of(example_task, tmp_path)
    assert local._replace(serving=ServingSection(slots=4)).settings().slots == 1
