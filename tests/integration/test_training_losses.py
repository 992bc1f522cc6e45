"""The loss computed on answers only is the stock trainer's loss, step by step; on a random tiny model."""

import pytest
from support.recipes import recipe, rows

from insource.foundation.rng import generator
from insource.models.catalogue import BaseModel
from insource.training.tokenize import IGNORE, TrainingRow

pytestmark = pytest.mark.model
VOCABULARY, EOS = 64, 1


@pytest.fixture
def base(tmp_path, monkeypatch):
    """A random Llama of two layers, where the trainer looks for unpacked weights."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    monkeypatch.setenv("INSOURCE_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "cache" / "unpacked" / ("0" * 16)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        bos_token_id=EOS,
        eos_token_id=EOS,
        pad_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    words = {"<pad>": 0, "<eos>": EOS} | {f"w{n}": n for n in range(2, VOCABULARY)}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel(words, unk_token="<pad>")), eos_token="<eos>", pad_token="<pad>"
    )
    tokenizer.save_pretrained(folder)
    return BaseModel(name="tiny", licence="MIT", gguf=tmp_path / "none.gguf", digest="0" * 64)


def token_rows(count, seed):
    """Rows of different lengths; the answer repeats the prompt's last tokens, so there is a pattern."""
    rng = generator(seed, "token_rows")
    rows = []
    for index in range(count):
        prompt = rng.integers(2, VOCABULARY, size=int(rng.integers(4, 20))).tolist()
        answer = [*prompt[-int(rng.integers(1, 4)) :], EOS]
        rows.append(TrainingRow(f"r{index}", prompt + answer, [IGNORE] * len(prompt) + answer))
    return rows


@pytest.fixture
def train(base, tmp_path, monkeypatch):
    """Trains with the given trainer class in float32; returns the adapter's weights and the curve."""
    from safetensors.torch import load_file

    from insource.training.loop import fine_tune

    def run(name, trainer):
        monkeypatch.setattr(fine_tune, "CompletionSFT", trainer)
        planned = recipe(
            rows(24, longest=32), seed=3, epochs=2, learning_rate=1e-3, batch_size=4, precision="float32"
        )
        points = []
        trained = fine_tune.fine_tune(
            base,
            planned,
            token_rows(24, 1),
            token_rows(6, 2),
            pad_id=0,
            folder=tmp_path / name,
            progress=points.append,
        )
        return load_file(trained.adapter / "adapter_model.safetensors"), points, trained

    return run


def with_every_lever():
    """A trainer that computes in every faster way, in parts of two or three rows, whatever pays here."""
    from insource.training.loop import speed
    from insource.training.loop.answers import Levers
    from insource.training.loop.trainers import CompletionSFT

    class EveryLever(CompletionSFT):
        def choose_speed(self, *args):
            self.levers, self.micro_batch_tokens = Levers("eager", True, True, True), 48
            speed.apply(self.model, self.levers)
            return ()

    return EveryLever


@pytest.mark.parametrize("levers", ["as chosen", "every one"])
def test_losses_gradients_and_weights_are_the_stock_trainer_s(train, levers):
    import torch

    from insource.training.loop.trainers import CompletionSFT, ResumableSFT

    ours, our_points, our_end = train("ours", CompletionSFT if levers == "as chosen" else with_every_lever())
    stock, stock_points, stock_end = train("stock", ResumableSFT)  # TRL's loss on the same batches
    assert len(our_points) == len(stock_points) > 12
    for our, other in zip(our_points, stock_points, strict=True):
        assert our.step == other.step
        assert our.loss == pytest.approx(other.loss, abs=1e-5)
        assert our.validation_loss == pytest.approx(other.validation_loss, abs=1e-5)
    assert our_end.best_step == stock_end.best_step
    assert our_end.best_validation_loss == pytest.approx(stock_end.best_validation_loss, abs=1e-5)
    assert ours.keys() == stock.keys()
    for name, weights in ours.items():
        torch.testing.assert_close(weights, stock[name], atol=1e-4, rtol=1e-3)


def test_every_row_is_trained_once_an_epoch_and_epochs_differ():
    from insource.training.loop.batches import LengthGrouped

    lengths = [len(row.input_ids) for row in token_rows(50, 1)]
    sampler = LengthGrouped(lengths, 4, seed=3)
    first = list(sampler)
    assert sorted(first) == list(range(50))
    assert list(sampler) == first
    sampler.set_epoch(1)
    assert sorted(sampler) == list(range(50))
    assert list(sampler) != first
    assert list(LengthGrouped(lengths, 4, seed=4)) != first


def test_it_learns_and_every_look_is_on_the_curve(train):
    from insource.training.loop.trainers import CompletionSFT

    _, points, trained = train("one", CompletionSFT)
    losses = [point.loss for point in points if point.loss is not None]
    looks = [point.validation_loss for point in points if point.validation_loss is not None]
    assert len(losses) == trained.steps == 12
    assert trained.best_validation_loss == min(looks)
    assert looks[-1] < looks[0]
    assert [point.step for point in points] == sorted(point.step for point in points)


def test_the_same_seed_makes_the_same_bytes(train):
    import torch

    from insource.training.loop.trainers import CompletionSFT

    first, _, _ = train("first", CompletionSFT)
    second, _, _ = train("second", CompletionSFT)
    assert all(torch.equal(first[name], second[name]) for name in first)
