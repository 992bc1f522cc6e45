"""``insource models list``: the catalogue, smallest model first."""

from __future__ import annotations

import json

import click

from insource.cli.options import json_option

GIGA = 1e9


@click.command("list", short_help="List the known base models")
@json_option
def command(as_json: bool) -> None:
    """List the known base models, smallest first: size, memory, context, licence, what they are good for."""
    from rich.console import Console
    from rich.table import Table

    from insource.cli.output import say
    from insource.models.catalogue import at_hand
    from insource.models.known_models import known_models

    known = known_models()
    models = sorted(known.models.values(), key=lambda model: model.parameters)
    if as_json:
        rows = [
            model.model_dump(mode="json") | {"memory_bytes": model.memory, "at_hand": at_hand(model.name)}
            for model in models
        ]
        click.echo(json.dumps({"date": known.date.isoformat(), "models": rows}, ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name, right in (
        ("model", False),
        ("parameters", True),
        ("BF16", True),
        ("Q8_0", True),
        ("here", False),
    ):
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    table.add_column("licence", overflow="fold")
    table.add_column("tunability", overflow="fold")
    for model in models:
        memory = model.memory
        table.add_row(
            model.name,
            f"{model.parameters / GIGA:.2f} B",
            f"{memory['BF16'] / GIGA:.1f} GB",
            f"{memory['Q8_0'] / GIGA:.1f} GB",
            "yes" if at_hand(model.name) else "",
            model.licence.partition(" (")[0],
            model.tunability,
        )
    Console().print(table)
    say(f"\nCatalogue of {known.date}; memory is that of the weights. The rest: insource models show NAME")
    say("Your own: hf/./folder, hf/org/name[@revision], gguf/./file.gguf, ollama/name.")
