"""Convert examples, one line each: OpenAI's chat format, prompt and completion, Hugging Face's columns."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Literal

from insource.contract.reasoning_field import trained_text
from insource.dataset.rows.cloud_answers import answers_of
from insource.types import Example, Task

Format = Literal["openai-chat", "prompt-completion", "hf"]
Line = Callable[[Task, Example], dict[str, Any]]

HF_COLUMNS = {
    "id": "string",
    "input": "string",
    "output": "string",
    "attributes": "string",
    "schema": "string",
    "group": "string",
    "time": "string",
    "cloud_outputs": "string",
    "latency_s": "string",
    "label_source": "string",
    "human_edited": "bool",
    "teacher": "string",
    "date": "string",
    "terms": "string",
    "prompt_version": "string",
    "finish_reason": "string",
    "synthetic": "string",
    "parents": "string",
    "co_teachers": "string",
}


def openai_chat(task: Task, example: Example) -> dict[str, Any]:
    """``{"messages": [system, user, assistant]}``: the very messages that training uses.

    Source: OpenAI's fine-tuning guide, chat format.
    """
    prompt = [message.model_dump() for message in task.messages(example.input, attributes=example.attributes)]
    return {"messages": [*prompt, {"role": "assistant", "content": _written(task, example)}]}


def prompt_completion(task: Task, example: Example) -> dict[str, Any]:
    """``{"prompt": document, "completion": target}``; the instruction, one for all, is in the README."""
    *_, user = task.messages(example.input, attributes=example.attributes)
    return {"prompt": user.content, "completion": _written(task, example)}


def hf_row(task: Task, example: Example) -> dict[str, Any]:
    """Return a flat row of ``HF_COLUMNS``: what has a shape of its own is JSON text."""
    origin = example.provenance
    return {
        "id": example.row_id,
        "input": example.input,
        "output": _written(task, example),
        "attributes": _json(example.attributes),
        "schema": _json(example.contract),
        "group": example.group,
        "time": example.time,
        "cloud_outputs": _json(answers_of(example)),
        "latency_s": _json(example.cloud_latency_s),
        "label_source": origin.label,
        "human_edited": origin.human_edited,
        "teacher": "/".join(part for part in (origin.provider, origin.model) if part),
        "date": origin.date,
        "terms": origin.terms,
        "prompt_version": origin.prompt_version,
        "finish_reason": origin.finish_reason,
        "synthetic": origin.synthetic,
        "parents": _json(origin.parents),
        "co_teachers": _json(origin.co_teachers),
    }


FORMATS: dict[Format, Line] = {
    "openai-chat": openai_chat,
    "prompt-completion": prompt_completion,
    "hf": hf_row,
}


def _written(task: Task, example: Example) -> str:
    return trained_text(example.target, example.reasoning, task.output)


def _json(value: Any) -> str | None:
    return json.dumps(value, ensure_ascii=False) if value else None
