"""Build a dataset: prepare the rows, join the log's answers, split and write, with bounded memory."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from insource.dataset.prepare import NO_ANSWERS, MakeContext, Prepared, prepared
from insource.dataset.rows.examples import Tally
from insource.dataset.rows.readings import Readings
from insource.dataset.rows.source import Source
from insource.dataset.saved.folder import DatasetWriter, load
from insource.dataset.saved.sufficiency import shortfalls
from insource.dataset.settings import BuildSettings
from insource.dataset.sources.json_lines import JsonLines
from insource.dataset.splits.step import Splitting, split_rows
from insource.dataset.splits.stored import ledger
from insource.dataset.unusable import check_sizes
from insource.logs.collect import Logged
from insource.types import Dataset, DatasetManifest, LoggedAnswer


def build(
    rows: Path | Source,
    *,
    schemas: Mapping[str, dict[str, Any]] | None = None,
    simulated_models: Iterable[str] = (),
    logged: Mapping[str, Mapping[str, LoggedAnswer]] | None = None,
    context: MakeContext | None = None,
    assignments: Path | None = None,
    keep_assignments: bool = True,
    **settings: Any,
) -> Dataset:
    r"""Build a dataset in memory from a JSON Lines file or a source.

    Examples:
        >>> import json
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from insource import build_dataset
        >>> rows = [{"input": f"Voltage: {n} V", "output": {"voltage": f"{n} V"}} for n in range(100, 140)]
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder, "rows.jsonl")
        ...     _ = path.write_text("\n".join(map(json.dumps, rows)))
        ...     dataset = build_dataset(path, name="specs", seed=7)
        >>> dataset.manifest.read, sum(dataset.manifest.counts.values())
        (40, 40)
        >>> dataset.manifest.output.definition["properties"]
        {'voltage': {'type': 'string', 'maxLength': 32}}

    Args:
        schemas: JSON Schemas by the names that the file's rows may give as their own ``schema``.
        logged: answers by row id and model, from the log, added to the rows' own.
        simulated_models: the names among the cloud models whose answers are simulated.
        context: makes what checks with a fix may ask for, of the rows and their contract.
        assignments: the folder of stored splits, which are kept and added to.
        keep_assignments: False to read stored splits without adding to them.
        settings: ``name`` (required), ``output``, ``fractions``, ``group_by``, ``order``, ``seed``,
            ``needs``, ``absent_fields``, ``on_bad_rows``, ``decisions``, ``reviews``, ``policy``.

    Raises:
        TypeError: a keyword is missing, not known or has a value that it cannot have.
        DataError: ``no-rows``, ``bad-rows``, ``empty-split`` and what else the rows cannot be.
    """
    try:
        chosen = BuildSettings(**settings)
    except ValidationError as error:
        first = error.errors()[0]
        raise TypeError(f"build_dataset: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    answers = Logged({name: dict(one) for name, one in (logged or {}).items()}, frozenset(simulated_models))
    with tempfile.TemporaryDirectory() as folder:
        return load(
            build_folder(
                rows,
                Path(folder),
                chosen,
                schemas=schemas,
                answers=answers,
                context=context,
                assignments=assignments,
                keep_assignments=keep_assignments,
            )
        )


def build_folder(
    rows: Path | Source,
    datasets_dir: Path,
    settings: BuildSettings,
    *,
    schemas: Mapping[str, dict[str, Any]] | None = None,
    answers: Logged = NO_ANSWERS,
    context: MakeContext | None = None,
    assignments: Path | None = None,
    keep_assignments: bool = True,
) -> Path:
    """Build a dataset with four splits and write its folder under ``datasets_dir``.

    Args:
        rows: a source, or a file with ``input``, ``output`` and the optional keys of ``records.KEYS``.
        schemas: JSON Schemas by the names that the file's rows may give as their own ``schema``.
        answers: the log's answers, added to the rows' own.
        context: makes what checks with a fix may ask for, of the rows and their contract.
        assignments, keep_assignments: as ``seal``.

    Raises:
        The errors of ``prepared`` and ``seal``.
    """
    source = JsonLines(rows, schemas) if isinstance(rows, Path) else rows
    with prepared(source, datasets_dir, settings, context) as made:
        made.join(answers)
        return seal(made, datasets_dir, assignments, keep_assignments=keep_assignments).folder


class Sealed(NamedTuple):
    """A dataset's folder, and the digest of the stored splits after it was written."""

    folder: Path
    splits: str


def seal(
    made: Prepared, datasets_dir: Path, assignments: Path | None = None, *, keep_assignments: bool = True
) -> Sealed:
    """Split prepared rows, and write the dataset's folder and the assignments it was made by, or neither.

    Args:
        assignments: the folder of stored splits, which are kept and added to; without it every build draws
            for itself. ``keep_assignments=False`` reads them only.

    Raises:
        DataError: ``no-times``, ``empty-split``, ``dataset-not-written``.
        UserError: ``splits-stored-otherwise``.
        IntegrityError: ``assignments-damaged``.
    """
    work, settings = made.rows, made.settings
    keys = made.split_keys()
    with ledger(assignments, datasets_dir, keeps=keep_assignments) as kept:
        splits = split_rows(work, keys, settings.plan, kept.stored)
        tally = Tally(made.logged.answers, classes=made.classes)
        with DatasetWriter(datasets_dir, work.folder) as writer:
            manifest = _write(made, splits, writer, tally)
            stored = kept.stored.grouping is not None
            check_sizes(tally.counts, settings, work.name, stored=stored)
            folder = writer.finish(manifest, lambda named: splits.keep(kept, named))
        kept.confirm()
        return Sealed(folder, kept.stored.digest)


def _write(made: Prepared, splits: Splitting, writer: DatasetWriter, tally: Tally) -> DatasetManifest:
    """Write every row as an example of its split, and return the manifest they come to."""
    work, readings = made.rows, Readings(made.contract)
    for index, row in enumerate(work):
        example = made.example(row)
        tally.add(splits.of(index), row, example)
        readings.add(splits.of(index), example)
        writer.add(splits.of(index), example)
    for dropped in sorted(work.dropped, key=lambda drop: (drop.line or 0, drop.row_id)):
        writer.drop(dropped)
    return DatasetManifest(
        name=made.settings.name,
        digest="",
        source=work.name,
        read=work.read,
        dropped=dict(sorted(Counter(drop.reason for drop in work.dropped).items())),
        funnel=tuple(work.funnel),
        output=made.contract,
        split_reason=splits.reason,
        overlaps=splits.overlaps,
        shortfalls=shortfalls(tally.counts, tally.label_counts(), made.settings.needs),
        simulated_models=tuple(sorted(made.logged.simulated)),
        notes=(*work.notes, *made.notes, *splits.notes, *tally.notes(), *readings.notes()),
        **tally.manifest(),
    )
