"""``insource models show``: one base model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from insource.cli.options import json_option

if TYPE_CHECKING:
    from insource.models.known_models import KnownModel

GIGA = 1e9


@click.command("show", short_help="Show one base model")
@click.argument("name")
@json_option
def command(name: str, as_json: bool) -> None:
    """Show what is known of a base model and, if it is on this machine, how it is asked.

    NAME is one of `insource models list`, hf/./folder, hf/org/name, gguf/./file.gguf or ollama/name.
    """
    from insource.models.catalogue import at_hand, resolve
    from insource.models.known_models import known_models

    known = known_models().models.get(name)
    found = _described(known) if known else {"name": name}
    if at_hand(name):
        from insource.models.chat_format import chat_format_of

        base = resolve(name)
        chat = chat_format_of(base.gguf)
        found |= {
            "licence": base.licence,
            "digest": base.digest,
            "served file": str(base.gguf),
            "stop tokens": " ".join(chat.stop_tokens),
            "generation prompt": repr(chat.generation_prompt),
            "system messages": "yes" if chat.takes_system else "in front of the user's",
            "chat format": chat.digest,
        }
    elif known is None:
        resolve(name)  # which says what is wrong with the name
    else:
        found["on this machine"] = f"no; insource models pull {name}"
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for key, value in found.items():
        click.echo(f"{key:17} {value}")


def _described(known: KnownModel) -> dict[str, Any]:
    return {
        "name": known.name,
        "source": known.source,
        "family": known.family,
        "architecture": known.architecture,
        "parameters": f"{known.parameters:,}",
        "context": f"{known.context:,} tokens",
        "licence": known.licence,
        "template": known.template,
        "good for": known.good_for,
        "tunability": f"{known.tunability} ({known.tunability_source})"
        if known.tunability_source
        else known.tunability,
        "memory": ", ".join(f"{name} {size / GIGA:.2f} GB" for name, size in known.memory.items()),
    }
