"""What fails closed before training, what `--force` overrides, and what it does not."""

import pytest
from support.recipes import CARD, LAPTOP, SMOLLM2_135M, recipe, rows
from unit.training.test_preflight import Characters

from insource.foundation.errors import DataError, IntegrityError, PrerequisiteError
from insource.training.preflight import (
    OVERRIDABLE,
    check_counts,
    check_disk,
    check_memory,
    check_method,
    check_prefixes,
    check_processes,
    check_rows,
    check_system_prompt,
    check_writable,
    failures,
    stop_on,
)
from insource.training.tokenize import IGNORE, TrainingRow, tokenize
from insource.types import JsonSchema, Labels

GIB = 2**30
LEAK = IntegrityError("leakage", "3 documents leaked.", hint="Build again.")
LONG = DataError("row-too-long", "2 rows are long.", hint="Shorten them.")


def code_of(check, *arguments, **options):
    with pytest.raises((DataError, IntegrityError, PrerequisiteError)) as caught:
        check(*arguments, **options)
    assert caught.value.hint
    return caught.value.code


def test_everything_that_failed_is_said_at_once():
    def fails(error):
        raise error

    found = failures((lambda: fails(LEAK), lambda: None, lambda: fails(LONG)))
    assert [error.code for error in found] == ["leakage", "row-too-long"]
    with pytest.raises(IntegrityError) as caught:
        stop_on(found, force=False)
    assert caught.value.code == "leakage"
    assert caught.value.details == ("Also: row-too-long: 2 rows are long.",)
    assert "--force" in caught.value.hint


def test_force_overrides_what_a_person_may_know_better_and_says_so():
    assert stop_on([], force=True) == ()
    assert stop_on([LEAK], force=True) == ("leakage: 3 documents leaked.",)
    with pytest.raises(DataError) as caught:
        stop_on([LEAK, LONG], force=True)
    assert caught.value.code == "row-too-long"
    assert "--force" not in caught.value.hint


def test_the_teacher_policy_cannot_be_overridden_here():
    assert not OVERRIDABLE & {
        "teacher-not-allowed",
        "row-too-long",
        "row-without-answer",
        "stop-token-missing",
    }


def test_the_stop_token_has_to_be_in_the_loss():
    learned = TrainingRow("whole", [1, 2, 9], [IGNORE, 2, 9])
    check_rows([learned], 10, stop=9)
    endless = TrainingRow("endless", [1, 2, 3, 9], [IGNORE, 2, 3, IGNORE])
    assert code_of(check_rows, [learned, endless], 10, stop=9) == "stop-token-missing"


def test_no_row_is_lost_on_the_way(rows, label_task):
    examples = rows.examples(rows.tickets(4))
    made = tokenize(Characters(), label_task, examples)
    check_counts(examples, made)
    assert code_of(check_counts, examples, made[:3]) == "rows-lost"
    assert code_of(check_counts, (), ()) == "no-training-rows"


def test_the_instruction_has_to_be_the_system_prompt(label_task):
    check_system_prompt(Characters(), label_task)
    silent = label_task.model_copy(update={"instruction": " "})
    assert code_of(check_system_prompt, Characters(), silent) == "system-prompt-lost"

    class Deaf(Characters):
        def apply_chat_template(self, turns, **options):
            return super().apply_chat_template([one for one in turns if one["role"] != "system"], **options)

    assert code_of(check_system_prompt, Deaf(), label_task) == "system-prompt-lost"


def test_an_answer_that_merges_with_the_prompt_is_found(rows, label_task):
    examples = rows.examples(rows.tickets(3))
    check_prefixes(Characters(), label_task, examples)

    class Merging(Characters):
        """Reads a colon and the letter after it as one token, as byte pairs might."""

        def __call__(self, text, **options):
            ids = super().__call__(text, **options)["input_ids"]
            pairs = {i for i in range(len(ids) - 1) if chr(ids[i]) == ":" and chr(ids[i + 1]).isalpha()}
            return {"input_ids": [-one if i in pairs else one for i, one in enumerate(ids)]}

    assert code_of(check_prefixes, Merging(), label_task, examples) == "prompt-not-a-prefix"


SCHEMA = {
    "type": "object",
    "properties": {"voltage": {"type": "integer", "maximum": 1000}},
    "required": ["voltage"],
    "additionalProperties": False,
}


def test_the_grammar_has_to_write_every_answer(rows, label_task):
    examples = rows.examples(rows.tickets(3))
    check_writable(label_task, examples)
    few = label_task.model_copy(update={"output": Labels(names=("other",))})
    assert code_of(check_writable, few, examples) == "answer-not-writable"
    numbers = label_task.model_copy(update={"output": JsonSchema(definition=SCHEMA)})
    one = examples[0].model_copy(update={"target": '{"voltage":480}'})
    check_writable(numbers, [one])
    high = one.model_copy(update={"target": '{"voltage":4800}'})
    assert code_of(check_writable, numbers, [one, high]) == "answer-not-writable"


def test_a_schema_that_no_grammar_holds_is_refused_before_training(label_task):
    clash = {"type": "object", "properties": {"a": {"allOf": [{"type": "string"}, {"type": "integer"}]}}}
    broken = label_task.model_copy(update={"output": JsonSchema(definition=clash | {"required": ["a"]})})
    assert code_of(check_writable, broken, ()) == "schema-not-supported"


@pytest.mark.parametrize("machine", [LAPTOP, CARD])
@pytest.mark.parametrize("method", ["lora", "full"])
def test_memory_that_does_not_fit_stops_the_run_and_says_what_would(machine, method):
    fits = recipe(machine=machine, method=method)
    check_memory(fits)
    small = machine.model_copy(update={"memory_bytes": GIB, "free_bytes": GIB // 2})
    short = recipe(machine=small, method=method)
    with pytest.raises(PrerequisiteError) as caught:
        check_memory(short)
    assert caught.value.code == "memory-too-small"
    assert "weights" in caught.value.details[0]
    assert ("lora" if method == "full" else "qlora") in caught.value.hint


def test_memory_may_be_given(label_task):
    check_memory(recipe(rows(), max_memory_gb=4))
    assert code_of(check_memory, recipe(rows(), max_memory_gb=0.5)) == "memory-too-small"


def test_a_disk_without_room_for_checkpoints_stops_the_run(tmp_path):
    check_disk(tmp_path, 1000)
    assert code_of(check_disk, tmp_path, 10**15) == "disk-full"


@pytest.mark.parametrize(
    ("section", "machine", "code"),
    [
        ({"processes": 2}, LAPTOP, ""),
        ({"processes": 2}, CARD.model_copy(update={"cards": 2}), ""),
        ({"processes": 2}, CARD.model_copy(update={"cards": 1}), "too-few-gpus"),
        ({"processes": 2, "sharded": True}, CARD.model_copy(update={"cards": 2}), ""),
        ({"processes": 2, "sharded": True}, LAPTOP, "sharding-unavailable"),
        ({"processes": 1, "sharded": True}, CARD.model_copy(update={"cards": 2}), "sharding-unavailable"),
        (
            {"processes": 2, "sharded": True, "method": "qlora"},
            CARD.model_copy(update={"cards": 2}),
            "sharding-unavailable",
        ),
    ],
)
def test_processes_need_a_card_each_and_sharding_needs_several(section, machine, code):
    planned = recipe(rows(), machine=machine, **section)
    if code:
        assert code_of(check_processes, planned, machine) == code
    else:
        check_processes(planned, machine)


def test_processes_share_a_cpu_s_memory_and_not_a_card_s():
    assert recipe(rows(), processes=4).available_bytes == LAPTOP.free_bytes // 4
    assert recipe(rows(), machine=CARD, processes=4).available_bytes == CARD.free_bytes


def test_four_bits_need_a_card_and_its_library():
    packed = recipe(machine=CARD, method="qlora")
    check_method(packed, SMOLLM2_135M, CARD, recipe)
    check_method(recipe(), SMOLLM2_135M, LAPTOP, recipe)
    without = CARD.model_copy(update={"bitsandbytes": False})
    assert code_of(check_method, packed, SMOLLM2_135M, without, recipe) == "qlora-unavailable"


@pytest.mark.parametrize(("free", "fits"), [(14, "it fits into the 14.0 GiB"), (11, "it does not fit")])
def test_four_bits_on_a_cpu_are_refused_with_what_lora_needs_and_4_bits_would_save(free, fits):
    machine = LAPTOP.model_copy(update={"free_bytes": free * GIB})
    shape = SMOLLM2_135M.model_copy(update={"hidden": 4096, "feed_forward": 11_008, "query": 4096})
    packed, lora = (recipe(machine=machine, shape=shape, method=method) for method in ("qlora", "lora"))
    with pytest.raises(PrerequisiteError) as refused:
        check_method(packed, shape, machine, lambda: lora)
    assert refused.value.code == "qlora-unavailable"
    needs, saves = refused.value.details
    assert f"{shape.parameters / 1e6:,.0f} million" in needs
    assert f"{lora.memory.needed / GIB:.1f} GiB" in needs
    assert fits in needs
    assert f"{packed.memory.weights / GIB:.1f} GiB" in saves
    assert packed.memory.weights < lora.memory.weights / 2
