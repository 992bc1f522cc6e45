"""``insource export``: write the chosen model as a package, or the adapter with its parity checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from insource.cli.options import json_option, training_options

if TYPE_CHECKING:
    from insource.workflow.session import Session


@click.command("export", short_help="Export the chosen model: a package, or an adapter in GGUF")
@click.argument("run", required=False)
@click.option(
    "--package/--adapter", "package", default=None, help="Default: what the model that RUN chose can be."
)
@click.option("--to", type=click.Path(path_type=Path, file_okay=False), help="Folder of the package.")
@click.option("--wheel", is_flag=True, help="Also build the package's wheel.")
@training_options
@json_option
def command(
    session: Session, run: str | None, package: bool | None, to: Path | None, wheel: bool, as_json: bool
) -> None:
    """Export the model that RUN (default: the newest run) chose.

    A fitted model becomes a small Python package, which answers without Insource. Otherwise, train and write
    the GGUF adapter, the Modelfile and the model card; fail when the parity check fails.
    """
    from insource.workflow.package import can_package, only_served

    if package is None:
        package = bool(to or wheel or run) or can_package(session)
        if not package and (other := only_served(session)):
            from insource.cli.output import say

            say(f"The newest run chose {other}, which cannot be exported: serve it with insource serve.")
            say("This exports the adapter of the tuned model instead.")
    if package:
        _package(session, run, to, wheel=wheel, as_json=as_json)
    else:
        _adapter(session, as_json=as_json)


def _package(session: Session, run: str | None, to: Path | None, *, wheel: bool, as_json: bool) -> None:
    from insource.cli.output import near, say
    from insource.export.package.write import build_wheel
    from insource.workflow.package import package_model

    packaged = package_model(session, run, to)
    built = build_wheel(packaged) if wheel else None
    if as_json:
        told = {"folder": str(packaged.folder), "package": packaged.package}
        told |= {"wheel": str(built)} if built else {}
        click.echo(json.dumps(told | {"requirements": packaged.requirements}, ensure_ascii=False))
    say(f"Wrote {near(packaged.folder)}, which needs {', '.join(packaged.requirements) or 'Python alone'}")
    if built:
        say(f"Built {near(built)}")
    say(f"Use it: pip install '{near(built or packaged.folder)}', then in Python:")
    say(f"  from {packaged.package} import predict; predict(text)")


def _adapter(session: Session, *, as_json: bool) -> None:
    from insource.cli.output import near, say
    from insource.export.stage import no_modelfile, parity
    from insource.workflow.build import build_dataset
    from insource.workflow.export import make_model

    made = make_model(session, *build_dataset(session))
    found = parity(made.exported)
    if as_json:
        click.echo(json.dumps(made.exported.manifest, ensure_ascii=False))
    say(f"\nParity: {found.sentence}")
    for output in made.exported.manifest["outputs"]:
        say(f"  {output['bytes']:>12,} bytes  {output['digest'][:12]}  {output['name']}")
    if reason := no_modelfile(made.exported):
        say(f"No Modelfile: {reason}")
    say(f"Wrote {near(made.exported.path)}")
    say("Next: insource evaluate")
