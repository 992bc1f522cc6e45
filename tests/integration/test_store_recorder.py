"""Recording through the spool into a real store."""

import json
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from insource.config.log import LogSection
from insource.foundation.errors import ProviderError
from insource.logs.recorded_model import RecordedModel
from insource.logs.recorder import Recorder
from insource.models.protocol import ModelInfo, Request
from insource.providers.prices import PriceTable
from insource.redaction import Redactor
from insource.store.calls.calls import find_calls, get_call
from insource.store.database import open_database
from insource.store.spool.writer import Spool
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
    recording.end(
        response_text='{"voltage":480}',
        finish_reason="stop",
        model_answered="big-2026",
        usage=Usage(input_tokens=9, output_tokens=4),
        cost_usd=Decimal("0.00001"),
        status=200,
        route=Route(to="cloud", model="cloud/big", reason="low-confidence", confidence=0.3, threshold=0.8),
    )
    call = recording.call
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
    recording.end(response_text="one")
    recording.end(response_text="two", outcome="error")
    recorder.flush()
    assert [call.response_text for call in find_calls(recorder.database)] == ["one"]
    assert recorder.lost == 0


def test_a_streamed_answer_is_put_together_and_timed(tmp_path):
    with open_database(tmp_path / "insource.db") as database:
        recorder = Recorder(Spool(tmp_path / "spool"), database, clock=SteppingClock(), ids=lambda: "c1")
        recording = recorder.begin(ASK, model_asked="m")
        for piece in ('{"volt', 'age": ', "480}"):
            recording.chunk(piece)
        recording.end()
        call = recording.call
        recorder.close()
        assert call.response_text == '{"voltage": 480}'
        assert (call.first_token_s, call.token_gap_s, call.latency_s) == (0.5, 0.5, 2.0)  # a step a reading
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
        recording.end(error=f"401 for {KEY}")
        call = recording.call
        recorder.flush()
        assert call.response_text == "you said [secret:openai-key] right"
        data = written(tmp_path)
        assert b"[secret:openai-key]" in data
        for secret in (KEY.encode(), KEY[12:].encode(), b"hunter2hunter2"):
            assert secret not in data


class BrokenRedactor(Redactor):
    def document(self, document):
        raise RuntimeError("no such luck")

    def findings(self, data):
        raise RuntimeError("no such luck")


def test_when_redaction_fails_only_metadata_is_written(tmp_path):
    with Recorder.open(tmp_path, redactor=BrokenRedactor()) as recorder:
        recording = recorder.begin(
            {"messages": "private words"},
            model_asked="m",
            task="specs",
            user="private",
            tags={"a": "private"},
        )
        recording.chunk("private piece, private piece ")
        recording.end(response={"text": "private"}, error="private", usage=Usage(output_tokens=2))
        recorder.flush()
        assert b"private" not in written(tmp_path)
        call = recording.call
        assert get_call(recorder.database, call.call_id) == call
    assert (call.task, call.request, call.usage.output_tokens) == ("specs", {"redaction": "failed"}, 2)
    assert (call.response, call.user, call.tags) == ({"redaction": "failed"}, "", {})


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
    ("failure", "outcome", "error"),
    [
        (ProviderError("no-answer", "overloaded"), "error", "no-answer: overloaded"),
        (KeyboardInterrupt(), "interrupted", "KeyboardInterrupt: "),
    ],
)
def test_a_failing_model_leaves_its_call_too(recorder, failure, outcome, error):
    with pytest.raises(type(failure)):
        RecordedModel(Answering(failure), recorder, "specs").generate(REQUEST)
    recorder.flush()
    [call] = find_calls(recorder.database)
    assert (call.outcome, call.cost_usd) == (outcome, None)
    assert call.error == error


def test_bytes_are_kept_as_they_are_spelled(recorder, tmp_path):
    raw = b' {"model": "m", "b": 1.50,\n "text": "caf\xc3\xa9 \\u00e9", "n": 18446744073709551616} '
    recording = recorder.begin(request_bytes=raw, model_asked="m")
    recording.end(response_bytes=b'{"id": "r1", "x": 1e2}')
    assert raw.strip() in written(tmp_path)
    assert b'{"id": "r1", "x": 1e2}' in written(tmp_path)
    recorder.flush()
    assert get_call(recorder.database, recording.call_id) == recording.call
    assert recording.call.request == json.loads(raw)
    assert recording.call.response == {"id": "r1", "x": 100}


@pytest.mark.parametrize(
    "raw",
    [
        b"[1]",
        b'{"a":',
        b'{"a":1},"task":"x","b":{}',
        b'{"a":"\xff"}',
        b"private",
        b"",
        b'{"a":' + b"[" * 100_000,
    ],
)
def test_bytes_that_are_no_object_are_not_written(recorder, tmp_path, raw):
    recording = recorder.begin(request_bytes=raw, model_asked="m", task="specs")
    recording.end(response_bytes=raw)
    recorder.flush()
    call = get_call(recorder.database, recording.call_id)
    assert call == recording.call
    assert call.task == "specs"
    assert call.request in ({"redaction": "failed"}, {})
    assert b"private" not in written(tmp_path)


def test_secrets_in_bytes_and_labels_do_not_reach_the_disk(recorder, tmp_path):
    raw = json.dumps({"content": f"my key\n{KEY}", "arguments": json.dumps({"api_key": "hunter2hunter2"})})
    hidden = raw.replace("sk-proj", "\\u0073k-proj").encode()
    recording = recorder.begin(request_bytes=hidden, model_asked=KEY, user=KEY, feature=KEY, tags={KEY: KEY})
    recording.end(response_bytes=hidden, response_text=raw, model_answered=KEY)
    recorder.flush()
    for secret in (KEY.encode(), KEY[2:].encode()):
        assert secret not in written(tmp_path)
    assert recording.call.request["content"] == "my key\n[secret:openai-key]"


def test_of_a_metadata_only_task_nothing_that_was_said_is_written(tmp_path):
    section = LogSection(metadata_only=("payroll",), redact=("secrets", "personal"))
    redactor = Redactor.from_config(section, tmp_path)
    with Recorder.open(tmp_path, redactor=redactor) as recorder:
        said = {"text": "spoken words"}
        recording = recorder.begin(
            said, model_asked="m", task="payroll", user="spoken", tags={"spoken": "words"}
        )
        for piece in ("spoken words, ", "spoken words, "):
            recording.chunk(piece)
        recording.end(
            response=said,
            error="400: cannot parse 'spoken words'",
            outcome="error",
            status=400,
            usage=Usage(input_tokens=7),
            cost_usd=Decimal("0.01"),
        )
        other = recorder.begin(said, model_asked="m", task="other")
        other.chunk("heard words, and more ")
        other.end()
        recorder.flush()
        call = get_call(recorder.database, recording.call_id)
        assert call == recording.call
        assert get_call(recorder.database, other.call_id).request == said
    with Recorder.open(tmp_path / "alone", redactor=redactor) as recorder:
        recorder.begin(said, model_asked="m", task="payroll").end(response_text="spoken words")
        recorder.flush()
        assert b"spoken" not in written(tmp_path / "alone")
    assert (call.request, call.response, call.response_text) == ({"redaction": "metadata-only"}, None, "")
    assert (call.user, call.tags, call.error) == ("", {}, "metadata-only")
    assert (call.status, call.outcome, call.usage.input_tokens) == (400, "error", 7)
    assert (call.cost_usd, call.first_token_s is not None, call.token_gap_s is not None) == (
        Decimal("0.01"),
        True,
        True,
    )


def test_every_task_may_be_metadata_only(tmp_path):
    redactor = Redactor.from_config(LogSection(metadata_only=("*",)), tmp_path)
    with Recorder.open(tmp_path, redactor=redactor) as recorder:
        recorder.begin({"text": "spoken"}, model_asked="m").end(response_text="spoken")
        assert b"spoken" not in written(tmp_path)


def test_request_answer_and_later_calls_share_their_pseudonyms(tmp_path):
    section = LogSection(redact=("secrets", "personal"))
    names = set()
    for _ in range(2):
        redactor = Redactor.from_config(section, tmp_path)
        with Recorder.open(tmp_path, redactor=redactor) as recorder:
            recording = recorder.begin({"text": "Who is jane@example.com?"}, model_asked="m")
            for piece in ("It is jane@exam", "ple.com; she ", "says so."):
                recording.chunk(piece)
            assert b"jane" not in written(tmp_path)
            recording.end()
            names |= set(
                re.findall(
                    r"\[email:\w+\]", json.dumps([recording.call.request, recording.call.response_text])
                )
            )
            assert "jane" not in json.dumps(recording.call.request) + recording.call.response_text
    assert len(names) == 1


def test_threads_share_a_recorder(tmp_path):
    redactor = Redactor.from_config(LogSection(redact=("secrets", "personal")), tmp_path)

    def use(number):
        for index in range(50):
            recording = recorder.begin(
                {"text": f"{number}-{index} {KEY}"}, model_asked="m", task=f"t{number}"
            )
            recording.chunk(f"see {KEY}")
            recording.end(response_text=f"{number}-{index} jane{number}@example.com")

    with Recorder.open(tmp_path, redactor=redactor) as recorder:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(use, range(4)))
        recorder.flush()
        calls = find_calls(recorder.database)
    assert len(calls) == 200
    for call in calls:
        label, _, rest = call.request["text"].partition(" ")
        assert rest == "[secret:openai-key]"
        assert call.response_text.startswith(f"{label} [email:")
        assert call.task == f"t{label[0]}"
    assert len({call.response_text.partition(" ")[2] for call in calls}) == 4
