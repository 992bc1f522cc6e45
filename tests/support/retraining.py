"""A project whose champion is a fitted label model, and live traffic with words that it has never seen."""

import json

import pytest
from support.arms import made_of
from support.walks import session_on

from insource import pipeline
from insource.arms.registry import ARMS
from insource.foundation.rng import generator
from insource.logs.recorder import Recorder
from insource.types import Route
from insource.workflow.session import Session

KNOWN = {
    "billing": ("invoice", "refund", "charge", "payment", "receipt"),
    "technical": ("crash", "error", "install", "login", "update"),
    "shipping": ("parcel", "courier", "delivery", "tracking", "address"),
}
NEW = {
    "billing": ("überweisung", "rechnung", "mahnung", "lastschrift", "gutschrift"),
    "technical": ("absturz", "fehler", "anmeldung", "kennwort", "störung"),
    "shipping": ("paket", "lieferung", "zusteller", "anschrift", "sendung"),
}
FILLER = ("please", "help", "me", "with", "this", "today", "because", "it", "is", "not", "right", "so")
CONFIG = """
[task]
name = "tickets"
instruction = "Which desk?"
margin = 0.05
[dataset]
test = 0.3
[reference]
model = "openai/big"
api_key_env = "RETRAINING_KEY"
cost_per_1000_usd = 30.0
[evaluation]
base_documents = 4
[retrain]
examples = 40
labels = 10
"""
FITTED = tuple(arm for arm in ARMS if arm.kind in ("cloud", "floor", "classical labels"))
"""What a walk measures here: no language model, so that a cycle takes seconds."""


def documents(words, count, seed=0):
    """``count`` different texts with their label, by these words."""
    rng = generator(seed, "retraining")
    made = []
    for number in range(count):
        label = tuple(words)[number % len(words)]
        said = [*rng.choice(words[label], 2), *rng.choice(FILLER, 6)]
        made.append((" ".join(rng.permutation(said)) + f" {seed}-{number}", label))
    return made


def source_rows(count, words=KNOWN, seed=0):
    """Rows of a file; the cloud is right on nine in ten."""
    return [
        {
            "id": f"r{seed}-{n}",
            "input": text,
            "output": label,
            "cloud_outputs": {"big": label if n % 10 else "somewhere"},
        }
        for n, (text, label) in enumerate(documents(words, count, seed))
    ]


def walk(arms=FITTED):
    """The loop as `insource retrain` is given it, the trained language model stood in for."""

    def run(session):
        return pipeline.run(session, arms=arms)

    return run


def stand_in(folder):
    """What takes the place of the training and the export in a walk."""
    folder.mkdir(exist_ok=True)

    def make_model(session, dataset, task):
        examples = [one for split in dataset.splits.values() for one in split]
        made = made_of(task, folder, examples)
        result = made.trained.result | {"base_model": session.config.training.model}
        return made._replace(
            trained=made.trained.model_copy(update={"manifest": made.trained.manifest | {"result": result}})
        )

    return make_model


def finished_project(folder, config=CONFIG):
    """Write a project of 240 tickets with one finished run; the n-gram model answers in it."""
    lines = "".join(json.dumps(row) + "\n" for row in source_rows(240))
    (folder / "data.jsonl").write_text(lines, encoding="utf-8")
    (folder / "insource.toml").write_text(config, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "make_model", stand_in(folder / "engine"))
        result = walk()(session_on(folder))
    assert result.served.kind == "fitted"
    return folder


def answered(
    workspace,
    texts,
    *,
    to="cloud",
    model="big",
    confidence=0.3,
    answers=None,
    tags=None,
    fields=(),
    reason="",
    redactor=None,
):
    """Record live calls that were answered by the cloud, or here; return their ids, oldest first."""
    found = []
    with Recorder.open(workspace, redactor=redactor) as recorder:
        for text, label in texts:
            messages = [{"role": "system", "content": "Which desk?"}, {"role": "user", "content": text}]
            recording = recorder.begin(
                {"messages": messages},
                model_asked=model,
                task="tickets",
                source="gateway",
                provider="openai",
                endpoint="chat",
                tags=tags,
            )
            why = reason or ("low-confidence" if to == "cloud" else "confident")
            recording.end(
                response_text=(answers or {}).get(text, label),
                finish_reason="stop",
                model_answered=model,
                route=Route(to=to, model=model, reason=why, confidence=confidence, cloud_fields=fields),
            )
            found.append(recording.call_id)
    return found


def again(session):
    """A session as the next command would open it."""
    return Session(session.project, session.display, "insource retrain", session.clock)
