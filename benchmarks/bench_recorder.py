"""What it costs to have a call on record: CPU time of begin and end, the writes to the spool included.

A chat completion of 2.6 kB with an answer of 1 kB, as a gateway hands them over (raw bytes), by what is
redacted. Time is that of the calling thread; the group commit's fsync runs in another and is not in it.
--quick measures fewer calls.
"""

from __future__ import annotations

import gc
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from claims import Claims, parser

from insource.config.log import LogSection
from insource.logs.call_values import CallEnd, CallStart
from insource.logs.recorder import Recorder
from insource.redaction import RedactedIncrements, Redactor
from insource.types import Usage

PROSE = (
    "The pump housing is made of cast iron with a bearing of bronze. Rated voltage 480 V AC, 3-phase, 60 Hz, "
    "12 A; protection class IP 67, tested 2024-03-11. Order 1183 shipped in 2 parcels, $1,240.50 in all. "
    "Max. pressure 16 bar at 80 °C, flow 24.5 m³/h. Keep the token of the task-oriented basic version. "
)
FINDINGS = "Write to jane.doe@example.com or +49 30 1234567; key sk-proj-aB3dE5gH7jK9mN1pQ3sT. "
USAGE = Usage(input_tokens=640, output_tokens=150)
ROUNDS = 5


def request(text: str, size: int) -> bytes:
    """A chat completion's request of about ``size`` bytes."""
    system = "You extract the requested fields as JSON."
    messages = [{"role": "system", "content": system}, {"role": "user", "content": ""}]
    body = {"model": "gpt-4o-mini", "max_tokens": 256, "temperature": 0, "messages": messages}
    room = size - len(json.dumps(body))
    messages[1]["content"] = (text + PROSE * (room // len(PROSE) + 1))[:room]
    return json.dumps(body, ensure_ascii=False).encode()


def answer(size: int) -> tuple[str, bytes]:
    """The text and the document of an answer of about ``size`` bytes."""
    text = (PROSE * 4)[: size - 330]
    message = {"role": "assistant", "content": text, "refusal": None}
    usage = {"prompt_tokens": 640, "completion_tokens": 150, "total_tokens": 790}
    body = {
        "id": "chatcmpl-Bxy",
        "object": "chat.completion",
        "created": 1732393200,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": usage,
    }
    return text, json.dumps(body, ensure_ascii=False).encode()


def microseconds(work: Callable[[], Any], times: int) -> float:
    """CPU time of one, in the best of some rounds: other work on the machine only ever adds."""
    best = float("inf")
    for _ in range(ROUNDS):
        gc.collect()
        started = time.thread_time()
        for _ in range(times):
            work()
        best = min(best, time.thread_time() - started)
    return best / times * 1e6


def recorded(section: LogSection, asked: bytes, times: int, *, parsed: bool = False) -> float:
    """CPU µs of one call's begin and end."""
    text, answered = answer(1000)
    sent: dict[str, Any] = {"request": json.loads(asked)} if parsed else {"request_bytes": asked}
    got: dict[str, Any] = {"response": json.loads(answered)} if parsed else {"response_bytes": answered}

    def call() -> None:
        start = CallStart(**sent, model_asked="gpt-4o-mini", source="gateway", task="specs", endpoint="chat")
        end = CallEnd(**got, response_text=text, usage=USAGE, status=200, finish_reason="stop")
        recorder.begin_call(start).end_call(end)

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with Recorder.open(root, redactor=Redactor.from_config(section, root)) as recorder:
            return microseconds(call, times)


def streamed(section: LogSection, times: int) -> float:
    """CPU µs of redacting one piece of four characters of a stream."""
    text = answer(1000)[0]
    pieces = [text[start : start + 4] for start in range(0, len(text), 4)]
    with tempfile.TemporaryDirectory() as folder:
        redactor = Redactor.from_config(section, Path(folder))

        def stream() -> None:
            increments = RedactedIncrements(redactor)
            for piece in pieces:
                increments.add(piece)

        return microseconds(stream, max(1, times // len(pieces))) / len(pieces)


def main() -> None:
    options = parser(__doc__).parse_args()
    times = 400 if options.quick else 4000
    claims = Claims()
    plain, found = request("", 2600), request(FINDINGS, 2600)
    secrets = LogSection(redact=("secrets",))
    personal = LogSection(redact=("secrets", "personal"))
    custom = LogSection(redact=("secrets", "personal"), patterns=(r"customer=CUST-\d+",))
    unit = "µs CPU/call"
    claims.add("begin + end, nothing redacted", recorded(LogSection(redact=()), plain, times), unit)
    claims.add("begin + end, secrets (the default)", recorded(secrets, plain, times), unit, at_most=60)
    claims.add("  the same, parsed request and answer", recorded(secrets, plain, times, parsed=True), unit)
    claims.add("  the same, a secret in the request", recorded(secrets, found, times), unit)
    claims.add("begin + end, secrets and personal", recorded(personal, plain, times), unit)
    claims.add("  the same, three findings in the request", recorded(personal, found, times), unit)
    claims.add("begin + end, with a pattern of one's own", recorded(custom, plain, times), unit)
    claims.add("a streamed piece, secrets", streamed(secrets, times), "µs CPU/piece")
    claims.add("a streamed piece, secrets and personal", streamed(personal, times), "µs CPU/piece")
    claims.write(options.json)


if __name__ == "__main__":
    main()
