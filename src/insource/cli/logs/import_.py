"""``insource logs import``: import existing logs into the store."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from insource.cli.logs.options import config_option
from insource.cli.options import json_option
from insource.config.loading import FILE_NAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from insource.cli.output import Terminal
    from insource.config.sections import Config
    from insource.logs.importers.load import ImportReport
    from insource.logs.importers.protocol import Importer, Rejected
    from insource.providers.prices import PriceTable
    from insource.redaction import Redactor
    from insource.store.database import Database

AUTO, MAPPED = "auto", "mapped"
# A copy of the registry's names, because the help must not load the registry. A test compares the two.
FORMATS = (
    "openai-finetune",
    "openai-stored",
    "openai-batch",
    "anthropic",
    "anthropic-batch",
    "langfuse",
    "litellm",
    "helicone",
    "otel",
    "openpipe",
    "exchanges",
)
_FILE = click.Path(path_type=Path)


@click.command("import", short_help="Import existing logs")
@click.argument("format_name", metavar="FORMAT", type=click.Choice([AUTO, *FORMATS, MAPPED]))
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=_FILE)
@click.option("--mapping", "mapping_path", type=_FILE, help="TOML file that maps columns to fields.")
@click.option("--batch-input", type=_FILE, help="Input file of the batch, which has the requests.")
@click.option("--task", default="", help="Task of all imported calls; overrides the records.")
@click.option(
    "--rejected",
    "rejected_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write the number and reason of every unreadable line to (JSONL).",
)
@config_option
@click.option("-q", "--quiet", is_flag=True, help="Print only results and errors.")
@json_option
def command(
    format_name: str,
    paths: tuple[Path, ...],
    mapping_path: Path | None,
    batch_input: Path | None,
    task: str,
    rejected_path: Path | None,
    config_path: Path,
    quiet: bool,
    as_json: bool,
) -> None:
    """Import every PATH, plain or gzipped, as FORMAT. `auto` detects the format from the first records.

    A second import of the same records adds nothing. An unreadable line is reported, and the import
    continues. Secrets are redacted before anything is written.
    """
    from insource.cli.output import Terminal
    from insource.logs.recorder import STORE_FILE
    from insource.providers.prices import PriceTable
    from insource.redaction import Redactor
    from insource.store.database import open_database

    for path in (*paths, *filter(None, (mapping_path, batch_input))):
        _require_readable(path)
    display = Terminal(quiet=quiet)
    config, folder = _project(config_path)
    prices, redactor = PriceTable(config.prices.models), Redactor.from_config(config.log, folder)
    found: list[tuple[Path, str, ImportReport]] = []
    with ExitStack() as stack:
        note = stack.enter_context(_RejectedFile(rejected_path)) if rejected_path else None
        database = stack.enter_context(open_database(folder / STORE_FILE))
        for path in paths:
            with path.open("rb") as file:
                importer = _importer(format_name, path, file, mapping_path, batch_input, display.note)
                report = _load(
                    database,
                    importer,
                    path,
                    file,
                    task=task,
                    prices=prices,
                    redactor=redactor,
                    display=display,
                    on_rejected=note.of(path) if note else None,
                )
            found.append((path, importer.name, report))
            _tell(path, report)
    if as_json:
        click.echo(json.dumps([_document(*one) for one in found], ensure_ascii=False))
    _end([report for _, _, report in found])


def _require_readable(path: Path) -> None:
    from insource.foundation.errors import DataError

    try:
        path.open("rb").close()
    except OSError as error:
        raise DataError(
            "log-unreadable",
            f"{path} cannot be read: {error.strerror or error}.",
            hint="Check the path. Nothing was imported.",
        ) from error


def _project(config_path: Path) -> tuple[Config, Path]:
    """Return the configuration and the workspace. Use the defaults in a folder without a configuration."""
    from insource.config.loading import load
    from insource.config.sections import Config
    from insource.workflow.project import Project

    if config_path == Path(FILE_NAME) and not config_path.exists():
        return Config(), Path(Config().project.workspace)
    project = Project.of(load(config_path))
    return project.config, project.workspace


def _importer(
    format_name: str,
    path: Path,
    file: BinaryIO,
    mapping_path: Path | None,
    batch_input: Path | None,
    note: Callable[[str], None],
) -> Importer:
    from insource.foundation.errors import ConfigError
    from insource.logs.importers import anthropic_batch, openai_batch
    from insource.logs.importers.batches import read_requests
    from insource.logs.importers.registry import detect, importer

    if mapping_path is not None or format_name == MAPPED:
        return _mapped(format_name, path, file, mapping_path)
    if format_name == AUTO:
        chosen, why = detect(file, path.name)
        note(f"{path.name} is {chosen.name}: {why}")
    else:
        chosen = importer(format_name)
    if batch_input is None:
        return chosen
    makers = {"openai-batch": openai_batch.with_requests, "anthropic-batch": anthropic_batch.with_requests}
    if chosen.name not in makers:
        raise ConfigError(
            "import-options",
            f"--batch-input works with openai-batch and anthropic-batch only; {path.name} is {chosen.name}.",
            hint="Leave out --batch-input.",
        )
    with batch_input.open("rb") as requests:
        return makers[chosen.name](read_requests(requests))


def _mapped(format_name: str, path: Path, file: Any, mapping_path: Path | None) -> Importer:
    from insource.foundation.errors import ConfigError
    from insource.logs.importers.mapped import mapped, paths_without_a_value, read_mapping
    from insource.logs.importers.registry import sample

    if mapping_path is None or format_name not in (AUTO, MAPPED):
        raise ConfigError(
            "import-options",
            "--mapping and the format `mapped` need each other.",
            hint=f"Type: insource logs import mapped {path.name} --mapping mapping.toml",
        )
    mapping = read_mapping(mapping_path)
    first = sample(file)
    if first and (wrong := paths_without_a_value(mapping, first)):
        raise ConfigError(
            "mapping-invalid",
            f"None of the first {len(first)} records of {path.name} has the fields of {mapping_path.name}.",
            details=tuple(wrong),
            hint="Fix the column or the path; docs/guides/import-logs.md has an example.",
        )
    return mapped(mapping)


def _load(
    database: Database,
    importer: Importer,
    path: Path,
    file: BinaryIO,
    *,
    task: str,
    prices: PriceTable,
    redactor: Redactor,
    display: Terminal,
    on_rejected: Callable[[Rejected], None] | None,
) -> ImportReport:
    from insource.foundation.clock import SYSTEM
    from insource.logs.importers.load import load

    size = path.stat().st_size
    display.stage("import", f"{path.name} as {importer.name}")
    return load(
        database,
        importer.read(file, received_at=SYSTEM.now()),
        redact=redactor.value,
        keeps_content=redactor.keeps_content,
        task=task,
        prices=prices,
        on_rejected=on_rejected or (lambda rejected: None),
        progress=lambda line: display.progress(f"bytes, line {line:,}", min(file.tell(), size), size),
    )


class _RejectedFile:
    """Writes every unreadable line to a file as JSONL."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> _RejectedFile:
        self._file = self._path.open("w", encoding="utf-8")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def of(self, path: Path) -> Callable[[Rejected], None]:
        def write(rejected: Rejected) -> None:
            line = {"file": str(path), "line": rejected.line, "reason": rejected.reason}
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")

        return write


def _tell(path: Path, report: ImportReport) -> None:
    from insource.cli.output import say
    from insource.cli.printable import printable

    name = printable(path.name)
    completed = f"{report.completed:,} completed by a later version, " if report.completed else ""
    say(f"{name}: {report.new:,} calls imported, {completed}{report.known:,} already in the store")
    for reason, count in report.skipped.most_common():
        say(f"  {count:,} skipped: {printable(reason)}")
    if report.rejected:
        say(f"  {report.rejected:,} could not be read:")
        for line, reason in report.shown:
            say(f"    {name}:{line}: {printable(reason)}")
        if report.rejected > len(report.shown):
            say(f"    … and {report.rejected - len(report.shown):,} more; --rejected PATH writes them all")


def _document(path: Path, format_name: str, report: ImportReport) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "file": str(path),
        "format": format_name,
        "new": report.new,
        "completed": report.completed,
        "known": report.known,
        "rejected": report.rejected,
        "skipped": dict(report.skipped),
    }


def _end(reports: list[ImportReport]) -> None:
    """Say what to do next; refuse files without a call."""
    from insource.cli.output import say
    from insource.foundation.errors import DataError

    if not any(report.calls for report in reports):
        raise DataError(
            "nothing-imported",
            "The given files contain no calls.",
            hint="Check the format: `auto` prints what it detects; --mapping reads any table.",
        )
    say("Next: insource decide")
