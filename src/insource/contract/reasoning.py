"""Take the reasoning out of a model's raw answer: drafts in it are not the answer.

Reasoning models write between marks of their own when nobody takes those out: ``<think>`` (DeepSeek, Qwen and
many others), ``[THINK]`` (Mistral), channels (OpenAI's Harmony format), ``<|START_THINKING|>`` (Cohere),
``◁think▷`` (Kimi), ``<|begin_of_thought|>`` (OpenThoughts), ``<|channel>`` (Gemma), ``<seed:think>``
(ByteDance). Prompts ask for ``<reasoning>``, ``<scratchpad>`` and the like.
"""

from __future__ import annotations

import json
import re

_NAMES = (
    r"(?:\w+:)?(?:think|thinking|thoughts?|reason|reasoning|reflection|scratchpad|analysis|inner_monologue)"
)
_OPEN = "|".join(
    (
        rf"<\|?{_NAMES}\|?>",
        r"\[THINK\]",
        r"◁think▷",
        r"<\|START_THINKING\|>",
        r"<\|begin_of_thought\|>",
        r"<\|channel\|>\s*(?:analysis|commentary)\b",
        r"<\|channel>\s*thought\b",
        # Harmony whose special tokens were removed: "analysisWe need … assistantfinal{…}"
        r"\A\s*(?-i:analysis(?=[A-Z]))",
    )
)
_CLOSE = "|".join(
    (
        rf"<\|?/{_NAMES}\|?>",
        r"\[/THINK\]",
        r"◁/think▷",
        r"<\|END_THINKING\|>",
        r"<\|end_of_thought\|>",
        r"<\|channel\|>\s*final\b(?:\s*<\|constrain\|>\s*\w+)?(?:\s*<\|message\|>)?",
        r"<channel\|>",
        r"assistantfinal",
    )
)
_FENCE = r"```(?:think|thinking|thoughts?|reasoning)\b.*?(?:```|\Z)"
_MARK = re.compile(
    rf"(?P<open>{_OPEN})|(?P<close>{_CLOSE})|(?P<fence>{_FENCE})|(?P<object>\{{)", re.IGNORECASE | re.DOTALL
)
# What frames the answer itself in these formats.
_FRAME = re.compile(
    r"<\|(?:START_RESPONSE|END_RESPONSE|begin_of_solution|end_of_solution|return|end)\|>", re.IGNORECASE
)
_DECODER = json.JSONDecoder()
_MAX_BROKEN = 100
"""After this many braces that begin no object, braces are plain text: each costs a read of the rest."""


def without_reasoning(text: str) -> str:
    """Return the answer without its reasoning, stripped; the text as it is when it has no such mark.

    A mark inside a JSON object is text of that object. A mark that closes nothing ends a draft that began
    with the text, because chat templates often open it. After a mark that is never closed, nothing is left:
    the answer was cut short while the model was reasoning.
    """
    kept: list[str] = []
    at = searched = broken = 0
    drafting = found = False
    while mark := _MARK.search(text, searched):
        searched = mark.end()
        if mark["object"]:
            if not drafting and broken < _MAX_BROKEN:
                end = _end_of_object(text, mark.start())
                broken += end is None
                searched = end or searched
            continue
        found = True
        if mark["close"]:
            kept, at, drafting = kept if drafting else [], mark.end(), False
        elif not drafting:
            kept.append(text[at : mark.start()])
            at, drafting = mark.end(), bool(mark["open"])
    if not found:
        return text
    if not drafting:
        kept.append(text[at:])
    return _unframed("".join(kept).strip())


def _unframed(text: str) -> str:
    """Return the text without the frames at its ends; one pass, because a failing model repeats them."""
    frames = list(_FRAME.finditer(text))
    start, end = 0, len(text)
    for frame in frames:
        if text[start : frame.start()].strip():
            break
        start = frame.end()
    for frame in reversed(frames):
        if frame.start() < start or text[frame.end() : end].strip():
            break
        end = frame.start()
    return text[start:end].strip()


def _end_of_object(text: str, start: int) -> int | None:
    """Return where the JSON object that starts here ends, None when none does."""
    try:
        return _DECODER.raw_decode(text, start)[1]
    except (ValueError, RecursionError):
        return None
