"""Rows in, a dataset out: staged, mended as accepted, checked, split, sealed; never all in memory."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from insource.dataset.checks.check import Context
from insource.dataset.checks.suite import apply_fixes
from insource.dataset.contract import Targets, check_contract
from insource.dataset.examples import Tally, example_of
from insource.dataset.folder import DatasetWriter, load
from insource.dataset.infer import Inference
from insource.dataset.policy import NO_POLICY, TeacherPolicy, with_terms
from insource.dataset.review.application import apply_reviews
from insource.dataset.sources.json_lines import JsonLines
from insource.dataset.sources.source import LEFT_OUT, Source
from insource.dataset.split import DEFAULT_FRACTIONS, assign_splits, drop_leaks, placed
from insource.dataset.staging import Staged, staged
from insource.errors import DataError
from insource.types import (
    SPLITS,
    AbsentFields,
    Dataset,
    DatasetManifest,
    Dropped,
    FixDecision,
    LoggedAnswer,
    OutputSpec,
    ReviewDecision,
    Row,
    Split,
    Text,
)

OnBadRows = Literal["error", "drop"]
SHOWN = 8
_MISFITS = {"schema-violation", "unknown-label"}


def build(rows: Path | Source, **settings: Any) -> Dataset:
    """A dataset in memory from a JSON Lines file or another source; arguments as ``build_folder``."""
    with tempfile.TemporaryDirectory() as folder:
        return load(build_folder(rows, Path(folder), **settings))


def build_folder(
    rows: Path | Source,
    datasets_dir: Path,
    *,
    name: str,
    output: OutputSpec | None = None,
    schemas: Mapping[str, dict[str, Any]] | None = None,
    fractions: Mapping[Split, float] = DEFAULT_FRACTIONS,
    seed: int = 0,
    absent_fields: AbsentFields = "null",
    on_bad_rows: OnBadRows = "error",
    decisions: Iterable[FixDecision] = (),
    reviews: Iterable[ReviewDecision] = (),
    context: Callable[[Staged, OutputSpec], Context] | None = None,
    policy: TeacherPolicy = NO_POLICY,
    simulated_models: Iterable[str] = (),
    logged: Mapping[str, Mapping[str, LoggedAnswer]] | None = None,
) -> Path:
    """Build a dataset with four splits and write its folder under ``datasets_dir``.

    Args:
        rows: a source, or a file with ``input``, ``output`` and the optional keys of ``records.KEYS``.
        output: the contract of all answers; inferred from the rows when None.
        schemas: JSON Schemas by the names that the file's rows may give as their own ``schema``.
        fractions: the size of each split that is not given, relative to train and the others missing.
        absent_fields: ``null`` writes null for required nullable fields that a label leaves out.
        on_bad_rows: ``error`` refuses the source when any row is bad, ``drop`` leaves those rows out.
        reviews: what reviewers decided about fields; applied before the fixes.
        decisions: which checks' fixes are applied; none is applied that is not accepted here.
        context: what checks with a fix may ask for, made of the rows and their contract.
        policy: the terms that are kept with teachers' answers.
        simulated_models: the names among the cloud models whose answers are simulated.
        logged: answers by row id and model, from the log, added to the rows' own.

    Raises:
        DataError: the source's own, ``no-rows``, ``bad-rows``, ``labels-do-not-fit``, ``invalid-schema``,
            ``empty-split``, ``dataset-not-written``.
    """
    source = JsonLines(rows, schemas) if isinstance(rows, Path) else rows
    with staged(source, datasets_dir) as work:
        bad = [drop for drop in work.dropped if drop.reason not in LEFT_OUT]
        review_notes = _reviewed(work, reviews)
        inferred = Inference.of(() if output else (row.output for row in work))
        contract = output or inferred.output
        check_contract(contract)
        plain = Context(rows=work, output=contract, seed=seed, absent_fields=absent_fields)
        if apply_fixes(context(work, contract) if context else plain, decisions) and output is None:
            inferred = Inference.of(row.output for row in work)  # without what the fixes took away
            contract = inferred.output
        targets = Targets(contract, absent_fields)
        step = work.transform("contract", lambda _, row: targets.misfit(row) or row)
        bad += work.dropped[len(work.dropped) - step.dropped :]
        if bad and on_bad_rows == "error":
            raise _bad_rows(work.name, sorted(bad, key=lambda drop: drop.line or 0), work.read)
        splits, reason = _split(work, fractions, seed)
        tally = Tally(logged or {})
        with DatasetWriter(datasets_dir, work.folder) as writer:
            for row in work:
                split = splits[row.row_id]
                row = with_terms(row, policy)
                example = example_of(row, targets.of(row), tally.logged.get(row.row_id, {}))
                tally.add(split, row, example)
                writer.add(split, example)
            for dropped in sorted(work.dropped, key=lambda drop: (drop.line or 0, drop.row_id)):
                writer.drop(dropped)
            _check_sizes(tally.counts, fractions, work.name)
            manifest = DatasetManifest(
                name=name,
                digest="",
                source=work.name,
                read=work.read,
                dropped=dict(sorted(Counter(drop.reason for drop in work.dropped).items())),
                funnel=tuple(work.funnel),
                output=contract,
                split_reason=reason,
                simulated_models=tuple(sorted(set(simulated_models))),
                notes=(*work.notes, *review_notes, *_inferred_notes(inferred), *tally.notes()),
                **tally.manifest(),
            )
            return writer.finish(manifest)


def _reviewed(work: Staged, reviews: Iterable[ReviewDecision]) -> tuple[str, ...]:
    if not len(work):
        raise _bad_rows(work.name, work.dropped, work.read)
    return apply_reviews(work, reviews)


def _split(work: Staged, fractions: Mapping[Split, float], seed: int) -> tuple[Mapping[str, Split], str]:
    """The split of each row by its id, and why; what would leak is dropped from ``work``."""
    rows = [placed(row) for row in work]
    assignment = assign_splits(rows, fractions, seed)
    leaks = {drop.row_id: drop for drop in drop_leaks(rows, assignment.splits)}

    def without_leaks(_: int, row: Row) -> Row | Dropped:
        return leaks.get(row.row_id, row)

    work.transform("leakage", without_leaks)
    return assignment.splits, assignment.reason


def _bad_rows(name: str, bad: Sequence[Dropped], read: int) -> DataError:
    totals = Counter(drop.reason for drop in bad)
    offenders = [f"{_place(name, drop)}: {drop.reason}: {drop.detail}" for drop in bad[:SHOWN]]
    if len(bad) > SHOWN:
        offenders.append(f"… and {len(bad) - SHOWN} more")
    counted = ", ".join(f"{reason} {count}" for reason, count in totals.most_common())
    misfit = set(totals) <= _MISFITS
    problem = "do not fit the output contract" if misfit else "cannot be used"
    return DataError(
        "labels-do-not-fit" if misfit else "bad-rows",
        f"{len(bad)} of {read} rows {problem}: {counted}.",
        hint='Correct these lines, or leave them out: set `on_bad_rows = "drop"` under [dataset].',
        details=tuple(offenders),
    )


def _check_sizes(counts: Mapping[Split, int], fractions: Mapping[Split, float], name: str) -> None:
    empty = [split for split in SPLITS if not counts[split]]
    if not empty:
        return
    shown = ", ".join(f"{split} {counts[split]}" for split in SPLITS)
    unasked = [split for split in empty if not fractions.get(split)]
    hint = (
        f'Give {unasked[0]} a fraction above 0, or rows with `"split": "{unasked[0]}"`.'
        if unasked
        else "At least 4 rows with different inputs are needed when no split is given, one for each split; "
        f'add rows, or mark some with `"split": "{empty[0]}"`.'
    )
    raise DataError(
        "empty-split",
        f"Nothing would be left for {', '.join(empty)}: {name} has {sum(counts.values())} usable rows.",
        hint=hint,
        details=(f"Rows by split: {shown}.",),
    )


def _place(name: str, drop: Dropped) -> str:
    return f"{name}:{drop.line}" if drop.line is not None else f"{name}: {drop.row_id}"


def _inferred_notes(inferred: Inference) -> tuple[str, ...]:
    if not inferred.seen:
        return ()
    fixed = "insource dataset schema --write"
    guessed = (
        f"The output contract was inferred from all {inferred.seen} rows, test included; fix it: {fixed}"
    )
    return (*([] if isinstance(inferred.output, Text) else [guessed]), *inferred.notes())
