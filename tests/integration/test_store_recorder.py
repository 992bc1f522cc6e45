"""Recording through the spool into a real store."""

import stat
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from insource.errors import ProviderError
from insource.logs import recorder as recorder_module
from insource.logs.prices import PriceTable
from insource.logs.recorder import RecordedModel, Recorder
from insource.models.protocol import ModelInfo, Request
from insource.store.calls import find_calls, get_call
from insource.store.database import open_database
from insource.store.spool import Spool
from insource.types import Completion, Message, Route, Usage

KEY = "sk-proj-" + "aB3dE5gH7jK9mN1pQ3sT"
ASK = {"messages": [{"role": "user", "content": "480 V?"}]}


class SteppingClock:
    """Half a second passes between two looks at it."""

    def __init__(self):
        self.seconds = 0.0

    def now(self):
        return datetime(2026, 11, 20, tzinfo=UTC)

    def monotonic(self):
        self.seconds += 0.5
        return self.seconds


class Answering:
    """A model that answers from a list; an exception in it is raised."""

    info = ModelInfo(name="gpt-4o-mini", local=False)

    def __init__(self, *answers):
        self.answers = list(answers)

    def generate(self, request):
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer


@pytest.fixture
def recorder(tmp_path):
    with Recorder.open(tmp_path) as opened:
        yield opened


def written(tmp_path):
    return b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_an_ended_call_is_in_the_store_as_end_returned_it(recorder):
    recording = recorder.begin(ASK, model_asked="cloud/big", task="specs", tags={"row_id": "7"})
    call = recording.end(
        response_text='{"voltage":480}',
        finish_reason="stop",
        model_answered="big-2026",
        usage=Usage(input_tokens=9, output_tokens=4),
        cost_usd=Decimal("0.00001"),
        status=200,
        route=Route(to="cloud", model="cloud/big", reason="low-confidence", confidence=0.3, threshold=0.8),
    )
    report = recorder.flush()
    assert (report.stored, report.interrupted, report.under_way, report.corrupt) == (1, 0, 0, 0)
    assert get_call(recorder.database, recording.call_id) == call
    assert call.request == ASK
    assert call.latency_s > 0


def test_begin_is_on_disk_before_it_returns_and_end_too(recorder, tmp_path):
    recording = recorder.begin(ASK, model_asked="m")
    assert b"480 V?" in written(tmp_path)
    recording.end(response_text="the answer")
    assert b"the answer" in written(tmp_path)


def test_a_second_end_changes_nothing(recorder):
    recording = recorder.begin(ASK, model_asked="m")
    first = recording.end(response_text="one")
    assert recording.end(response_text="two", outcome="error") is first
    recorder.flush()
    assert [call.response_text for call in find_calls(recorder.database)] == ["one"]
    assert recorder.lost == 0


def test_a_streamed_answer_is_put_together_and_timed(tmp_path):
    with open_database(tmp_path / "insource.db") as database:
        recorder = Recorder(Spool(tmp_path / "spool"), database, clock=SteppingClock(), ids=lambda: "c1")
        recording = recorder.begin(ASK, model_asked="m")
        for piece in ('{"volt', 'age": ', "480}"):
            recording.chunk(piece)
        call = recording.end()
        recorder.close()
        assert (call.response_text, call.first_token_s, call.latency_s) == ('{"voltage": 480}', 0.5, 1.0)
        assert find_calls(database) == [call]


def test_calls_interleave_and_a_flush_between_keeps_the_open_ones(recorder):
    first = recorder.begin(ASK, model_asked="a")
    second = recorder.begin(ASK, model_asked="b")
    second.end(response_text="2")
    report = recorder.flush()
    assert (report.stored, report.under_way) == (1, 1)
    first.end(response_text="1")
    assert recorder.flush().stored == 1
    assert recorder.flush().stored == 0
    assert {c.model_asked: c.response_text for c in find_calls(recorder.database)} == {"a": "1", "b": "2"}


def test_a_request_larger_than_a_batch_passes(recorder):
    huge = {"messages": [{"role": "user", "content": "é" * 3_000_000}]}
    recorder.begin(huge, model_asked="m").end(response_text="ok")
    recorder.begin(ASK, model_asked="m").end(response_text="ok")
    assert recorder.flush().stored == 2
    assert find_calls(recorder.database)[0].request == huge


def test_leaving_the_block_stores_all_and_deletes_the_segment(tmp_path):
    with Recorder.open(tmp_path) as recorder:
        recorder.begin(ASK, model_asked="done").end()
        left_open = recorder.begin(ASK, model_asked="open")
        left_open.chunk("half an ")
    assert list((tmp_path / "spool").glob("*.seg")) == []
    with open_database(tmp_path / "insource.db") as database:
        outcomes = {call.model_asked: call.outcome for call in find_calls(database)}
        assert outcomes == {"done": "ok", "open": "interrupted"}
        assert get_call(database, left_open.call_id).response_text == "half "


def test_full_segments_give_way_to_new_ones_and_go_once_drained(tmp_path):
    with open_database(tmp_path / "insource.db") as database:
        recorder = Recorder(Spool(tmp_path / "spool", segment_bytes=500), database)
        long = recorder.begin(ASK, model_asked="long")
        for number in range(20):
            recorder.begin(ASK, model_asked=f"m{number}").end()
        assert len(list((tmp_path / "spool").glob("*.seg"))) > 3
        assert recorder.flush().stored == 20
        # the segment of the open call and the current one
        assert len(list((tmp_path / "spool").glob("*.seg"))) == 2
        long.end(response_text="at last")
        recorder.close()
        assert len(find_calls(database)) == 21
        assert find_calls(database, model="long")[0].response_text == "at last"
        assert list((tmp_path / "spool").glob("*.seg")) == []


def test_no_secret_reaches_the_disk(tmp_path):
    with Recorder.open(tmp_path) as recorder:
        request = {"messages": [{"role": "user", "content": f"my key {KEY}"}], "api_key": "hunter2hunter2"}
        recording = recorder.begin(request, model_asked="m", tags={"note": KEY})
        for piece in ("you said ", KEY[:12], KEY[12:], " right"):
            recording.chunk(piece)
        assert KEY.encode() not in written(tmp_path)
        call = recording.end(error=f"401 for {KEY}")
        recorder.flush()
        assert call.response_text == "you said [secret:openai-key] right"
        data = written(tmp_path)
        assert b"[secret:openai-key]" in data
        for secret in (KEY.encode(), KEY[12:].encode(), b"hunter2hunter2"):
            assert secret not in data


def test_when_redaction_fails_only_metadata_is_written(recorder, tmp_path, monkeypatch):
    def broken(value):
        raise RuntimeError("no such luck")

    monkeypatch.setattr(recorder_module, "redact", broken)
    recording = recorder.begin({"messages": "private words"}, model_asked="m", task="specs")
    call = recording.end(response_text="private answer", usage=Usage(output_tokens=2))
    recorder.flush()
    assert b"private" not in written(tmp_path)
    assert get_call(recorder.database, call.call_id) == call
    assert (call.task, call.request, call.usage.output_tokens) == ("specs", {"redaction": "failed"}, 2)


def test_whatever_a_client_sends_is_recorded(recorder):
    odd = {
        "messages": [{"role": "user", "content": "a\ud800b\x00"}],
        "temperature": float("inf"),
        "x": {1, 2},
    }
    recorder.begin(odd, model_asked="m").end(response_text="\udfff!", error="\ud800")
    recorder.flush()
    [call] = find_calls(recorder.database)
    assert (call.response_text, call.request["messages"][0]["content"]) == ("?!", "a?b\x00")


def test_spool_files_belong_to_the_owner_alone(recorder, tmp_path):
    recorder.begin(ASK, model_asked="m")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "spool").iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE((tmp_path / "spool").stat().st_mode) == 0o700


REQUEST = Request(messages=(Message(role="user", content="480 V?"),), max_tokens=10)


def test_a_recorded_model_answers_like_the_model_and_leaves_its_call(recorder):
    answer = Completion(
        text="yes", model="gpt-4o-mini-2024-07-18", usage=Usage(input_tokens=1000, output_tokens=100)
    )
    model = RecordedModel(Answering(answer), recorder, "specs", price=PriceTable().cost, tags={"run": "r1"})
    assert model.tagged(row_id="17").generate(REQUEST) is answer
    recorder.flush()
    [call] = find_calls(recorder.database, task="specs")
    assert (call.model_asked, call.model_answered) == ("gpt-4o-mini", "gpt-4o-mini-2024-07-18")
    assert call.tags == {"run": "r1", "row_id": "17"}
    assert call.request["messages"] == [{"role": "user", "content": "480 V?"}]
    assert call.request["temperature"] == 0.0
    assert call.cost_usd == Decimal("0.00021")


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [(ProviderError("no-answer", "overloaded"), "error"), (KeyboardInterrupt(), "interrupted")],
)
def test_a_failing_model_leaves_its_call_too(recorder, failure, outcome):
    with pytest.raises(type(failure)):
        RecordedModel(Answering(failure), recorder, "specs").generate(REQUEST)
    recorder.flush()
    [call] = find_calls(recorder.database)
    assert (call.outcome, call.cost_usd) == (outcome, None)
    assert type(failure).__name__ in call.error
