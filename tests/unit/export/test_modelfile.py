from insource.export.modelfile import model_card, modelfile
from insource.types import ParitySummary, TrainingSummary

CHATML = "{% for m in messages %}<|im_start|>{{ m.role }}…"


def test_a_modelfile_carries_template_stop_and_adapter(example_task):
    text = modelfile(example_task, CHATML, "base.gguf", 2048)
    lines = text.splitlines()
    assert lines[:2] == ["FROM ./base.gguf", "ADAPTER ./adapter.gguf"]
    assert 'PARAMETER stop "<|im_end|>"' in lines
    assert "PARAMETER num_ctx 2048" in lines
    assert f'SYSTEM "{example_task.instruction}"' in lines


def test_a_template_that_is_not_chatml_is_not_guessed(example_task):
    assert modelfile(example_task, "[INST] {{ prompt }} [/INST]", "base.gguf", 2048) is None


def test_an_instruction_with_quotes_and_lines_stays_one_value(example_task):
    task = example_task.model_copy(update={"instruction": 'Say "yes"\nor no'})
    assert r'SYSTEM "Say \"yes\"\nor no"' in modelfile(task, CHATML, "b.gguf", 1).splitlines()


def test_every_figure_of_the_card_is_the_run_s(example_task):
    training = TrainingSummary(
        base_model="tiny",
        examples=123,
        steps=40,
        planned_steps=50,
        epochs=2.5,
        tokens=1,
        tokens_per_s=1,
        best_step=35,
        best_validation_loss=0.1,
        stopped="early: no improvement on validation",
    )
    parity = ParitySummary(
        prompts=6,
        tokens=60,
        token_agreement=1,
        mean_logprob_difference=0.0,
        prompt_tokens_equal=True,
        passed=True,
        sentence="60 of 60 greedy tokens equal.",
    )
    card = model_card(
        example_task, base="tiny", licence="Apache-2.0", dataset="pumps@abc", training=training, parity=parity
    )
    assert "license: apache-2.0" in card
    assert "123 examples of `pumps@abc`, 2.5 epochs, 40 steps" in card
    assert "kept step 35" in card
    assert parity.sentence in card
    assert example_task.instruction in card
