"""Calls of other kinds: on record with what can be said of them, without the content of any file."""

import json
from decimal import Decimal

import anthropic
import httpx2
import openai
import pytest
from support.upstream_kit import Bench, always, reply, streamed

from insource.gateway.http.address import UpstreamSettings
from insource.providers.prices import UNREAD

SOUND = b"RIFF-the-sound-of-a-voice" + bytes(range(256)) * 40
PICTURE = "iVBORw0KGgoAAAANSUhEUg" * 100
HEARD = {
    "text": "The parcel never came.",
    "usage": {
        "type": "tokens",
        "input_tokens": 50,
        "input_token_details": {"text_tokens": 0, "audio_tokens": 50},
        "output_tokens": 6,
        "total_tokens": 56,
    },
}


def as_json(document, status=200):
    return always(reply(json.dumps(document).encode(), status))


def price(model, usage, at):
    return None if usage.input_tokens is None else Decimal(usage.input_tokens) / 1000


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    folder = tmp_path_factory.mktemp("log")
    claude = UpstreamSettings(name="anthropic", kind="anthropic", base_url="http://127.0.0.1:1")
    with Bench.open(folder, upstreams=(claude,), settings={"max_upload_bytes": 1 << 20}) as bench:
        bench.folder = folder
        yield bench


@pytest.fixture
def client(bench):
    with openai.OpenAI(base_url=f"{bench.root}/v1", api_key="sk-none", max_retries=0) as client:
        yield client


def the_call(bench):
    (call,) = bench.new_calls()
    return call


def on_disk(bench):
    return b"".join(path.read_bytes() for path in bench.folder.rglob("*") if path.is_file())


def test_a_transcription(bench, client):
    upstream = bench.answering(as_json(HEARD))
    said = client.audio.transcriptions.create(
        model="gpt-4o-mini-transcribe", file=("voice.wav", SOUND), prompt="a customer's complaint"
    )
    assert said.text == HEARD["text"]
    (asked,) = upstream.seen
    assert SOUND in asked.body
    call = the_call(bench)
    assert (call.endpoint, call.model_asked, call.outcome) == ("other", "gpt-4o-mini-transcribe", "ok")
    assert call.request == {
        "path": "/v1/audio/transcriptions",
        "bytes": len(asked.body),
        "content_type": "multipart/form-data",
    }
    assert (call.response_text, call.response) == (HEARD["text"], HEARD)
    assert (call.usage.audio_input_tokens, call.usage.output_tokens, call.usage_estimated) == (50, 6, False)
    kept = on_disk(bench)
    assert b"the-sound-of-a-voice" not in kept
    assert b"customer's complaint" not in kept


def test_a_transcription_that_streams(bench, client):
    pieces = [{"type": "transcript.text.delta", "delta": piece} for piece in ("The parcel ", "never came.")]
    events = [*pieces, {"type": "transcript.text.done"} | HEARD]
    bench.answering(streamed([b"data: " + json.dumps(one).encode() + b"\n\n" for one in events]))
    stream = client.audio.transcriptions.create(model="gpt-4o-transcribe", file=("v.wav", SOUND), stream=True)
    assert [event.type for event in stream][-1] == "transcript.text.done"
    call = the_call(bench)
    assert (call.outcome, call.response_text, call.usage.output_tokens) == ("ok", HEARD["text"], 6)


def test_speech_is_counted_and_not_kept(bench, client):
    bench.answering(always(reply(SOUND, kind="audio/mpeg")))
    spoken = client.audio.speech.create(model="tts-1", voice="alloy", input="Your order has left us.")
    assert spoken.read() == SOUND
    call = the_call(bench)
    assert call.response == {"content_type": "audio/mpeg", "bytes": len(SOUND)}
    assert call.unpriced_because != UNREAD.unpriced_because  # it was answered
    assert (call.outcome, call.error, call.cost_usd) == ("ok", "", None)
    assert call.request["input"] == "Your order has left us."
    assert b"the-sound-of-a-voice" not in on_disk(bench)


def test_pictures_are_not_kept_and_their_tokens_are_counted(bench, client):
    usage = {"input_tokens": 70, "output_tokens": 200, "input_tokens_details": {"image_tokens": 60}}
    bench.answering(as_json({"created": 1, "data": [{"b64_json": PICTURE}], "usage": usage}))
    client.images.edit(model="gpt-image-1", image=("a.png", SOUND), prompt="A blue pump")
    client.images.generate(model="gpt-image-1", prompt="A red pump")
    calls = bench.new_calls()
    assert {call.request.get("content_type") for call in calls} == {"multipart/form-data", None}
    for call in calls:
        assert call.response["data"] == [{"b64_json": f"({len(PICTURE)} characters)"}]
        assert call.response["usage"] == usage
        assert (call.usage.input_tokens, call.usage.output_tokens, call.usage_estimated) == (70, 200, False)
    assert PICTURE.encode() not in on_disk(bench)


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/v1/moderations", {"id": "m", "model": "omni-moderation", "results": [{"flagged": False}]}),
        ("/u/openai/v1/rerank", {"results": [{"index": 0, "relevance_score": 0.9}]}),
        ("/u/openai/v1/a/path/of/tomorrow", {"anything": [1, 2]}),
    ],
)
def test_whatever_else_is_posted_is_on_record(bench, path, answer):
    bench.answering(as_json(answer))
    sent = {"model": "judge-1", "input": "Is this rude?"}
    came = httpx2.post(bench.root + path, json=sent, trust_env=False)
    assert came.json() == answer
    call = the_call(bench)
    assert (call.endpoint, call.model_asked, call.request) == ("other", "judge-1", sent)
    assert (call.response, call.usage_estimated, call.cost_usd) == (answer, False, None)


@pytest.mark.parametrize("body", [b"[1, 2]", b"not JSON", b"", b"\xff"])
def test_a_body_of_a_kind_nobody_knows_passes(bench, body):
    upstream = bench.answering(as_json({"fine": True}))
    headers = {"content-type": "application/json"}
    came = httpx2.post(f"{bench.root}/u/openai/v1/new", content=body, headers=headers, trust_env=False)
    assert (came.status_code, upstream.seen[0].body) == (200, body)
    assert the_call(bench).request == {"path": "/v1/new", "bytes": len(body)}


def test_an_error_of_theirs_is_on_record(bench, client):
    bench.answering(as_json({"error": {"message": "no such voice", "type": "x", "code": "y"}}, 400))
    with pytest.raises(openai.BadRequestError):
        client.audio.transcriptions.create(model="whisper-1", file=("v.wav", SOUND))
    call = the_call(bench)
    assert (call.outcome, call.status, call.error) == ("error", 400, "no such voice")


def test_that_a_batch_was_made_is_on_record(bench, client):
    made = {"id": "batch_7", "object": "batch", "endpoint": "/v1/chat/completions", "status": "validating"}
    bench.answering(as_json(made))
    batch = client.batches.create(
        input_file_id="file-1",
        endpoint="/v1/chat/completions",
        completion_window="24h",
        extra_headers={"x-insource-task": "specs"},
    )
    assert batch.id == "batch_7"
    client.batches.retrieve("batch_7")
    call = the_call(bench)
    assert (call.task, call.outcome, call.response, call.usage_estimated) == ("specs", "ok", made, False)
    assert call.request["path"] == "/v1/batches"
    assert call.request["bytes"] > 50


def test_a_batch_that_holds_its_requests_is_as_long_as_a_file_may_be(tmp_path):
    made = {"id": "msgbatch_1", "type": "message_batch", "processing_status": "in_progress"}
    limits = {"max_body_bytes": 1000, "max_upload_bytes": 200_000}
    with Bench.open(tmp_path, kind="anthropic", settings=limits) as bench:
        upstream = bench.answering(as_json(made))
        with anthropic.Anthropic(base_url=bench.root, api_key="sk-none", max_retries=0) as client:
            params = {
                "model": "c",
                "max_tokens": 5,
                "messages": [{"role": "user", "content": "a secret " * 9000}],
            }
            client.messages.batches.create(requests=[{"custom_id": "1", "params": params}])
            assert len(upstream.seen[0].body) > 80_000
            call = the_call(bench)
            assert (call.outcome, call.response) == ("ok", made)
            assert call.request == {"path": "/v1/messages/batches", "bytes": len(upstream.seen[0].body)}
            with pytest.raises(anthropic.APIStatusError) as refused:
                client.messages.batches.create(requests=[{"custom_id": "1", "params": params}] * 3)
        assert refused.value.status_code == 413
        assert (the_call(bench).status, len(upstream.seen)) == (413, 1)


def test_files_are_no_calls(bench, client):
    bench.answering(as_json({"id": "file-1", "object": "file"}))
    client.files.create(file=("batch.jsonl", SOUND), purpose="batch")
    assert bench.new_calls() == []
