"""The check of lengths counts what training will count."""

from support.planted_rows import CONTRACT, clean

from insource.dataset.rows.examples import example_of
from insource.dataset.rows.targets import Targets
from insource.models.catalogue import EMBEDDED
from insource.models.weights.wheel import cache_dir
from insource.training.base import load_tokenizer
from insource.training.count import token_counter
from insource.training.tokenize import tokenize
from insource.types import Task

TASK = Task(name="specs", instruction="Extract the specification as JSON.", output=CONTRACT)


def test_a_model_that_is_not_here_is_not_fetched(tmp_path, monkeypatch):
    monkeypatch.setenv("INSOURCE_CACHE", str(tmp_path))
    count, why = token_counter(next(iter(EMBEDDED)), TASK)
    assert count is None
    assert "insource train" in why
    assert not list(tmp_path.iterdir())


def test_tokens_are_those_of_the_training_rows_before_any_training(embedded_model, tmp_path, monkeypatch):
    model = next(iter(EMBEDDED))
    tokenizer = load_tokenizer(embedded_model)
    (tmp_path / "models").symlink_to(cache_dir() / "models")
    monkeypatch.setenv("INSOURCE_CACHE", str(tmp_path))
    count, _ = token_counter(model, TASK)
    targets = Targets(CONTRACT, "null")
    for row in clean(20):
        target = targets.of(row)
        [made] = tokenize(tokenizer, TASK, [example_of(row, target)])
        counted = count(row, target)
        assert (counted.prompt + counted.answer, counted.answer) == (len(made.input_ids), made.answer_tokens)
    assert not (tmp_path / "unpacked").exists()
