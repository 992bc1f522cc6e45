"""From calls through the gateway, by way of corrections, to a dataset: the commands a person types."""

import json
import urllib.request

import pytest
from support.upstream_kit import RawUpstream, always, passing, reply

from insource.dataset.saved.folder import load
from insource.logs.query import Log
from insource.logs.recorder import Recorder

LABELS = ("billing", "delivery", "technical")
CONFIG = """\
[task]
name = "tickets"
[dataset]
format = "log"
"""


def document(answer):
    message = {"role": "assistant", "content": answer}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    return json.dumps({"object": "chat.completion", "model": "small-2026", "choices": [choice]}).encode()


def ask(root, text, user):
    messages = [{"role": "system", "content": "Which desk?"}, {"role": "user", "content": text}]
    body = json.dumps({"model": "small", "messages": messages}).encode()
    headers = {
        "content-type": "application/json",
        "authorization": "Bearer own",
        "x-insource-task": "tickets",
        "x-insource-user": user,
        "x-insource-prompt-version": "v3",
    }
    request = urllib.request.Request(f"{root}/v1/chat/completions", body, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()


@pytest.fixture
def recorded(tmp_path):
    """30 tickets answered ``billing`` through a real gateway, recorded in the project's workspace."""
    (tmp_path / "insource.toml").write_text(CONFIG, encoding="utf-8")
    with (
        RawUpstream(always(reply(document("billing")))) as upstream,
        Recorder.open(tmp_path / ".insource") as recorder,
        passing(recorder, upstream) as root,
    ):
        for number in range(30):
            ask(root, f"Ticket {number}: something is wrong.", f"user-{number % 10}")
    return tmp_path


def test_calls_become_a_dataset_and_corrections_its_truth(recorded, insource):
    with Log(recorded / ".insource") as log:
        calls = [call.call_id for call in log.calls()]
        assert len(calls) == 30
        for number in range(2, 12):
            log.correct(calls[number], LABELS[number % 3])
    for number in range(2):
        done = insource("logs", "feedback", calls[number], "--correct", LABELS[number % 3], "--who", "me")
        assert done.returncode == 0, done.stderr
    assert insource("logs", "feedback", calls[20], "--rating", "down").returncode == 0
    built = insource("dataset", "build", "--json")
    assert built.returncode == 0, built.stderr
    assert "log: calls of the log, because the format says so" in built.stderr
    manifest = json.loads(built.stdout)
    assert manifest["read"] == 30
    assert manifest["dropped"] == {"rated-down": 1}
    assert manifest["labels"] == {"checked": 12, "teacher": 17}
    (folder,) = (recorded / ".insource" / "datasets").glob("tickets@*")
    dataset = load(folder)
    examples = {one.row_id: one for split in dataset.splits.values() for one in split}
    assert set(examples) | {calls[20]} == set(calls)
    corrected, kept = examples[calls[1]], examples[calls[15]]
    assert (corrected.target, corrected.provenance.label, corrected.provenance.human_edited) == (
        "delivery",
        "checked",
        True,
    )
    assert (kept.target, kept.provenance.label) == ("billing", "teacher")
    assert (kept.provenance.provider, kept.provenance.model) == ("openai", "small-2026")
    assert kept.provenance.prompt_version == "v3"
    assert kept.input == "Ticket 15: something is wrong."
    assert kept.group == "user-5"
    again = insource("dataset", "build", "--json")
    assert json.loads(again.stdout)["digest"] == manifest["digest"]


def test_only_what_people_corrected(recorded, insource):
    with Log(recorded / ".insource") as log:
        calls = [call.call_id for call in log.calls()]
        for number in range(20):
            log.correct(calls[number], LABELS[number % 3])
    config = f"{CONFIG}[dataset.calls]\nfeedback = ['corrected']\nprompt_version = 'v3'\n"
    (recorded / "insource.toml").write_text(config, encoding="utf-8")
    built = insource("dataset", "build", "--json")
    assert built.returncode == 0, built.stderr
    manifest = json.loads(built.stdout)
    assert manifest["labels"] == {"checked": 20}
    assert "Left out by `[dataset.calls] feedback`: none (10 calls)." in manifest["notes"]


def test_a_purge_names_the_datasets_that_still_hold_the_calls(recorded, insource):
    with Log(recorded / ".insource") as log:
        calls = [call.call_id for call in log.calls()]
    built = json.loads(insource("dataset", "build", "--json").stdout)
    done = insource("logs", "purge", "--id", calls[0], "--id", calls[1], "--yes")
    assert f"Not removed: 2 answers in dataset tickets@{built['digest'][:12]}" in done.stderr
    again = json.loads(insource("dataset", "build", "--json").stdout)
    assert (built["read"], again["read"]) == (30, 28)
