"""Extract the document from a conversation: what the last turn asks, and the instruction before it."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from insource.dataset.rows.records import BadRow
from insource.providers.requests import ASSISTANT, SYSTEM, TOOL, USER, messages_of, text_of

Conversations = Literal["drop", "last", "render"]

_NAMES = {USER: "User", ASSISTANT: "Assistant", TOOL: "Tool"}


class AskedDocument(NamedTuple):
    """The document as the model saw it, and the system messages."""

    input: str
    prompt: str


def asked(request: dict[str, Any], conversations: Conversations) -> AskedDocument:
    """Return what a request asks, whichever API it was for. User messages in a row are one turn.

    A request with earlier turns is left out (``drop``), taken for its last turn alone (``last``), or
    written out turn by turn (``render``).

    Raises:
        BadRow: ``missing-input``, ``not-text`` for images, files and sound, ``conversation``.
    """
    prompt, turns, others = [], [], []
    for role, content in messages_of(request):
        text, other = text_of(content)
        if role == SYSTEM:
            prompt.append(text)
        else:
            turns.append((role, text))
            others.append(other)
    last = len(turns)
    while last and turns[last - 1][0] == USER:
        last -= 1
    if turns and last == len(turns):
        who = _NAMES[turns[-1][0]].lower()
        raise BadRow("conversation", f"the last message before the answer is of the {who}, not of a user")
    text = "\n".join(said for _, said in turns[last:])
    if any(others[last:]):
        raise BadRow("not-text", "the message has an image, a file or sound")
    if not text.strip():
        raise BadRow("missing-input", "no message of a user has text")
    if last and conversations == "drop":
        detail = f"{last} earlier turns; `[dataset] conversations` says what to do with them"
        raise BadRow("conversation", detail)
    if last and conversations == "render":
        text = "\n\n".join(f"{_NAMES[role]}: {said}" for role, said in turns)
    return AskedDocument(text, "\n\n".join(filter(None, prompt)))
