"""Each faster way of computing a step has the loss and gradient of the plain way; on a random tiny model."""

import json

import pytest

from insource.foundation.rng import generator
from insource.training.tokenize import IGNORE, TrainingRow

pytestmark = pytest.mark.model
VOCABULARY, SHARED = 53, 20


@pytest.fixture
def make_model():
    """Makes a random Llama of six layers with a LoRA adapter whose both halves are random."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    def make(dtype=torch.float64, **lora):
        torch.manual_seed(1)
        config = LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=6,
            num_attention_heads=4,
            num_key_value_heads=2,
        )
        model = get_peft_model(
            LlamaForCausalLM(config),
            LoraConfig(task_type="CAUSAL_LM", r=4, lora_alpha=8, target_modules="all-linear", **lora),
        ).to(dtype)
        for name, weights in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weights, std=0.2)
        return model.train()

    return make


def token_rows(count, prefix):
    rng = generator(4, "speed")
    first = rng.integers(2, VOCABULARY, size=prefix).tolist()
    rows = []
    for index in range(count):
        prompt = [*first, *rng.integers(2, VOCABULARY, size=int(rng.integers(1, 9))).tolist()]
        answer = rng.integers(2, VOCABULARY, size=int(rng.integers(1, 9))).tolist()
        rows.append(TrainingRow(str(index), prompt + answer, [IGNORE] * len(prompt) + answer))
    return rows


@pytest.fixture
def batch():
    from insource.training.loop.batches import Collator

    rows = token_rows(5, SHARED)
    return Collator(0)([{"input_ids": row.input_ids, "labels": row.labels} for row in rows])


def gradient(model, loss):
    import torch

    model.zero_grad()
    loss.backward()
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.requires_grad])


def stock_loss(model, batch):
    """transformers' own loss over all positions, summed."""
    labels = batch["labels"]
    return model(**batch).loss * (labels[:, 1:] != IGNORE).sum()


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("loss_in_place", [False, True])
@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_every_combination_has_the_stock_gradient(make_model, batch, attention, loss_in_place, fused, shared):
    import torch

    from insource.training.loop import speed
    from insource.training.loop.answers import Levers, summed_loss

    model = make_model()
    expected = stock_loss(model, batch)
    slopes = gradient(model, expected)
    levers = Levers(attention, loss_in_place, fused, shared)
    speed.apply(model, levers)
    loss = summed_loss(model, batch, levers)
    # transformers computes the softmax, the norms and its loss in float32 whatever the model's type is
    torch.testing.assert_close(loss, expected.to(loss.dtype), rtol=1e-6, atol=1e-5)
    torch.testing.assert_close(gradient(model, loss), slopes, rtol=1e-4, atol=1e-5)


def test_the_shared_prefix_is_computed_once(make_model, batch):
    from insource.training.loop.answers import Levers, summed_loss
    from insource.training.loop.micro_batches import common_prefix

    model, seen = make_model(), []
    model.get_base_model().get_decoder().register_forward_hook(
        lambda module, args, kwargs, out: seen.append(tuple(out.last_hidden_state.shape[:2])),
        with_kwargs=True,
    )
    summed_loss(model, batch, Levers(shared_prefix=True))
    rows, width = batch["input_ids"].shape
    shared = common_prefix(batch)
    assert shared >= SHARED
    assert seen == [(1, shared), (rows, width - shared)]


@pytest.mark.parametrize("bias", [False, True])
def test_the_loss_in_place_passes_the_numerical_gradient_check(monkeypatch, bias):
    import torch

    from insource.training.loop import answer_loss

    monkeypatch.setattr(answer_loss, "CHUNK", 3)  # seven rows: two whole chunks and a rest
    torch.manual_seed(2)
    head = torch.nn.Linear(5, 11, bias=bias, dtype=torch.float64)
    hidden = torch.randn(7, 5, dtype=torch.float64, requires_grad=True)
    targets = torch.tensor([0, 3, 10, 3, 3, 7, 1])
    weights = (head.weight, *([head.bias] if bias else []))
    assert torch.autograd.gradcheck(
        lambda hidden, *_: answer_loss.summed_cross_entropy(hidden, head, targets), (hidden, *weights)
    )
    ours = answer_loss.summed_cross_entropy(hidden, head, targets)
    plain = torch.nn.functional.cross_entropy(head(hidden), targets, reduction="sum")
    torch.testing.assert_close(ours, plain)


def test_the_fused_adapter_passes_the_numerical_gradient_check():
    import torch

    from insource.training.loop.fused_lora import _FusedLora

    torch.manual_seed(3)

    def made(*shape, learns=True):
        return torch.randn(*shape, dtype=torch.float64, requires_grad=learns)

    x, a, b = made(2, 3, 5), made(2, 5), made(4, 2)
    weight, bias = made(4, 5, learns=False), made(4, learns=False)
    assert torch.autograd.gradcheck(
        lambda x, a, b: _FusedLora.apply(x, weight, bias, a, b, 1.7, x.dtype), (x, a, b)
    )


def test_on_a_bfloat16_base_a_fused_adapter_is_as_near_to_float32_as_peft_s(make_model, batch):
    import torch

    from insource.training.loop import speed
    from insource.training.loop.answers import Levers, summed_loss

    def slopes(levers, dtype):
        model = make_model(torch.float32)
        for name, weights in model.named_parameters():
            weights.data = weights.data.bfloat16()  # the same numbers in both types
            if "lora_" in name or dtype == torch.float32:
                weights.data = weights.data.float()
        speed.apply(model, levers)
        return gradient(model, summed_loss(model, batch, levers))

    exact = slopes(Levers(), torch.float32)

    def error(levers):
        return float((slopes(levers, torch.bfloat16) - exact).norm() / exact.norm())

    peft, fused = error(Levers()), error(Levers(fused_adapters=True))
    assert 0 < peft < 0.05
    assert fused < 1.2 * peft
    assert error(Levers(fused_adapters=True, low_adapters=True)) < 3 * peft


@pytest.mark.parametrize("lora", [{"lora_dropout": 0.1}, {"use_dora": True}])
def test_an_adapter_that_is_not_plain_is_left_to_peft(make_model, lora):
    from insource.training.loop.fused_lora import fuse

    assert fuse(make_model(**lora)) == 0
    assert fuse(make_model()) == 6 * 7


def test_a_fused_adapter_can_be_switched_off(make_model, batch):
    import torch

    from insource.training.loop.fused_lora import fuse

    model = make_model()
    with model.disable_adapter():
        base = model(**batch).logits
    fuse(model)
    with model.disable_adapter():
        torch.testing.assert_close(model(**batch).logits, base)


def choose(model, folder, rows=None):
    from insource.training.loop.speed import chosen_speed

    return chosen_speed(
        model, rows or token_rows(8, SHARED), tokens=200, batch_size=4, pad_id=0, folder=folder, base="b"
    )


@pytest.fixture
def speed(monkeypatch, tmp_path):
    from insource.training.loop import speed

    monkeypatch.setenv("INSOURCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(speed, "BUDGET_S", 0.5)
    return speed


def test_the_choice_is_measured_once_and_kept_with_the_run_and_the_machine(
    make_model, speed, monkeypatch, tmp_path
):
    import torch

    model = make_model(torch.float32)
    found = choose(model, tmp_path / "run")
    assert [choice.name for choice in found.choices] == ["attention", "loss", "adapters", "prefix"]
    assert all("of the time of" in choice.reason for choice in found.choices)
    assert len(model.get_base_model().get_decoder().layers) == 6
    monkeypatch.setattr(speed, "measure", None)  # a second measurement would fail
    assert choose(model, tmp_path / "run") == found
    assert choose(model, tmp_path / "another") == found
    (cached,) = (tmp_path / "cache" / "speed").iterdir()
    cached.unlink()
    assert choose(model, tmp_path / "run") == found


def test_what_takes_longer_is_left_out(make_model, speed, monkeypatch, tmp_path):
    import torch

    plain = speed._step
    monkeypatch.setattr(
        speed,
        "_step",
        lambda model, batch, levers: plain(model, batch, levers)._replace(
            seconds=2.0 if levers.loss_in_place else 1.0 - 0.2 * levers.shared_prefix
        ),
    )
    found = choose(make_model(torch.float32), tmp_path)
    assert found.levers == speed.Levers("sdpa", False, False, True)
    reasons = {choice.name: choice.reason for choice in found.choices}
    assert reasons["loss"].startswith(
        "`gradient made in place` takes 200% of the time of `plain`; measured on"
    )
    assert reasons["prefix"].startswith(
        "`computed once a micro-batch` takes 80% of the time of `with every row`"
    )
    kept = json.loads((tmp_path / "speed.json").read_text())
    assert kept["levers"]["shared_prefix"] is True


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda loss: loss * 1.01, "has a gradient that differs by 1.0% from that of"),
        (None, "does not work with this model (RuntimeError: no cache), unlike"),
    ],
)
def test_a_lever_that_computes_something_else_is_refused(
    make_model, speed, monkeypatch, tmp_path, wrong, said
):
    import torch

    plain = speed.summed_loss

    def broken(model, batch, levers):
        if not levers.shared_prefix:
            return plain(model, batch, levers)
        if wrong is None:
            raise RuntimeError("no cache")
        return wrong(plain(model, batch, levers))

    monkeypatch.setattr(speed, "summed_loss", broken)
    found = choose(make_model(torch.float32), tmp_path)
    assert not found.levers.shared_prefix
    assert said in found.choices[-1].reason


def not_tried(found):
    return [choice.name for choice in found.choices if "was not tried" in choice.reason]


def test_what_a_model_or_its_rows_cannot_use_is_not_tried(make_model, speed, batch):
    import torch

    assert not_tried(speed.measure(make_model(torch.float32), batch)) == []
    random = speed.measure(make_model(torch.float32, lora_dropout=0.1), batch)
    assert not_tried(random) == ["adapters", "prefix"]
    twice = speed.measure(make_model(torch.float32), batch, checkpointing=True)
    assert not_tried(twice) == ["prefix"]
    later = {name: values[:, SHARED - 4 :] for name, values in batch.items()}
    assert not_tried(speed.measure(make_model(torch.float32), later)) == ["prefix"]


def test_full_fine_tuning_has_the_stock_gradient(make_model, batch, speed):
    """Every weight learns, the output layer among them; there are no adapters."""
    import torch

    from insource.training.loop.answers import Levers, summed_loss

    model = make_model().merge_and_unload().train().requires_grad_(True)
    expected = stock_loss(model, batch)
    slopes = gradient(model, expected)
    for levers in (Levers("eager", loss_in_place=True), Levers(loss_in_place=True, shared_prefix=True)):
        speed.apply(model, levers)
        loss = summed_loss(model, batch, levers)
        torch.testing.assert_close(gradient(model, loss), slopes, rtol=1e-4, atol=1e-5)
    assert not_tried(speed.measure(model, batch)) == ["adapters"]


def test_parts_have_every_row_once_and_stay_within_the_budget():
    from insource.training.loop.micro_batches import groups

    rng = generator(5, "parts")
    for _ in range(50):
        lengths = rng.integers(1, 300, size=int(rng.integers(1, 20))).tolist()
        parts = groups(lengths, 512)
        assert sorted(row for part in parts for row in part) == list(range(len(lengths)))
        assert all(len(part) * max(lengths[row] for row in part) <= 512 for part in parts)
    assert groups([600, 10], 512) == [[1], [0]]  # a row longer than the budget is alone


def test_a_part_has_no_column_of_padding_only(batch):
    from insource.training.loop.micro_batches import split

    parts = split(batch, 64)
    assert len(parts) > 1
    assert all(part["attention_mask"].any(dim=0).all() for part in parts)
    assert sum(int(part["attention_mask"].sum()) for part in parts) == int(batch["attention_mask"].sum())


@pytest.mark.parametrize(
    ("ids", "labels", "shared"),
    [
        ([[1, 2, 3, 4], [1, 2, 5, 4]], [[-100, -100, -100, 4], [-100, -100, -100, 4]], 2),
        ([[1, 2, 3, 4], [1, 2, 3, 9]], [[-100, -100, -100, 4], [-100, -100, -100, 9]], 2),
        ([[1, 2, 3, 4], [1, 2, 3, 4]], [[-100, -100, 3, 4], [-100, 2, 3, 4]], 0),
        ([[7, 2], [1, 2]], [[-100, 2], [-100, 2]], 0),
    ],
)
def test_the_prefix_ends_before_what_predicts_an_answer(ids, labels, shared):
    import torch

    from insource.training.loop.micro_batches import common_prefix

    ids = torch.tensor(ids)
    batch = {"input_ids": ids, "labels": torch.tensor(labels), "attention_mask": torch.ones_like(ids)}
    assert common_prefix(batch) == shared


@pytest.mark.parametrize(
    ("in_head", "share"),
    [
        (False, (2.5 + 6.5 * 1.5) / (3 + 6.5 * 2)),  # four layers of thirty took 2 s of 3 s, and then 1.5 s
        (True, (2.5 + 6.5 * 2) / (3 + 6.5 * 2)),
    ],
)
def test_a_lever_is_judged_by_its_share_of_the_whole_model(speed, in_head, share):
    depth = speed._Depth(measured=4, whole=30, head_s=1.0)
    assert depth.ratio(3.0, 2.5, in_head=in_head) == pytest.approx(share)
    assert depth.ratio(3.0, 3.0, in_head=in_head) == 1.0
