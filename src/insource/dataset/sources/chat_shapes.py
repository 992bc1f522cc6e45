"""Convert training examples of other tools to Insource's own keys: chat, ShareGPT, Alpaca, completions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from insource.config.dataset import ColumnsSection
from insource.dataset.rows.records import KEYS, BadRow
from insource.dataset.sources.conversation import Conversations, asked
from insource.dataset.sources.record_shapes import Record, Shape, by_columns
from insource.formats.strict_json import kind_of
from insource.providers.requests import content_text

_INPUTS, _ANSWERS = ("input", "context"), ("output", "response")
_OWN = by_columns(ColumnsSection())
# Whom ShareGPT's `from` names, in the spellings of its descendants.
_SPEAKERS = {
    **dict.fromkeys(("human", "user"), "user"),
    **dict.fromkeys(("gpt", "assistant", "model", "chatgpt", "bing", "bard", "function_call"), "assistant"),
    **dict.fromkeys(("tool", "function", "observation", "function_response"), "tool"),
    "system": "system",
}


def chat(conversations: Conversations) -> Shape:
    """OpenAI's chat examples and preference pairs; of several trained answers, the last one counts."""
    kept = frozenset({*KEYS, "messages", "system", "preferred_output", "non_preferred_output"})
    return Shape("chat", lambda record: _from_chat(record, conversations), kept)


def sharegpt(conversations: Conversations) -> Shape:
    """ShareGPT's ``conversations``: turns with ``from`` (human, gpt, system, tool) and ``value``."""

    def convert(record: Record) -> Record:
        turns = record.get("conversations")
        if not isinstance(turns, list) or not all(isinstance(one, dict) for one in turns):
            raise BadRow("missing-input", "`conversations` is not a list of turns")
        return _from_chat({**record, "messages": [_message(turn) for turn in turns]}, conversations)

    return Shape("sharegpt", convert, frozenset({*KEYS, "conversations", "system"}))


def _message(turn: Mapping[str, Any]) -> Record:
    who = turn.get("from", turn.get("role"))
    if not isinstance(who, str) or who.lower() not in _SPEAKERS:
        raise BadRow("wrong-type", f"a turn is from {who!r}; known are {', '.join(sorted(_SPEAKERS))}")
    said = turn.get("value", turn.get("content"))
    called = {"tool_calls": [said], "content": ""} if who.lower() == "function_call" else {"content": said}
    weight = {"weight": turn["weight"]} if "weight" in turn else {}
    return {"role": _SPEAKERS[who.lower()], **called, **weight}


def alpaca(conversations: Conversations) -> Shape:
    """Alpaca's ``instruction``, ``input`` and ``output``, also by Dolly's names ``context`` and ``response``.

    The request is the instruction, and below it the input where there is one. ``history`` has earlier turns,
    in pairs; ``system`` is the system message.
    """

    def convert(record: Record) -> Record:
        history = record.get("history") or []
        if not isinstance(history, list) or not all(
            isinstance(one, list) and len(one) == 2 for one in history
        ):
            raise BadRow("wrong-type", "`history` is not a list of pairs of a question and an answer")
        turns = [
            {"role": role, "content": said}
            for pair in history
            for role, said in zip(("user", "assistant"), pair, strict=True)
        ]
        given = (record.get("instruction"), _first(record, _INPUTS))
        for name, value in zip(("instruction", "input"), given, strict=True):
            if value is not None and not isinstance(value, str):
                raise BadRow("wrong-type", f"`{name}` is {kind_of(value)}, not text")
        request = {
            "messages": [
                *turns,
                {"role": "user", "content": "\n\n".join(one for one in given if one and _is_said(one))},
            ]
        }
        if _is_said(record.get("system")):
            request["system"] = record["system"]
        found = asked(request, conversations)
        own = _OWN.convert({**record, "output": _first(record, _ANSWERS)})
        return {**own, "input": found.input, "prompt": found.prompt or own.get("prompt")}

    return Shape("alpaca", convert, _OWN.known | {*_INPUTS, *_ANSWERS, "instruction", "history", "system"})


def _first(record: Record, names: tuple[str, ...]) -> Any:
    return next((record[name] for name in names if record.get(name) not in (None, "")), None)


def _is_said(text: object) -> bool:
    return isinstance(text, str) and bool(text.strip())


def completion(conversations: Conversations) -> Shape:
    """``prompt`` and ``completion``, each a text or a list of messages."""

    def convert(record: Record) -> Record:
        prompt, answer = record.get("prompt"), record.get("completion")
        others = {key: value for key, value in record.items() if key not in ("prompt", "completion")}
        if not isinstance(prompt, list):
            text = answer if isinstance(answer, str | None) else _last_answer(answer)
            return {**others, "input": prompt, "output": text}
        said = answer if isinstance(answer, list) else [{"role": "assistant", "content": answer}]
        return _from_chat({**others, "messages": [*prompt, *said]}, conversations)

    return Shape("completion", convert, frozenset({*KEYS, "completion"}))


def _from_chat(record: Record, conversations: Conversations) -> Record:
    messages = record.get("messages")
    if "preferred_output" in record:
        outer, preferred = record.get("input"), record["preferred_output"]
        before = outer.get("messages") if isinstance(outer, dict) else None
        messages = None
        if isinstance(before, list) and isinstance(preferred, list):
            messages = [*before, *preferred]
    if not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
        raise BadRow("missing-input", "`messages` is not a list of messages")
    answers = [place for place, one in enumerate(messages) if one.get("role") in ("assistant", "model")]
    trained = [place for place in answers if messages[place].get("weight") != 0]
    if answers and not trained:
        raise BadRow("weight-zero", "every answer has weight 0: none is to be learned")
    if not answers:
        raise BadRow("missing-output", "no message of the assistant, so there is no answer")
    last = trained[-1]
    request = {"messages": messages[:last], **({"system": record["system"]} if "system" in record else {})}
    found = asked(request, conversations)
    kept = {key: record[key] for key in KEYS if key in record and key not in ("input", "prompt")}
    return {**kept, "input": found.input, "output": _answer(messages[last]), "prompt": found.prompt}


def _answer(message: Mapping[str, Any]) -> str:
    text = content_text(message.get("content"))
    calls = message.get("tool_calls") or message.get("function_call")
    if not text.strip() and calls:
        raise BadRow("tool-calls", "the answer is a call of a tool, not text")
    return text


def _last_answer(messages: Any) -> str:
    if not isinstance(messages, list) or not messages or not isinstance(messages[-1], dict):
        raise BadRow("wrong-type", f"`completion` is {kind_of(messages)}, not text or a list of messages")
    return _answer(messages[-1])
