"""The specification task answered by three stacks: the engine's defaults, Insource, and transformers.

Speeds are compared at an equal number of documents at once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import numpy as np
from claims import Claims

from insource.arms.prompts import task_grammar
from insource.cli.options import open_session
from insource.config.loading import FILE_NAME
from insource.dataset.saved.folder import examples, folder_name
from insource.models.catalogue import BaseModel, resolve
from insource.runs.result import load
from insource.serving.memory import MOST_SLOTS
from insource.types import Example, JsonSchema, Task
from insource.workflow.serve import answering

Answer = Callable[[Example], str]
WARM, QUICK, FULL = 2, 20, 200
FASTER, FASTER_WITH_CODEC = 1.5, 2.0
MAX_TOKENS = 256
ONE, SEVERAL = "one at a time", f"{MOST_SLOTS} at once"
WITHOUT_KEYS = ", answers without keys"
PEFT_FOLDER = "adapter"
# The engine as its own documentation starts it: every parameter that is not named keeps its default.
DEFAULT_SERVER = """
import json, os, sys, xllamacpp
given = json.loads(sys.stdin.readline())
channel = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
parameters = xllamacpp.CommonParams()
parameters.model.path = given["gguf"]
parameters.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(given["adapter"], 1.0)]
parameters.hostnames, parameters.port, parameters.verbosity = ["127.0.0.1"], 0, 0
server = xllamacpp.Server(parameters)
print(server.listening_address, file=channel, flush=True)
sys.stdin.read()
os._exit(0)
"""


class Trained(NamedTuple):
    """The tuned model of a finished run, and the documents it is asked about."""

    project: Path
    task: Task
    schema: dict[str, Any]
    base: BaseModel
    adapter: Path
    examples: list[Example]


class Measured(NamedTuple):
    per_s: float
    p50_s: float
    p95_s: float
    exact: float


def measure(claims: Claims, project: Path, compact: Path | None, *, quick: bool) -> None:
    """State speed and exactness of each stack; Insource is judged against the engine's defaults.

    ``compact`` is a project with the same documents whose model was trained on answers without keys.
    """
    count = QUICK if quick else FULL
    asked = {name: (stack, read(project, count)) for name, stack in STACKS.items()}
    if compact is not None:
        without_keys = read(compact, count)
        asked |= {f"{name}{WITHOUT_KEYS}": (STACKS[name], without_keys) for name in OURS}
    found: dict[str, Measured] = {}
    for name, (stack, trained) in asked.items():
        with stack(trained) as (answer, at_once):
            one = found[name] = ask_all(answer, trained.examples, at_once)
        claims.add(f"{name}: documents per second", one.per_s, "1/s")
        claims.add(f"{name}: p50", one.p50_s, "s")
        claims.add(f"{name}: p95", one.p95_s, "s")
        claims.add(f"{name}: documents exact", one.exact, "")
    for how in (ONE, SEVERAL):
        stock, ours = found[f"engine's defaults, {how}"], found[f"Insource, {how}"]
        claims.add(f"Insource, {how}: times the engine's", ours.per_s / stock.per_s, "", at_least=FASTER)
        claims.add(f"Insource, {how}: more documents exact", ours.exact - stock.exact, "", at_least=0.0)
    for how in (ONE, SEVERAL):
        stock, short = found[f"engine's defaults, {how}"], found.get(f"Insource, {how}{WITHOUT_KEYS}")
        times = None if short is None else short.per_s / stock.per_s
        claims.add(
            f"Insource, {how}{WITHOUT_KEYS}: times the engine's", times, "", at_least=FASTER_WITH_CODEC
        )


def read(project: Path, count: int) -> Trained:
    session = open_session(project / FILE_NAME, {}, quiet=True)
    result = load(session.project.runs, None)[0]
    task = session.project.task(result.dataset.output)
    assert isinstance(task.output, JsonSchema)
    assert result.training is not None
    dataset = session.project.datasets_path / folder_name(result.dataset)
    return Trained(
        project,
        task,
        dict(task.output.definition),
        resolve(result.training.base_model),
        Path(result.paths["adapter"]),
        list(examples(dataset, "test"))[:count],
    )


def ask_all(answer: Answer, asked: list[Example], at_once: int) -> Measured:
    for example in asked[:WARM]:
        answer(example)
    taken: list[float] = []

    def timed(example: Example) -> bool:
        begun = time.perf_counter()
        said = answer(example)
        taken.append(time.perf_counter() - begun)
        return same(said, example.target)

    begun = time.perf_counter()
    with ThreadPoolExecutor(at_once) as threads:
        exact = sum(threads.map(timed, asked))
    return Measured(
        len(asked) / (time.perf_counter() - begun),
        float(np.median(taken)),
        float(np.quantile(taken, 0.95)),
        exact / len(asked),
    )


def same(said: str, target: str) -> bool:
    try:
        return bool(json.loads(said) == json.loads(target))
    except ValueError:
        return False


@contextmanager
def engine_defaults(trained: Trained, at_once: int) -> Iterator[tuple[Answer, int]]:
    """The engine's own server: chat completions with ``response_format``."""
    environment = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    process = subprocess.Popen(
        [sys.executable, "-c", DEFAULT_SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    given = {"gguf": str(trained.base.gguf), "adapter": str(trained.adapter)}
    process.stdin.write(json.dumps(given) + "\n")
    process.stdin.flush()
    url = process.stdout.readline().strip()
    response_format = {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": trained.schema},
    }
    with httpx2.Client(base_url=url, trust_env=False, timeout=600) as client:

        def answer(example: Example) -> str:
            messages = [message.model_dump() for message in trained.task.messages(example.input)]
            body = {
                "messages": messages,
                "temperature": 0,
                "max_tokens": MAX_TOKENS,
                "response_format": response_format,
            }
            said = client.post("/v1/chat/completions", json=body).raise_for_status().json()
            return str(said["choices"][0]["message"]["content"])

        try:
            yield answer, at_once
        finally:
            process.stdin.close()
            process.wait()


@contextmanager
def insource(trained: Trained, at_once: int) -> Iterator[tuple[Answer, int]]:
    """The tuned model, whatever the run chose, as `insource predict` and the gateway open it.

    It gives the log-probabilities from which they compute the confidence.
    """
    session = open_session(trained.project / FILE_NAME, {"serving.slots": at_once}, quiet=True)
    result = load(session.project.runs, None)[0]
    found = answering(session, result.model_copy(update={"served": None}))
    with found.open() as opened:
        model = opened.model
        yield lambda example: model.generate(found.ask(example.input)).text, at_once


@contextmanager
def constrained_transformers(trained: Trained) -> Iterator[tuple[Answer, int]]:
    """Transformers with PEFT in bfloat16, each step held to the same grammar by llguidance."""
    import torch
    from llguidance.hf import from_tokenizer
    from peft import PeftModel

    from insource.training.base import load_model, load_tokenizer

    tokenizer = load_tokenizer(trained.base)
    model = load_model(trained.base, torch.bfloat16)
    model = PeftModel.from_pretrained(model, str(trained.adapter.with_name(PEFT_FOLDER))).eval()
    vocabulary = from_tokenizer(tokenizer)
    grammar = task_grammar(trained.task)

    def answer(example: Example) -> str:
        messages = [message.model_dump() for message in trained.task.messages(example.input)]
        prompt = tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        with torch.inference_mode():
            made = model.generate(
                **prompt,
                max_new_tokens=MAX_TOKENS,
                do_sample=False,
                logits_processor=[held_to(grammar, vocabulary, prompt["input_ids"].shape[1])],
            )
        return str(tokenizer.decode(made[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True))

    yield answer, 1


def held_to(grammar: str, vocabulary: Any, prompt_tokens: int) -> Callable[[Any, Any], Any]:
    """Return a logits processor that allows what the grammar allows."""
    from llguidance import LLMatcher
    from llguidance.torch import (
        allocate_token_bitmask,
        apply_token_bitmask_inplace,
        fill_next_token_bitmask,
    )

    matcher = LLMatcher(vocabulary, grammar)
    mask = allocate_token_bitmask(1, vocabulary.vocab_size)

    def process(ids: Any, scores: Any) -> Any:
        if ids.shape[1] > prompt_tokens:
            matcher.consume_token(int(ids[0, -1]))
        fill_next_token_bitmask(matcher, mask)
        apply_token_bitmask_inplace(scores, mask)
        return scores

    return process


STACKS = {
    f"engine's defaults, {ONE}": lambda trained: engine_defaults(trained, 1),
    f"engine's defaults, {SEVERAL}": lambda trained: engine_defaults(trained, MOST_SLOTS),
    f"Insource, {ONE}": lambda trained: insource(trained, 1),
    f"Insource, {SEVERAL}": lambda trained: insource(trained, MOST_SLOTS),
    "transformers": constrained_transformers,
}
OURS = (f"Insource, {ONE}", f"Insource, {SEVERAL}")
