"""The product's story, from the command line, with the real model: read from top to bottom.

An engineer tries the demo, runs it again, brings their own data, and puts the gateway in front of
their application. Sizes are small; everything else is as on their machine.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jsonschema_rs
import openai
import pytest

from insource.dataset.saved.folder import load as load_dataset
from insource.logs.recorder import STORE_FILE
from insource.store.calls.calls import find_calls
from insource.store.database import open_database
from insource.types import RunResult

pytestmark = [
    pytest.mark.timeout(2400),
    pytest.mark.usefixtures("embedded_model"),
]
SCHEMA = Path(__file__).parents[2] / "docs" / "reference" / "run-result.schema.json"
METRICS = ("field_accuracy", "format_consistency", "hallucination_rate", "exact_match")
DEMO = ("demo", "--documents", "16", "--epochs", "1", "--json")


def result_of(done):
    """The one document on standard output, valid by the documented schema."""
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    jsonschema_rs.validate(json.loads(SCHEMA.read_text(encoding="utf-8")), document)
    return RunResult.model_validate(document)


def by_name(result):
    return {evaluation.arm.name: evaluation for evaluation in result.evaluations}


def test_the_demo_and_the_same_again(insource, tmp_path):
    first = insource(*DEMO)
    result = result_of(first)

    # Every stage of the loop happened, and took its time.
    names = [stage.stage.split()[0] for stage in result.stages]
    assert [name for index, name in enumerate(names) if name not in names[:index]] == [
        "log",
        "dataset",
        "fit",
        "ground",
        "train",
        "export",
        "evaluate",
        "learn",
        "route",
    ]
    # What was read back was made in this very run: validation answers, to learn how sure they are.
    made = {stage.run_id for stage in result.stages if not stage.skipped}
    assert {stage.run_id for stage in result.stages} == made

    # Every rung on the sealed test split, each figure with its interval, n and method.
    arms = by_name(result)
    kinds = {name: evaluation.arm.kind for name, evaluation in arms.items()}
    assert {"simulated", "floor", "classical fields", "prompted", "tuned"} <= set(kinds.values())

    # The classical rungs came first; the candidate was chosen on validation and registered before the looks.
    assert first.stderr.index("span ranking: field accuracy") < first.stderr.index("LoRA on")
    tried = {trial.arm for trial in result.choice.trials}
    assert {"span ranking", "base + schema", "tuned"} <= tried
    assert result.choice.candidate in tried
    assert result.registration.candidate == result.choice.candidate
    assert result.served.arm == result.choice.candidate
    for evaluation in arms.values():
        assert evaluation.n == evaluation.scored + evaluation.failed + evaluation.unscored
        for metric in METRICS:
            assert evaluation.metrics[metric].n
            assert evaluation.metrics[metric].method
    assert arms["tuned"].metrics["schema_valid_rate"].value == 1.0  # the grammar lets nothing else through
    assert result.parity.passed

    # A simulated cloud is called so everywhere, and never carries a verdict.
    (simulated,) = (name for name, kind in kinds.items() if kind == "simulated")
    assert arms[simulated].arm.cost_basis.startswith("assumed")
    assert all(
        c.outcome is None and not c.verdict_allowed for c in result.comparisons if c.baseline == simulated
    )
    assert result.verdict.outcome == "undecided"
    assert "simulated" in result.verdict.sentence
    assert f"{simulated} (simulated)" in first.stderr

    # The gateway answered one document here and escalated the doubtful one; both are on record.
    calls = result.routing.calls
    assert [call.to for call in calls] == ["local", "cloud"]
    assert all(call.reason and call.answer for call in calls)
    assert calls[1].simulated
    with open_database(tmp_path / "insource-demo" / ".insource" / STORE_FILE) as database:
        logged = {call.call_id: call for call in find_calls(database)}
    assert logged[calls[0].call_id].route.to == "local"
    assert logged[calls[1].call_id].route.to == "cloud"

    # One report that opens from disk, and the next command at the end.
    report = Path(result.paths["report"])
    assert report.read_text(encoding="utf-8").lstrip().startswith("<!DOCTYPE html>")
    assert report.parent == Path(result.paths["run"])
    assert first.stderr.rstrip().splitlines()[-1].startswith("Next: ")

    # Again: nothing is trained or asked anew, nothing is looked at again, the answer is the same.
    second = result_of(insource(*DEMO))
    repeated = [stage for stage in second.stages if stage.stage != "route"]
    assert [stage.stage for stage in repeated] == [
        stage.stage for stage in result.stages if stage.stage != "route"
    ]
    assert {"dataset", "train", "export", "evaluate floor on test"} <= {stage.stage for stage in repeated}
    # What is fitted is read back too, but a stage without a folder of its own does not say so.
    assert all(stage.skipped for stage in repeated if stage.stage.split()[0] not in ("log", "fit"))
    assert second.test_looks == result.test_looks == 1
    assert second.verdict == result.verdict
    assert [e.metrics for e in second.evaluations] == [e.metrics for e in result.evaluations]
    assert second.run_id != result.run_id


class Upstream(ThreadingHTTPServer):
    """The cloud behind the gateway: answers every chat completion, remembers who asked."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), UpstreamHandler)
        self.seen = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error):
        self.shutdown()
        self.server_close()


class UpstreamHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.seen.append((self.headers["authorization"], body["messages"][-1]["content"]))
        answer = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "gpt-4o-mini-2024-07-18",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "billing"},
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 20, "completion_tokens": 1, "total_tokens": 21},
        }
        text = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args):
        pass


def test_one_s_own_data_and_the_gateway_in_front_of_it(insource, rows, tmp_path):
    # Their rows, and two commands.
    lines = "".join(json.dumps(row) + "\n" for row in rows.tickets(48))
    (tmp_path / "tickets.jsonl").write_text(lines)
    options = ("--data", "tickets.jsonl", "--name", "tickets", "--instruction", "Which desk?")
    assert "Next: insource run" in insource("init", *options).stderr
    settings = {
        "INSOURCE_TRAINING__EPOCHS": "1",
        "INSOURCE_EVALUATION__BASE_DOCUMENTS": "4",
        "INSOURCE_EVALUATION__PARITY_PROMPTS": "2",
        "INSOURCE_ROUTING__ON_INFEASIBLE": "median",
    }
    result = result_of(insource("run", "--json", env=settings))

    # The labels were inferred; the cloud was not measured, and nothing stands in for it.
    assert result.dataset.output.names == rows.labels
    assert result.dataset.output.inferred
    assert "not measured" in result.skipped_arms["cloud"]
    kinds = {evaluation.arm.kind for evaluation in result.evaluations}
    assert {"classical labels", "prompted", "floor", "tuned"} <= kinds
    assert "cloud" not in kinds
    assert result.verdict.outcome == "undecided"
    assert by_name(result)["tuned"].metrics["accuracy"].n == len(documents_of(tmp_path, "test"))
    assert Path(result.paths["report"]).is_file()
    state = json.loads(insource("status", "--json").stdout)
    assert state["next"] == "insource gateway"

    # Their application points at the gateway; the official client asks about documents not learned from.
    with Upstream() as upstream:
        gateway, url = start_gateway(tmp_path, settings, upstream)
        try:
            with openai.OpenAI(base_url=url, api_key="their-own-key", max_retries=0) as client:
                answers = [
                    client.chat.completions.create(
                        model="insource/auto", messages=[{"role": "user", "content": example.input}]
                    )
                    for example in documents_of(tmp_path, "calibration")
                ]
        finally:
            gateway.send_signal(signal.SIGTERM)
            _, err = gateway.communicate(timeout=60)
    assert gateway.returncode == 0, err
    assert "Traceback" not in err
    assert all(answer.choices[0].message.content in rows.labels for answer in answers)

    # Some were answered here, some by the cloud with their own key; each on record with its reason.
    with open_database(tmp_path / ".insource" / STORE_FILE) as database:
        calls = find_calls(database, task="tickets")
    assert len(calls) == len(answers)
    routes = {call.route.to for call in calls}
    assert routes == {"local", "cloud"}
    assert all(call.route.reason and call.outcome == "ok" for call in calls)
    escalated = [call for call in calls if call.route.to == "cloud"]
    assert [key for key, _ in upstream.seen] == ["Bearer their-own-key"] * len(escalated)
    assert {call.route.reason for call in escalated} == {"low-confidence"}
    assert not any(call.route.simulated for call in calls)
    assert all(call.cost_usd for call in escalated)


def documents_of(folder, split):
    """The documents of a split of the project's one dataset."""
    (dataset,) = (folder / ".insource" / "datasets").glob("tickets@*")
    return load_dataset(dataset).splits[split]


def start_gateway(folder, settings, upstream):
    """`insource gateway` in a child, with that cloud behind it; the child and its address."""
    cloud = {"INSOURCE_REFERENCE__MODEL": "openai/gpt-4o-mini", "INSOURCE_REFERENCE__BASE_URL": upstream.url}
    child = subprocess.Popen(
        [sys.executable, "-m", "insource.cli.main", "gateway", "--port", "0"],
        cwd=folder,
        env=os.environ | settings | cloud,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    said = ""
    for line in child.stderr:
        said += line
        if found := re.search(r"Gateway on (http://\S+)", line):
            return child, found[1]
    child.wait()
    pytest.fail(f"the gateway did not start: {said}")
