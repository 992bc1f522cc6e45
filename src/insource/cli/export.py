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
@click.option("--to", type=click.Path(path_type=Path, file_okay=False), help="Folder of the export.")
@click.option(
    "--format",
    "formats",
    callback=lambda context, option, value: _formats(value),
    help="Formats of the tuned model, with commas: adapter, merged, f16, q8_0, q6_k, q5_k_m, q4_k_m.",
)
@click.option(
    "--prompts", type=click.IntRange(1), help="Validation documents of each parity gate; default: 50."
)
@click.option(
    "--hub", help="With --format: upload the folder to this repository of a hub, owner/name; private."
)
@click.option("--public", is_flag=True, help="With --hub: make the repository public.")
@click.option("--wheel", is_flag=True, help="Also build the package's wheel.")
@training_options
@json_option
def command(
    session: Session,
    run: str | None,
    package: bool | None,
    to: Path | None,
    formats: tuple[str, ...],
    prompts: int | None,
    hub: str | None,
    public: bool,
    wheel: bool,
    as_json: bool,
) -> None:
    """Export the model that RUN (default: the newest run) chose.

    A fitted model becomes a small Python package, which answers without Insource. Otherwise, train and write
    the GGUF adapter, the Modelfile and the model card; fail when the parity check fails.

    With --format, write the tuned model into the folder --to: its adapter, its merged weights as safetensors,
    or as GGUF in a type. Each is compared with the trained model on validation documents first.
    """
    others = (("RUN", run), ("--package", package), ("--wheel", wheel))
    if formats:
        _refuse("--format writes the tuned model of insource.toml", *others, ("--adapter", package is False))
    else:
        _refuse("Without --format, nothing is compared or uploaded", ("--hub", hub), ("--prompts", prompts))
    if package is False:
        _refuse("--adapter writes a run of its own", ("RUN", run), ("--to", to), ("--wheel", wheel))
    if not hub:
        _refuse("Without --hub, nothing is uploaded", ("--public", public))
    if formats:
        if hub:
            from insource.export.hub import require_uploadable

            require_uploadable(hub, privacy=session.config.task.privacy)
        folder = _publish(session, formats, to, prompts, as_json=as_json)
        if hub:
            _upload(session, folder, hub, public=public)
        return
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


def _refuse(why: str, *given: tuple[str, object]) -> None:
    """Raise a usage error for the first argument that was given and would have no effect."""
    for name, value in given:
        if value:
            raise click.UsageError(f"{why}, so {name} has no effect here.")


def _formats(value: str | None) -> tuple[str, ...]:
    """Return the formats of an option's value; a usage error for one that does not exist."""
    if not value:
        return ()
    from insource.workflow.publish import FORMATS

    named = tuple(dict.fromkeys(part.strip().lower() for part in value.split(",") if part.strip()))
    if unknown := [name for name in named if name not in FORMATS]:
        raise click.BadParameter(f"there is no {unknown[0]}; choose of {', '.join(FORMATS)}")
    return named


def _publish(
    session: Session, formats: tuple[str, ...], to: Path | None, prompts: int | None, *, as_json: bool
) -> Path:
    from insource.cli.output import near, say
    from insource.workflow.build import build_dataset
    from insource.workflow.export import make_model
    from insource.workflow.publish import PROMPTS, publish

    dataset, task = build_dataset(session)
    made = make_model(session, dataset, task)
    folder = to or session.project.folder / f"{task.name}-model"
    done = publish(session, dataset, task, made, formats, folder, prompts or PROMPTS)
    if as_json:
        files = [file.model_dump(mode="json") for file in done.files]
        told = {"folder": str(done.folder), "files": files, "no_modelfile": done.no_modelfile}
        click.echo(json.dumps(told, ensure_ascii=False))
    for file in done.files:
        say(f"  {file.bytes:>13,} bytes  {file.file}")
        say(f"      {file.parity.sentence}")
        if file.note:
            say(f"      {file.note}")
    if done.no_modelfile:
        say(f"No Modelfile: {done.no_modelfile}")
    say(f"Wrote {near(done.folder)}")
    return done.folder


def _upload(session: Session, folder: Path, repository: str, *, public: bool) -> None:
    from insource.cli.output import say
    from insource.export.hub import upload

    address = upload(folder, repository, privacy=session.config.task.privacy, public=public)
    say(f"Uploaded to {address}")


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
