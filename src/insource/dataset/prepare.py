"""Prepare a source's rows for the split: read, review and fix them, and keep them in the contract.

The cloud's answers from the log join prepared rows. What is asked depends on the fixed rows, and fixes
change the answers too, so the accepted fixes are applied again to the rows with their answers.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from insource.contract.infer import Inference
from insource.contract.limits import NO_GRAMMAR, limit_notes, limits
from insource.dataset.checks.check import Context
from insource.dataset.checks.suite import apply_fixes
from insource.dataset.review.apply import apply_reviews
from insource.dataset.rows.examples import example_of
from insource.dataset.rows.logged_answers import with_logged_answers
from insource.dataset.rows.reasoning import set_reasoning_apart, without_cloud_reasoning
from insource.dataset.rows.source import LEFT_OUT, Source
from insource.dataset.rows.staged import Staged, staged
from insource.dataset.rows.targets import Targets, check_contract
from insource.dataset.rows.teacher_policy import with_terms
from insource.dataset.settings import BuildSettings
from insource.dataset.splits.step import GONE, SplitKeys, place_rows, read_split_keys
from insource.dataset.splits.stored import Stored
from insource.dataset.unusable import bad_rows, check_sizes
from insource.logs.collect import Logged
from insource.types import SPLITS, Dropped, Example, JsonSchema, Labels, OutputSpec, Row, Split, Text

NO_ANSWERS = Logged({}, frozenset())

MakeContext = Callable[[Staged, OutputSpec], Context]


class Prepared:
    """A source's rows before they are split, what is known of them, and the log's answers to them.

    Attributes:
        rows: the rows, reviewed, fixed and in the contract.
        contract: the output contract, given or inferred.
        notes: what reviews and inference have to say in the manifest.
        logged: the log's answers that were joined.
    """

    def __init__(self, rows: Staged, settings: BuildSettings, context: MakeContext | None = None) -> None:
        self.settings = settings
        self.logged = NO_ANSWERS
        self._keys: SplitKeys | None = None
        bad = [drop for drop in rows.dropped if drop.reason not in LEFT_OUT]
        if not len(rows):
            raise bad_rows(rows.name, rows.dropped, rows.read)
        reviewed = apply_reviews(rows, settings.reviews)
        inferred = Inference.of(() if settings.output else (row.output for row in rows))
        contract = settings.output or inferred.output
        check_contract(contract)
        bad += set_reasoning_apart(rows, contract)
        make = context or _plain_context(settings)
        self._context = make(rows, contract)
        # Fixes change the rows for good; those as read are kept for the answers that may join later.
        self._unfixed = rows.copy(rows.folder / "unfixed") if settings.accepted else None
        self._fixes = apply_fixes(self._context, settings.decisions)
        if self._fixes and settings.output is None:
            inferred = Inference.of(row.output for row in rows)  # without what the fixes took away
            contract = inferred.output
        self.rows = rows
        self.contract = contract
        self.targets = Targets(contract, settings.absent_fields)
        bad += self._keep_contract()
        if bad and settings.on_bad_rows == "error":
            raise bad_rows(rows.name, bad, rows.read)
        self.notes = (*reviewed, *_inferred_notes(inferred), *_contract_notes(contract, rows))

    @property
    def classes(self) -> bool:
        """Whether the answers are labels."""
        return isinstance(self.contract, Labels)

    def example(self, row: Row) -> Example:
        """Return the row as an example, with the terms of its teacher's answer."""
        row = with_terms(row, self.settings.policy)
        return example_of(row, self.targets.of(row))

    def split_keys(self) -> SplitKeys:
        """Read what splitting needs, near-duplicates included, once: the log's answers change none of it."""
        if self._keys is None:
            self._keys = read_split_keys(self.rows, self.settings.seed, stratified=self.classes)
        return self._keys

    def documents(self, stored: Stored) -> Iterator[tuple[Split, Example]]:
        """Yield the examples that the dataset will have with these stored splits, and the split of each.

        Raises:
            UserError, DataError: as sealing raises them for the splits.
        """
        places = place_rows(self.split_keys(), self.settings.plan, stored).places()
        kept = Counter(places.tolist())
        counts: dict[Split, int] = {split: kept[place] for place, split in enumerate(SPLITS)}
        check_sizes(counts, self.settings, self.rows.name, stored=stored.grouping is not None)
        for row, place in zip(self.rows, places.tolist(), strict=True):
            if place != GONE:
                yield SPLITS[place], self.example(row)

    def join(self, logged: Logged) -> None:
        """Join the log's answers to the rows; the accepted fixes change them as they change the rows."""
        self.logged = logged
        if not logged.answers:
            return

        def with_answers(row: Row) -> Row:
            answers = logged.answers.get(row.row_id)
            return (
                without_cloud_reasoning(with_logged_answers(row, answers), self.contract) if answers else row
            )

        before = self.rows if self._unfixed is None else self._unfixed
        self.rows = before.copy(before.folder / "joined", with_answers)
        if self._unfixed is not None:
            context = dataclasses.replace(self._context, rows=self.rows)
            apply_fixes(context, self.settings.decisions, known=self._fixes)
            self._keep_contract()

    def _keep_contract(self) -> list[Dropped]:
        """Drop the rows that do not fit the contract, and return what was dropped."""
        step = self.rows.transform("contract", lambda _, row: self.targets.misfit(row) or row)
        return self.rows.dropped[len(self.rows.dropped) - step.dropped :]


@contextmanager
def prepared(
    source: Source, parent: Path, settings: BuildSettings, context: MakeContext | None = None
) -> Iterator[Prepared]:
    """Prepare a source's rows in a scratch folder under ``parent``, which is gone after the block.

    Args:
        context: makes what checks with a fix may ask for, of the rows and their contract.

    Raises:
        DataError: the source's own, ``no-rows``, ``bad-rows``, ``labels-do-not-fit``, ``invalid-schema``,
            ``dataset-not-written``.
    """
    with staged(source, parent) as rows:
        yield Prepared(rows, settings, context)


def _plain_context(settings: BuildSettings) -> MakeContext:
    def make(rows: Staged, contract: OutputSpec) -> Context:
        return Context(rows=rows, output=contract, seed=settings.seed, absent_fields=settings.absent_fields)

    return make


def _contract_notes(contract: OutputSpec, rows: Staged) -> tuple[str, ...]:
    if not isinstance(contract, JsonSchema):
        return ()
    found = limits(contract.generated)
    written = f"The grammar can write each of the {len(rows):,} labels."
    none = any(limit.keyword == NO_GRAMMAR for limit in found)
    notes = [*limit_notes(found), *([] if none or not len(rows) else [written])]
    if contract.reasoning:
        given = sum(bool(row.reasoning) for row in rows)
        notes.append(
            f"{given:,} of {len(rows):,} rows have `{contract.reasoning.name}` before the answer: "
            "reasoning, trained and generated, never scored."
        )
    return tuple(notes)


def _inferred_notes(inferred: Inference) -> tuple[str, ...]:
    if not inferred.seen:
        return ()
    fixed = "insource dataset schema --write"
    guessed = (
        f"The output contract was inferred from all {inferred.seen} rows, test included; fix it: {fixed}"
    )
    return (*([] if isinstance(inferred.output, Text) else [guessed]), *inferred.notes())
