"""The chat template of a model, with what follows from it: the generation prompt and the stop token.

The three travel with every model that is made: asked with another template than it was trained with, a model
is another one. The template is rendered as transformers does it, in Jinja's sandbox.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from insource.foundation.canonical import digest, file_digest
from insource.foundation.errors import IntegrityError
from insource.foundation.files import write_synced
from insource.models.gguf_metadata import read_values
from insource.types import Frozen

TEMPLATE, TOKENS, TYPES = "tokenizer.chat_template", "tokenizer.ggml.tokens", "tokenizer.ggml.token_type"
BOS, STOP = "tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id"
# What GGUF states for each of them; a file may hold anything.
STATED = {TEMPLATE: str, TOKENS: list, TYPES: list, BOS: int, STOP: int}
FORMAT_FILE, TEMPLATE_FILE = "chat_format.json", "chat_template.jinja"
CONTROL = 3  # a value of ``TYPES``
ASKED, ANSWERED = "a question asked", "an answer given"
FIXED_DATE = "{%- macro strftime_now(form) -%}1 January 2025{%- endmacro %}"


class ChatFormat(Frozen):
    """How a model is asked and where its answer ends.

    ``stop_tokens`` are the spellings that end an answer; the first is the one that the template writes, and
    the one that is trained. ``takes_system`` is False for a template that refuses system messages.
    """

    template: str
    bos: str
    stop_tokens: tuple[str, ...]
    generation_prompt: str
    takes_system: bool

    @property
    def digest(self) -> str:
        """The sha256 of everything here."""
        return digest(self.model_dump(mode="json"))


def render(
    template: str,
    messages: Sequence[dict[str, str]],
    *,
    bos: str = "",
    eos: str = "",
    add_generation_prompt: bool = True,
) -> str:
    """Return the messages as the template writes them.

    Raises:
        jinja2.TemplateError: the template is damaged, or refuses these messages.
    """
    return str(
        _compiled(template).render(
            messages=list(messages),
            bos_token=bos,
            eos_token=eos,
            add_generation_prompt=add_generation_prompt,
        )
    )


@lru_cache(maxsize=8)
def _compiled(template: str) -> Any:
    from datetime import datetime

    import jinja2
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """The tag ``generation``: it marks an answer, and writes what it holds."""

        tags = {"generation"}

        def parse(self, parser: Any) -> Any:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    def refuse(message: str) -> None:
        raise jinja2.TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, Generation]
    )
    environment.filters["tojson"] = lambda value, **form: json.dumps(value, ensure_ascii=False, **form)
    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = lambda form: datetime.now().astimezone().strftime(form)
    return environment.from_string(template)


def write_beside(folder: Path, chat: ChatFormat, tokenizer: Path) -> None:
    """Write what a model has to be asked with into its folder: the template, and all of it with digests."""
    write_synced(folder / TEMPLATE_FILE, chat.template.encode())
    told = chat.model_dump(mode="json") | {"digest": chat.digest, "tokenizer_digest": file_digest(tokenizer)}
    write_synced(folder / FORMAT_FILE, json.dumps(told, ensure_ascii=False, indent=2).encode())


def chat_format_of(gguf: Path) -> ChatFormat:
    """Return the format in a GGUF file.

    Raises:
        IntegrityError: ``template-not-usable``, as ``chat_format``, or the file has no template.
        ValueError: as ``read_values``.
    """
    found = read_values(gguf, TEMPLATE, TOKENS, TYPES, BOS, STOP)
    tokens, types = found.get(TOKENS, []), found.get(TYPES, ())
    if TEMPLATE not in found:
        raise _not_usable("the file has none")
    for key, value in found.items():
        if not isinstance(value, STATED[key]):
            raise _not_usable(f"the file has {key} as {type(value).__name__}")
    spelled = {key: tokens[found[key]] for key in (BOS, STOP) if 0 <= found.get(key, -1) < len(tokens)}
    specials = {token for token, kind in zip(tokens, types, strict=False) if token and kind == CONTROL}
    stop = spelled.get(STOP, "")
    return chat_format(found[TEMPLATE], specials | ({stop} - {""}), bos=spelled.get(BOS, ""), eos=stop)


def chat_format(template: str, specials: Collection[str], *, bos: str = "", eos: str = "") -> ChatFormat:
    """Return the format of a template. ``specials`` are the spellings of all control tokens.

    Raises:
        IntegrityError: ``template-not-usable`` with the reason: it is damaged, writes something between the
            prompt and the answer that it does not ask with (no generation prompt), or no stop token.
    """
    import jinja2

    try:
        asked = [{"role": "user", "content": ASKED}]
        said = [*asked, {"role": "assistant", "content": ANSWERED}]
        bare = render(template, asked, bos=bos, eos=eos, add_generation_prompt=False)
        prompt = render(template, asked, bos=bos, eos=eos)
        whole = render(template, said, bos=bos, eos=eos, add_generation_prompt=False)
    except jinja2.TemplateError as error:
        raise _not_usable(f"it cannot be rendered ({error})") from error
    before, found, after = whole.rpartition(ANSWERED)
    if not found or ASKED not in prompt:
        raise _not_usable("it does not write the messages")
    # A template may open an empty chain of thought only where it asks.
    if not prompt.startswith(before):
        missing = before.removeprefix(prompt) if before.startswith(prompt) else before
        raise _not_usable(
            f"it has no generation prompt: an answer begins after {missing[-60:]!r}, the prompt before"
        )
    ends = [token for token in specials if after.lstrip().startswith(token)]
    if not ends:
        raise _not_usable("it does not end an answer with a control token, so the model would never stop")
    stop = max(ends, key=len)
    return ChatFormat(
        template=template,
        bos=bos,
        stop_tokens=(stop, *([eos] if eos and eos != stop else [])),
        generation_prompt=prompt.removeprefix(bare) if prompt.startswith(bare) else "",
        takes_system=takes_system(template, bos, eos),
    )


@lru_cache(maxsize=8)
def takes_system(template: str, bos: str, eos: str) -> bool:
    """Return whether the template writes a system message; some refuse it, some leave it out."""
    import jinja2

    mark = "a system message"
    messages = [{"role": "system", "content": mark}, {"role": "user", "content": ASKED}]
    try:
        return mark in render(template, messages, bos=bos, eos=eos)
    except jinja2.TemplateError:
        return False


def folded(messages: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Return the messages with the system message in front of the user's, as llama.cpp writes them.

    For a template that does not take a system message.
    """
    if len(messages) < 2 or messages[0]["role"] != "system":
        return list(messages)
    system, user, *rest = messages
    return [user | {"content": f"{system['content']}\n{user['content']}"}, *rest]


def with_fixed_date(template: str) -> str:
    """Return the template with one fixed date in the place of today's.

    Some templates write the date into the prompt. A model would then be asked on each day with another prompt
    than it was trained with.
    """
    return (
        f"{FIXED_DATE}{template}" if "strftime_now" in template and FIXED_DATE not in template else template
    )


def _not_usable(reason: str) -> IntegrityError:
    return IntegrityError(
        "template-not-usable",
        f"The chat template of this model cannot be used: {reason}.",
        hint="Use an instruction-tuned model whose template has a generation prompt and closes each answer\n"
        "      with its stop token.",
    )
