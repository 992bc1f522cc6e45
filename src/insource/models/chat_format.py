"""The chat template of a model, with what follows from it: the generation prompt and the stop token.

The three travel with every model that is made, because a model that is asked with another template
than it was trained with is another model. The template is rendered as transformers does it, in Jinja's sandbox.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any

from insource.foundation.canonical import digest
from insource.foundation.errors import IntegrityError
from insource.types import Frozen

ASKED, ANSWERED = "a question asked", "an answer given"


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
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> None:
        raise jinja2.TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _Generation]
    )
    environment.filters["tojson"] = lambda value, **form: json.dumps(value, ensure_ascii=False, **form)
    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = lambda form: datetime.now().astimezone().strftime(form)
    return environment.from_string(template)


def _generation_extension() -> Any:
    from jinja2.ext import Extension

    class Generation(Extension):
        """The tag ``generation``: it marks an answer, and writes what it holds."""

        tags = {"generation"}

        def parse(self, parser: Any) -> Any:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    return Generation


_Generation = _generation_extension()


def chat_format(template: str, specials: Collection[str], *, bos: str = "", eos: str = "") -> ChatFormat:
    """Return the format of a template. ``specials`` are the spellings of all control tokens.

    Raises:
        IntegrityError: ``template-not-usable`` with the reason: it is damaged, writes something between the
            prompt and the answer that it does not ask with (no generation prompt), or no stop token.
    """
    import jinja2

    try:
        takes_system = _takes_system(template, bos, eos)
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
            f"it has no generation prompt: an answer begins after {missing[-60:]!r}, the prompt ends before it"
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
        takes_system=takes_system,
    )


def _takes_system(template: str, bos: str, eos: str) -> bool:
    import jinja2

    mark = "a system message"
    messages = [{"role": "system", "content": mark}, {"role": "user", "content": ASKED}]
    try:
        return mark in render(template, messages, bos=bos, eos=eos)
    except jinja2.TemplateError:
        return False


def _not_usable(reason: str) -> IntegrityError:
    return IntegrityError(
        "template-not-usable",
        f"The chat template of this model cannot be used: {reason}.",
        hint="Use an instruction-tuned model whose template has a generation prompt and closes each answer\n"
        "      with its stop token.",
    )
