"""An Ollama Modelfile, from which Ollama builds exactly the prompt that was trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from insource.models.control_tokens import ControlTokens
from insource.types import Task

NO_TOKENS = ControlTokens({})
QUOTES = '"""'
# Stand for the instruction and the document while a chat template is read; no template writes them itself.
SYSTEM, DOCUMENT = "\ue000system\ue001", "\ue000document\ue001"

Render = Callable[[list[dict[str, str]]], str]


def ollama_template(render: Render, bos: str = "") -> str:
    """Return the Ollama template that writes what the model's own chat template writes.

    The task's prompt is always one instruction and one document, so the template is what ``render`` writes
    before, between and after them. ``bos`` is the token that Ollama sets before a prompt itself.

    Raises:
        ValueError: with the reason as a sentence, for a template that changes its texts or holds Ollama's own
            marks.
    """
    turns = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": DOCUMENT}]
    try:
        rendered = render(turns)
    except Exception as error:  # jinja and the template's own raise_exception
        raise ValueError(f"The base model's chat template refuses an instruction: {error}.") from error
    before, system, rest = rendered.removeprefix(bos).partition(SYSTEM)
    between, document, after = rest.partition(DOCUMENT)
    if not (system and document) or SYSTEM in rest or DOCUMENT in after:
        raise ValueError("The base model's chat template does not write each text once, as it is.")
    if any("{{" in part or "}}" in part for part in (before, between, after)):
        raise ValueError("The base model's chat template writes {{ or }}, which Ollama reads as its own.")
    return f"{before}{{{{ .System }}}}{between}{{{{ .Prompt }}}}{after}"


def modelfile(
    task: Task,
    template: str,
    model_file: str,
    context_tokens: int,
    *,
    stops: Sequence[str],
    adapter: str = "",
    control: ControlTokens = NO_TOKENS,
) -> str:
    """Return an Ollama Modelfile, from which Ollama reads exactly the instruction that was trained.

    ``template`` is Ollama's own (``ollama_template``), ``stops`` every token that ends an answer, ``adapter``
    a GGUF adapter for ``model_file`` (empty: the file is the whole model), and ``control`` the control tokens
    of the base model.

    Raises:
        ValueError: with the reason as a sentence, where Ollama would read a value differently.
    """
    if spelled := control.spelled_in(task.instruction):
        raise ValueError(f"Ollama would read {spelled[0]} in the instruction as a control token.")
    lines = [f"FROM {_quoted(f'./{model_file}', 'the name of the base model')}"]
    if adapter:
        lines.append(f"ADAPTER ./{adapter}")
    lines += [
        f"TEMPLATE {_quoted(template, 'the template')}",
        f"SYSTEM {_quoted(task.instruction, 'the instruction')}",
        *(f"PARAMETER stop {_stop(stop)}" for stop in stops),
        "PARAMETER temperature 0",
        f"PARAMETER num_ctx {context_tokens}",
    ]
    return "\n".join(lines) + "\n"


def _stop(token: str) -> str:
    """Return a stop token between quotes; a Modelfile knows no escapes, and its value ends with the line."""
    if '"' in token or not token.isprintable():
        raise ValueError(f"Ollama cannot read the stop token {token!r}.")
    return f'"{token}"'


def _quoted(value: str, what: str) -> str:
    """Return a value between triple quotes, which Ollama takes off; it knows no escapes.

    Source: ``ParseFile`` and ``unquote`` in parser/parser.go of ollama/ollama.
    """
    if QUOTES in value:
        raise ValueError(f"{what.capitalize()} contains {QUOTES}, which ends a value in a Modelfile.")
    # Go and Python agree on what is printable: letters, marks, numbers, punctuation, symbols and the space.
    lost = next((char for char in value if not (char.isprintable() or char in "\t\r\n")), None)
    if lost is not None:
        raise ValueError(f"{what.capitalize()} contains U+{ord(lost):04X}, which Ollama leaves out.")
    return f"{QUOTES}{value}{QUOTES}"
