"""Rows in, a dataset out: staged, mended as accepted, checked, split, sealed; never all in memory."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from insource.contract.infer import Inference
from insource.dataset.checks.check import Context
from insource.dataset.checks.suite import apply_fixes
from insource.dataset.review.apply import apply_reviews
from insource.dataset.rows.examples import Tally, example_of
from insource.dataset.rows.source import LEFT_OUT, Source
from insource.dataset.rows.staged import Staged, staged
from insource.dataset.rows.targets import Targets, check_contract
from insource.dataset.rows.teacher_policy import NO_POLICY, TeacherPolicy, with_terms
from insource.dataset.saved.folder import DatasetWriter, load
from insource.dataset.saved.sufficiency import DEFAULT_NEEDS, Needs, shortfalls
from insource.dataset.sources.json_lines import JsonLines
from insource.dataset.sources.with_logged_answers import Answered
from insource.dataset.splits.assign import DEFAULT_FRACTIONS, GroupBy, Order, Plan
from insource.dataset.splits.step import Splitting, split_rows
from insource.dataset.splits.stored import Ledger, ledger
from insource.foundation.errors import DataError
from insource.types import (
    SPLITS,
    AbsentFields,
    Dataset,
    DatasetManifest,
    Dropped,
    FixDecision,
    Labels,
    LoggedAnswer,
    OutputSpec,
    ReviewDecision,
    Split,
    Text,
)

OnBadRows = Literal["error", "drop"]
SHOWN = 8
_MISFITS = {"schema-violation", "unknown-label"}


def build(rows: Path | Source, **settings: Any) -> Dataset:
    r"""A dataset in memory from a JSON Lines file or another source; arguments as ``build_folder``.

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
    """
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
    group_by: GroupBy = "auto",
    order: Order = "random",
    seed: int = 0,
    assignments: Path | None = None,
    keep_assignments: bool = True,
    needs: Needs = DEFAULT_NEEDS,
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
        group_by, order: what stays together in one split, and whether the newest block is to judge.
        assignments: the folder of stored splits, which are kept and added to; without it every build draws
            for itself. ``keep_assignments=False`` reads them only.
        needs: what is to be decided, by which too small splits are named.
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
            ``no-times``, ``empty-split``, ``dataset-not-written``.
        UserError: ``splits-stored-otherwise``.
        IntegrityError: ``assignments-damaged``.
    """
    source = JsonLines(rows, schemas) if isinstance(rows, Path) else rows
    with staged(Answered(source, logged or {}), datasets_dir) as work:
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
        _refuse(work, bad if on_bad_rows == "error" else [])
        simulated = tuple(sorted(set(simulated_models)))
        notes = (*review_notes, *_inferred_notes(inferred))
        sealing = _Sealing(name, contract, targets, policy, simulated, needs, notes)
        plan = Plan(fractions, group_by, order, seed)
        with ledger(assignments, datasets_dir, keeps=keep_assignments) as kept:
            return _sealed(work, datasets_dir, plan, kept, sealing, logged=logged or {})


def _reviewed(work: Staged, reviews: Iterable[ReviewDecision]) -> tuple[str, ...]:
    if not len(work):
        raise _bad_rows(work.name, work.dropped, work.read)
    return apply_reviews(work, reviews)


class _Sealing(NamedTuple):
    """What a dataset is besides its rows."""

    name: str
    contract: OutputSpec
    targets: Targets
    policy: TeacherPolicy
    simulated_models: tuple[str, ...]
    needs: Needs
    notes: tuple[str, ...]


def _sealed(
    work: Staged,
    datasets_dir: Path,
    plan: Plan,
    kept: Ledger,
    sealing: _Sealing,
    *,
    logged: Mapping[str, Mapping[str, LoggedAnswer]],
) -> Path:
    """The dataset's folder, and with it the assignments it was made by: both are there, or neither."""
    classes = isinstance(sealing.contract, Labels)
    splits = split_rows(work, plan, kept.stored, stratified=classes)
    tally = Tally(logged, classes=classes)
    with DatasetWriter(datasets_dir, work.folder) as writer:
        manifest = _write(work, splits, writer, tally, sealing)
        _check_sizes(tally.counts, plan, work.name, stored=kept.stored.grouping is not None)
        folder = writer.finish(manifest, lambda named: splits.keep(kept, named))
    kept.confirm()
    return folder


def _write(
    work: Staged, splits: Splitting, writer: DatasetWriter, tally: Tally, sealing: _Sealing
) -> DatasetManifest:
    """Every row as an example of its split, and the manifest they come to."""
    for index, row in enumerate(work):
        row = with_terms(row, sealing.policy)
        example = example_of(row, sealing.targets.of(row))
        tally.add(splits.of(index), row, example)
        writer.add(splits.of(index), example)
    for dropped in sorted(work.dropped, key=lambda drop: (drop.line or 0, drop.row_id)):
        writer.drop(dropped)
    return DatasetManifest(
        name=sealing.name,
        digest="",
        source=work.name,
        read=work.read,
        dropped=dict(sorted(Counter(drop.reason for drop in work.dropped).items())),
        funnel=tuple(work.funnel),
        output=sealing.contract,
        split_reason=splits.reason,
        overlaps=splits.overlaps,
        shortfalls=shortfalls(tally.counts, tally.label_counts(), sealing.needs),
        simulated_models=sealing.simulated_models,
        notes=(*work.notes, *sealing.notes, *splits.notes, *tally.notes()),
        **tally.manifest(),
    )


def _refuse(work: Staged, bad: Sequence[Dropped]) -> None:
    if bad:
        raise _bad_rows(work.name, sorted(bad, key=lambda drop: drop.line or 0), work.read)


def _bad_rows(name: str, bad: Sequence[Dropped], read: int) -> DataError:
    totals = Counter(drop.reason for drop in bad)
    offenders = [f"{_place(name, drop)}: {drop.reason}: {drop.detail}" for drop in bad[:SHOWN]]
    if len(bad) > SHOWN:
        offenders.append(f"… and {len(bad) - SHOWN} more")
    counted = ", ".join(f"{reason} {count}" for reason, count in totals.most_common())
    misfit = set(totals) <= _MISFITS
    problem = "do not fit the output contract" if misfit else "cannot be used"
    leave_out = ', or leave them out: set `on_bad_rows = "drop"` under [dataset]' if len(bad) < read else ""
    return DataError(
        "labels-do-not-fit" if misfit else "bad-rows",
        f"{len(bad)} of {read} rows {problem}: {counted}.",
        hint=f"Correct these lines{leave_out}.",
        details=tuple(offenders),
    )


def _check_sizes(counts: Mapping[Split, int], plan: Plan, name: str, *, stored: bool) -> None:
    empty = [split for split in SPLITS if not counts[split]]
    if not empty:
        return
    shown = ", ".join(f"{split} {counts[split]}" for split in SPLITS)
    unasked = [split for split in empty if not plan.fractions.get(split)]
    if unasked:
        hint = f'Give {unasked[0]} a fraction above 0, or rows with `"split": "{unasked[0]}"`.'
    elif stored:
        hint = (
            "These rows stay in the splits where earlier builds put them: take more rows, or give the "
            "smaller set a `[task] name` of its own, for which splits are drawn anew."
        )
    elif plan.group_by in ("group", "template"):
        hint = (
            f"Whole {plan.group_by}s are too few or too large for that; "
            'set `group_by = "input"` under [dataset].'
        )
    else:
        hint = (
            "At least 4 rows with different inputs are needed when no split is given, one for each split; "
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
