"""Rows in, a dataset out: read, check, split, seal; pure once the file is read."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from insource import canonical
from insource.dataset.folder import sealed
from insource.dataset.infer import infer_output
from insource.dataset.jsonl import BadRow, Row, as_object, read_rows, strict_json
from insource.dataset.schema import canonical_target, for_asked
from insource.dataset.split import DEFAULT_FRACTIONS, assign_splits, drop_leaks, normalised
from insource.errors import DataError
from insource.matching.contract import InvalidSchema, violations
from insource.types import (
    SPLITS,
    AbsentFields,
    Dataset,
    DatasetManifest,
    Dropped,
    Example,
    JsonSchema,
    Labels,
    LoggedAnswer,
    OutputSpec,
    Provenance,
    Split,
)

OnBadRows = Literal["error", "drop"]
SHOWN = 8
_MISFITS = {"schema-violation", "unknown-label"}


def build(
    rows_path: Path,
    *,
    name: str,
    output: OutputSpec | None = None,
    schemas: Mapping[str, dict[str, Any]] | None = None,
    fractions: Mapping[Split, float] = DEFAULT_FRACTIONS,
    seed: int = 0,
    absent_fields: AbsentFields = "null",
    on_bad_rows: OnBadRows = "error",
    simulated_models: Iterable[str] = (),
    logged: Mapping[str, Mapping[str, LoggedAnswer]] | None = None,
) -> Dataset:
    """Build a dataset with four splits from a JSON Lines file.

    Args:
        rows_path: rows with ``input``, ``output`` and the optional keys of ``jsonl.KEYS``.
        output: the contract of all answers; inferred from the rows when None.
        schemas: JSON Schemas by the names that rows may give as their own ``schema``.
        fractions: the size of each split that is not given, relative to train and the others missing.
        absent_fields: ``null`` writes null for required nullable fields that a label leaves out.
        on_bad_rows: ``error`` refuses the file when any row is bad, ``drop`` leaves those rows out.
        simulated_models: the names among the cloud models whose answers are simulated.
        logged: answers by row id and model, from the log, added to the rows' own.

    Raises:
        DataError: ``rows-unreadable``, ``no-rows``, ``bad-rows``, ``labels-do-not-fit``,
            ``invalid-schema``, ``empty-split``.
    """
    read = read_rows(rows_path, schemas)
    if not read.rows:
        raise _bad_rows(rows_path, read.dropped, read.read)
    contract = output or infer_output([row.output for row in read.rows])
    _check_contract(contract)
    checked = _check(read.rows, contract, absent_fields)
    bad = sorted((*read.dropped, *checked.dropped), key=lambda drop: drop.line or 0)
    if bad and on_bad_rows == "error":
        raise _bad_rows(rows_path, bad, read.read)
    rows = [row for row in read.rows if row.row_id in checked.targets]
    assignment = assign_splits(rows, fractions, seed)
    leaks = drop_leaks(rows, assignment.splits)
    splits = _examples(rows, assignment.splits, checked.targets, leaks, logged or {}, rows_path.name)
    _check_sizes(splits, len(rows), fractions, rows_path)
    dropped = tuple(sorted((*bad, *leaks), key=lambda drop: (drop.line or 0, drop.row_id)))
    manifest = DatasetManifest(
        name=name,
        digest="",
        source=rows_path.name,
        read=read.read,
        counts={split: len(examples) for split, examples in splits.items()},
        dropped=dict(sorted(Counter(drop.reason for drop in dropped).items())),
        output=contract,
        split_reason=assignment.reason,
        groups_in_train=tuple(sorted(_groups(splits["train"]))),
        template_overlap=len(_groups(splits["train"]) & _groups(splits["test"])),
        cloud_models=_cloud_models(splits),
        simulated_models=tuple(sorted(set(simulated_models))),
        notes=(*read.notes, *_notes(rows, contract, checked, logged or {})),
    )
    return sealed(manifest, splits, dropped)


class _Checked(NamedTuple):
    """The canonical target of each good row by id, and the rows whose label does not fit."""

    targets: dict[str, str]
    dropped: list[Dropped]


def _check(rows: Sequence[Row], contract: OutputSpec, absent: AbsentFields) -> _Checked:
    targets: dict[str, str] = {}
    dropped = []
    for row in rows:
        try:
            targets[row.row_id] = _target(row, contract, absent)
        except BadRow as bad:
            dropped.append(Dropped(row_id=row.row_id, line=row.line, reason=bad.reason, detail=bad.detail))
    return _Checked(targets, dropped)


def _target(row: Row, contract: OutputSpec, absent: AbsentFields) -> str:
    schema = row.contract
    if schema is None and isinstance(contract, JsonSchema):
        schema = contract.definition
    if schema is not None:
        return _json_target(row, for_asked(schema, row.attributes), absent)
    if not isinstance(row.output, str):
        raise BadRow("wrong-type", f"`output` is an object, but answers are {contract.kind}")
    text = row.output.strip()
    if isinstance(contract, Labels) and text not in contract.names:
        raise BadRow("unknown-label", f"{text[:80]!r} is not one of the {len(contract.names)} labels")
    return text


def _json_target(row: Row, schema: dict[str, Any], absent: AbsentFields) -> str:
    value = as_object(row.output)
    if value is None:
        raise BadRow("not-an-object", f"`output` {_why_no_object(str(row.output))}")
    try:
        target = canonical_target(value, schema, fill_null=absent == "null", asked=row.attributes)
        problems = violations(strict_json(target), schema)
    except InvalidSchema as error:
        raise BadRow("invalid-schema", f"the row's own schema is not valid: {error}") from error
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise BadRow("schema-violation", problems[0] + more)
    return target


def _why_no_object(text: str) -> str:
    try:
        strict_json(text)
    except ValueError as error:
        return f"is not the JSON text of an object: {error}"
    return "is JSON, but not an object"


def _examples(
    rows: Sequence[Row],
    splits: Mapping[str, Split],
    targets: Mapping[str, str],
    leaks: Iterable[Dropped],
    logged: Mapping[str, Mapping[str, LoggedAnswer]],
    source: str,
) -> dict[Split, tuple[Example, ...]]:
    leaked = {drop.row_id for drop in leaks}
    result: dict[Split, list[Example]] = {split: [] for split in SPLITS}
    for row in rows:
        if row.row_id not in leaked:
            example = _example(row, targets[row.row_id], source, logged.get(row.row_id, {}))
            result[splits[row.row_id]].append(example)
    return {split: tuple(examples) for split, examples in result.items()}


def _example(row: Row, target: str, source: str, logged: Mapping[str, LoggedAnswer]) -> Example:
    content = {"input": row.input, "attributes": row.attributes, "contract": row.contract, "target": target}
    texts = {model: answer.text for model, answer in logged.items()}
    latency_s = {model: answer.latency_s for model, answer in logged.items() if answer.latency_s is not None}
    return Example(
        row_id=row.row_id,
        digest=canonical.digest(content),
        input=row.input,
        target=target,
        attributes=row.attributes,
        contract=row.contract,
        group=row.group,
        time=row.time,
        cloud_outputs=dict(sorted({**row.cloud_outputs, **texts}.items())),
        cloud_latency_s=dict(sorted({**row.cloud_latency_s, **latency_s}.items())),
        provenance=Provenance(source=source, line=row.line),
    )


def _groups(examples: Iterable[Example]) -> set[str]:
    return {example.group for example in examples if example.group is not None}


def _cloud_models(splits: Mapping[Split, tuple[Example, ...]]) -> tuple[str, ...]:
    examples = (example for rows in splits.values() for example in rows)
    return tuple(sorted({model for example in examples for model in example.cloud_outputs}))


def _check_contract(contract: OutputSpec) -> None:
    problem = ""
    if isinstance(contract, JsonSchema):
        try:
            violations({}, contract.definition)
        except InvalidSchema as error:
            problem = str(error)
        if contract.definition.get("type", "object") != "object":
            problem = f"its type is {contract.definition['type']!r}; an answer is an object"
    elif isinstance(contract, Labels) and (
        not contract.names or not all(n == n.strip() != "" for n in contract.names)
    ):
        problem = "the list of labels is empty, or one of them is empty or has white space around it"
    if problem:
        raise DataError(
            "invalid-schema",
            f"The output contract of the task is not valid: {problem}.",
            hint="Correct the schema or the labels that `[task]` names in insource.toml.",
        )


def _bad_rows(path: Path, bad: Sequence[Dropped], read: int) -> DataError:
    totals = Counter(drop.reason for drop in bad)
    offenders = [f"{path.name}:{drop.line}: {drop.reason}: {drop.detail}" for drop in bad[:SHOWN]]
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


def _check_sizes(
    splits: Mapping[Split, tuple[Example, ...]], usable: int, fractions: Mapping[Split, float], path: Path
) -> None:
    empty = [split for split in SPLITS if not splits[split]]
    if not empty:
        return
    counts = ", ".join(f"{split} {len(examples)}" for split, examples in splits.items())
    unasked = [split for split in empty if not fractions.get(split)]
    hint = (
        f'Give {unasked[0]} a fraction above 0, or rows with `"split": "{unasked[0]}"`.'
        if unasked
        else "At least 4 rows with different inputs are needed when no split is given, one for each split; "
        f'add rows, or mark some with `"split": "{empty[0]}"`.'
    )
    raise DataError(
        "empty-split",
        f"Nothing would be left for {', '.join(empty)}: {path.name} has {usable} usable rows.",
        hint=hint,
        details=(f"Rows by split: {counts}.",),
    )


def _notes(
    rows: Sequence[Row], contract: OutputSpec, checked: _Checked, logged: Mapping[str, object]
) -> list[str]:
    notes = []
    if getattr(contract, "inferred", False):
        notes.append(
            f"The output contract was inferred from all {len(rows)} rows, test included; "
            "write it down to fix it."
        )
    targets: dict[tuple[str, tuple[str, ...] | None], set[str]] = defaultdict(set)
    for row in rows:
        targets[normalised(row.input), row.attributes].add(checked.targets[row.row_id])
    if contradictory := sum(len(found) > 1 for found in targets.values()):
        notes.append(f"{contradictory} inputs have more than one target.")
    unasked = sum(
        bool(set(as_object(row.output) or ()) - set(row.attributes)) for row in rows if row.attributes
    )
    if unasked:
        notes.append(f"{unasked} targets hold fields that their rows do not ask for.")
    timed = sum(set(row.cloud_latency_s) - set(row.cloud_outputs) != set() for row in rows)
    if timed:
        notes.append(f"{timed} rows time a model whose answer they do not hold.")
    if strangers := len(set(logged) - {row.row_id for row in rows}):
        notes.append(f"{strangers} logged answers belong to no row of the dataset.")
    return notes
