"""What scores the checkpoints of a run, and why nothing can."""

import pytest
from support.arms import TableLocal, dataset_of, right_answers
from support.walks import session_on

from insource.models.catalogue import BaseModel
from insource.workflow import train
from insource.workflow.train import checkpoint_scoring


@pytest.fixture
def scoring(project, rows, label_task, tmp_path, monkeypatch):
    """Scores checkpoints by a table in which every fourth answer is missing."""
    examples = rows.examples(rows.tickets(24))
    known = [one for number, one in enumerate(examples) if number % 4]
    monkeypatch.setattr(TableLocal, "answers", right_answers(label_task, known))
    monkeypatch.setattr(train, "Local", TableLocal)
    monkeypatch.setattr(train, "write_adapter", lambda folder, base, file: file.write_bytes(b"adapter"))
    base = BaseModel(name="small", licence="MIT", gguf=tmp_path / "small.gguf", digest="b" * 64)

    def make(config="", task=label_task):
        session = session_on(project(config=f"[task]\nname = 'tickets'\n{config}"))
        return checkpoint_scoring(session, dataset_of(examples[:3], [], task), task, base, None), examples

    return make


def test_a_checkpoint_s_score_is_the_task_s_metric_of_its_answers(scoring, tmp_path):
    found, examples = scoring()
    assert (found.metric, found.sign, found.why_not) == ("accuracy", 1.0, "")
    score = found.score(tmp_path, examples, 5)
    assert (score.value.value, score.value.n) == (0.75, 24)
    assert score.value.low < 0.75 < score.value.high
    assert score.answering_s > 0


def test_a_metric_that_nobody_measured_is_no_score(scoring, label_task, tmp_path):
    found, examples = scoring(task=label_task.model_copy(update={"primary_metric": "unknown"}))
    assert found.score(tmp_path, examples, 5).value.value is None


def test_what_determines_a_score_is_in_its_identity(scoring, label_task):
    found, _ = scoring()
    margin, _ = scoring(task=label_task.model_copy(update={"margin": 0.5}))
    assert margin.identity == found.identity
    for config, change in (
        ("[serving]\ncontext_tokens = 512\n", {}),
        ("", {"instruction": "To which desk?"}),
        ("", {"primary_metric": "macro_f1"}),
    ):
        other, _ = scoring(config, label_task.model_copy(update=change))
        assert other.identity != found.identity


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        ("lora", ""),
        ("qlora", ""),
        ("rslora", ""),
        ("dora", "GGUF has no DoRA adapters"),
        ("full", "every checkpoint of a whole model would have to be converted"),
    ],
)
def test_a_method_without_an_adapter_for_the_engine_is_not_scored(scoring, method, reason):
    found, _ = scoring(f"[training]\nmethod = '{method}'\n")
    assert found.why_not.startswith(reason)
    assert bool(found.why_not) is bool(reason)


def test_without_the_engine_the_extra_is_named(scoring, monkeypatch):
    monkeypatch.setattr(train, "find_spec", lambda name: None)
    assert "insource[serve]" in scoring()[0].why_not
