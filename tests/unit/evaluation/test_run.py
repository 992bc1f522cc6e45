"""The journal of an evaluation: what is answered is never asked again, nothing is lost silently."""

import pytest

from insource.evaluation.run import MAX_FAILURES_IN_A_ROW, evaluate, read_journal
from insource.foundation.errors import InsourceError, ProviderError
from insource.models.protocol import ModelInfo, Request
from insource.types import Completion, Message, Score, TokenLogprob


class Scripted:
    """Answers each document in capitals; ``failing`` maps a document to the error it meets."""

    info = ModelInfo(name="m", local=True)

    def __init__(self, failing=()):
        self.failing, self.asked = dict(failing), []

    def generate(self, request):
        document = request.messages[-1].content
        self.asked.append(document)
        if code := self.failing.get(document):
            raise ProviderError(code, "no answer")
        token = TokenLogprob(id=1, bytes=b"a", logprob=-0.1)
        return Completion(text=document.upper(), latency_s=0.5, tokens=(token,))


def ask(example):
    return Request(messages=(Message(role="user", content=example.input),), max_tokens=5)


def score(example, completion):
    right = completion.text == example.target
    return Score(slots=(), parsed=True, repairable=True, schema_valid=True, canonical=True, exact=right)


@pytest.fixture
def examples(rows):
    return rows.examples([{"id": f"r{n}", "input": f"d{n}", "output": f"D{n}"} for n in range(12)])


def run(model, examples, journal, **options):
    return evaluate(model, examples, ask, score, journal=journal, **options)


def test_one_record_a_document_in_order(examples, tmp_path):
    seen = []
    records = run(Scripted(), examples, tmp_path / "j", progress=seen.append)
    assert [record.row_id for record in records] == [example.row_id for example in examples]
    assert all(record.status == "scored" and record.score.exact for record in records)
    assert [(at.done, at.total, at.last_s) for at in seen] == [(n + 1, 12, 0.5) for n in range(12)]
    assert list(read_journal(tmp_path / "j").values()) == records


def test_the_confidence_sees_the_tokens_and_the_journal_does_not_keep_them(examples, tmp_path):
    records = run(
        Scripted(),
        examples,
        tmp_path / "j",
        confidence=lambda example, completion: len(completion.tokens) / 2,
    )
    assert {record.confidence for record in records} == {0.5}
    assert all(record.completion.tokens == () for record in records)


def test_groups_are_seen_unseen_or_unknown(examples, tmp_path):
    groups = ("a", "b", None)
    grouped = [
        example.model_copy(update={"group": group}) for example, group in zip(examples, groups, strict=False)
    ]
    records = run(Scripted(), grouped, tmp_path / "j", groups_in_train=frozenset({"a"}))
    assert [record.group_seen for record in records] == [True, False, None]
    unknown = run(Scripted(), grouped, tmp_path / "k")
    assert [record.group_seen for record in unknown] == [None, None, None]


def test_a_failed_document_counts_as_a_failure_with_its_reason(examples, tmp_path):
    records = run(Scripted({"d3": "engine-refused"}), examples, tmp_path / "j")
    assert [record.row_id for record in records if record.status == "failed"] == ["r3"]
    assert records[3].reason == "engine-refused: no answer"
    assert len(records) == len(examples)


def test_failures_apart_from_each_other_do_not_stop_it(examples, tmp_path):
    failing = {f"d{n}": "engine-refused" for n in range(12) if n % 2}
    records = run(Scripted(failing), examples, tmp_path / "j")
    assert sum(record.status == "failed" for record in records) == 6


def test_a_model_that_keeps_failing_is_asked_no_further(examples, tmp_path):
    model = Scripted({f"d{n}": "engine-refused" for n in range(2, 12)})
    with pytest.raises(ProviderError) as caught:
        run(model, examples, tmp_path / "j")
    assert caught.value.code == "model-keeps-failing"
    assert len(model.asked) == 2 + MAX_FAILURES_IN_A_ROW


def test_an_outage_is_no_property_of_the_model_once_it_is_over(examples, tmp_path):
    with pytest.raises(ProviderError):
        run(Scripted({f"d{n}": "engine-refused" for n in range(2, 12)}), examples, tmp_path / "j")
    assert list(read_journal(tmp_path / "j")) == ["r0", "r1"]
    records = run(Scripted(), examples, tmp_path / "j")
    assert all(record.status == "scored" for record in records)


def test_failures_at_the_very_end_are_kept(examples, tmp_path):
    records = run(Scripted({"d10": "engine-refused", "d11": "engine-refused"}), examples, tmp_path / "j")
    assert [record.status for record in records[-2:]] == ["failed", "failed"]
    assert len(read_journal(tmp_path / "j")) == 12


@pytest.mark.parametrize("code", ["engine-failed", "engine-unreachable"])
def test_an_engine_that_cannot_be_had_is_no_document_s_fault(examples, tmp_path, code):
    with pytest.raises(ProviderError):
        run(Scripted({"d4": code}), examples, tmp_path / "j")
    assert len(read_journal(tmp_path / "j")) == 4


def test_a_dead_engine_is_no_document_s_fault(examples, tmp_path):
    with pytest.raises(ProviderError) as caught:
        run(Scripted({"d4": "engine-died"}), examples, tmp_path / "j")
    assert caught.value.code == "engine-died"
    assert list(read_journal(tmp_path / "j")) == ["r0", "r1", "r2", "r3"]


def test_the_next_call_asks_only_the_rest(examples, tmp_path):
    with pytest.raises(ProviderError):
        run(Scripted({"d4": "engine-died"}), examples, tmp_path / "j")
    model = Scripted()
    records = run(model, examples, tmp_path / "j")
    assert model.asked == [f"d{n}" for n in range(4, 12)]
    assert [record.row_id for record in records] == [example.row_id for example in examples]
    assert len(read_journal(tmp_path / "j")) == 12


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_torn_last_line_is_asked_again(examples, tmp_path, cut):
    journal = tmp_path / "j"
    run(Scripted(), examples[:6], journal)
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-cut])
    model = Scripted()
    records = run(model, examples[:6], journal)
    assert model.asked == ["d5"]
    assert len(records) == 6
    assert len(read_journal(journal)) == 6


def test_a_line_torn_inside_a_character_is_cut_off_too(rows, tmp_path):
    examples = rows.examples(
        [{"id": "ü", "input": "ü", "output": "Ü"}, {"id": "b", "input": "b", "output": "B"}]
    )
    journal = tmp_path / "j"
    run(Scripted(), examples, journal)
    text = journal.read_bytes()
    journal.write_bytes(text + "ü".encode()[:1])
    assert list(read_journal(journal)) == ["ü", "b"]
    assert journal.read_bytes() == text


def test_damage_in_the_middle_is_said_with_its_line(examples, tmp_path):
    journal = tmp_path / "j"
    run(Scripted(), examples[:3], journal)
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text(lines[0] + "{broken\n" + lines[2])
    with pytest.raises(InsourceError) as caught:
        read_journal(journal)
    assert caught.value.code == "journal-damaged"
    assert "Line 2" in caught.value.message


def test_no_journal_is_an_empty_one(tmp_path):
    assert read_journal(tmp_path / "none") == {}


def test_an_arm_without_hope_is_asked_no_more_and_what_it_answered_is_kept(examples, tmp_path):
    def hopeless(records):
        return "no" * (len(records) == 4)

    model = Scripted()
    records = run(model, examples, tmp_path / "j", hopeless=hopeless)
    assert len(records) == len(model.asked) == len(read_journal(tmp_path / "j")) == 4
    again = Scripted()
    assert (
        run(again, examples, tmp_path / "j", hopeless=lambda records: "no" * (len(records) == 4)) == records
    )
    assert again.asked == []
