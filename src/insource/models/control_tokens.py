"""Control tokens, such as ``<|im_end|>``: the chat template writes them, a text that spells one does not.

Tokenizers read the spelling of a control token anywhere in a rendered prompt as the token, so a document
could end its own turn and open another one. Here a prompt is cut at the template's own control tokens, and
what is between them is tokenised as text. For a text that spells none, the token ids are those of the whole
prompt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from insource.foundation.errors import UserError
from insource.models.catalogue import at_hand, resolve
from insource.models.gguf_metadata import read_values
from insource.types import Message

Render = Callable[[list[dict[str, str]]], str]

TOKENS, TYPES = "tokenizer.ggml.tokens", "tokenizer.ggml.token_type"
STOP_TOKEN = "tokenizer.ggml.eos_token_id"
# Values of ``tokenizer.ggml.token_type`` that llama.cpp reads as control tokens: unknown and control.
CONTROL_TYPES = frozenset({2, 3})
# Characters that may stand for the first character of a spelling: Unicode's private use area.
STAND_INS = range(0xE000, 0xF900)


class ControlTokens:
    """The control tokens of one vocabulary, from their spelling to their id.

    Examples:
        >>> from insource import Message
        >>> tokens = ControlTokens({"<end>": 2})
        >>> tokens.spelled_in("one <end> two")
        ('<end>',)
        >>> asked = [Message(role="user", content="one <end> two")]
        >>> tokens.pieces(asked, lambda turns: turns[0]["content"] + "<end>")
        ['one <end> two', 2]
    """

    def __init__(self, ids: Mapping[str, int]) -> None:
        self._ids = {spelling: token for spelling, token in ids.items() if spelling}
        longest_first = sorted(self._ids, key=len, reverse=True)
        either = "|".join(map(re.escape, longest_first)) or r"(?!)"
        self._spelled = re.compile(f"({either})")
        # A look-ahead sees spellings that overlap, too.
        self._begins = re.compile(f"(?={either}).", re.DOTALL)

    @property
    def by_spelling(self) -> Mapping[str, int]:
        return self._ids

    @property
    def spellings(self) -> Collection[str]:
        return self._ids.keys()

    def spelled_in(self, text: str) -> tuple[str, ...]:
        """Return the control tokens that a text spells, each once, in order."""
        return tuple(dict.fromkeys(self._spelled.findall(text)))

    def pieces(self, messages: Sequence[Message], render: Render) -> list[int | str]:
        """Return a prompt as the ids of its control tokens and, between them, texts without any.

        ``render`` is the chat template: it gets messages as dictionaries and returns the prompt.
        """
        stand_ins = self._stand_ins("".join(message.content for message in messages))
        guarded = [
            message.model_dump()
            | {"content": self._begins.sub(lambda found: stand_ins[found[0]], message.content)}
            for message in messages
        ]
        back = {ord(stand_in): first for first, stand_in in stand_ins.items()}
        parts = self._spelled.split(render(guarded))
        return [
            self._ids[part] if place % 2 else part.translate(back) for place, part in enumerate(parts) if part
        ]

    def _stand_ins(self, contents: str) -> dict[str, str]:
        """Return a character for each first character of a spelling; none of them is in the contents."""
        used = set(contents)
        unused = (chr(code) for code in STAND_INS if chr(code) not in used)
        return dict(zip(sorted({spelling[0] for spelling in self._ids}), unused, strict=False))


def control_tokens_at_hand(model: str) -> ControlTokens | None:
    """Return the control tokens of a base model by its name, None where it is not on this machine."""
    return control_tokens_of(resolve(model).gguf) if at_hand(model) else None


@lru_cache(maxsize=4)
def control_tokens_of(gguf: Path) -> ControlTokens:
    """Return the control tokens in the vocabulary of a GGUF file.

    The stop token is one whatever its type: llama.cpp corrects files that call it an ordinary token.

    Raises:
        UserError: ``model-unreadable``.
    """
    try:
        found = read_values(gguf, TOKENS, TYPES, STOP_TOKEN)
    except ValueError as error:
        raise UserError(
            "model-unreadable",
            f"The model file {gguf} cannot be read: {error}.",
            hint="Fetch the file again, or choose another model with training.model.",
        ) from error
    tokens = found.get(TOKENS, [])
    control = {place for place, kind in enumerate(found.get(TYPES, ())) if kind in CONTROL_TYPES}
    control.add(found.get(STOP_TOKEN, -1))
    return ControlTokens({token: place for place, token in enumerate(tokens) if place in control})
