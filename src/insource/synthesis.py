"""More training examples from the ones there are: a stage beside the loop, run when data is short."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import chain, islice
from pathlib import Path

from insource.arms import CLOUD_MAX_TOKENS
from insource.dataset.contract import Targets
from insource.dataset.folder import check
from insource.dataset.folder import examples as read_examples
from insource.dataset.policy import TeacherPolicy, co_teachers, read_policy
from insource.dataset.records import BadRow
from insource.dataset.synthesis.edits import Method, drafts
from insource.dataset.synthesis.filters import Filters
from insource.dataset.synthesis.output import SyntheticFile, synthetic_row
from insource.dataset.synthesis.places import as_label
from insource.dataset.synthesis.prompts import paraphrase
from insource.foundation.errors import DataError, UserError
from insource.foundation.money import show_usd
from insource.foundation.rng import generator
from insource.intake import build_dataset_folder
from insource.logs.questions import CapReached, Questions
from insource.models.protocol import Model, Request
from insource.session import Session
from insource.types import SPLITS, Example, Frozen, Provenance, Row, Task

# More drafts than this for each row wanted, and the documents do not yield more.
MAX_DRAFTS = 20
BATCH = 256
SAMPLING_TEMPERATURE = 0.7
SHOWN = 8


class SynthesisReport(Frozen):
    """What was made, and what was refused and why: ``drafts == made + already + sum(refused)``."""

    method: Method
    drafts: int
    made: int
    already: int
    refused: dict[str, int]
    questions: int
    spent_usd: Decimal
    stopped: str
    path: str


class Wanted(Frozen):
    """``count`` new rows, or documents to ask a teacher about; ``samples`` answers that have to agree;
    ``max_usd`` for all of it; ``inputs`` are the documents to label."""

    method: Method
    count: int
    samples: int = 2
    max_usd: Decimal | None = None
    inputs: tuple[str, ...] = ()


def synthesize(session: Session, wanted: Wanted, teacher: Model | None = None) -> SynthesisReport:
    """Make rows for the training split and append them to the synthetic file.

    Parents are real rows of the training split. Nothing near a held-out document is kept.

    Raises:
        UserError: ``no-teacher`` for a method that asks one, ``not-confirmed``, ``over-cap``,
            ``price-unknown``.
        DataError: ``nothing-to-edit`` when no label stands in its document as it is spelled.
        ProviderError: the teacher's; what was made is kept, and the same command goes on there.
    """
    with SyntheticFile(session.project.synthetic_path) as file:
        folder, manifest = build_dataset_folder(session)
        task = session.project.task(manifest.output)
        session.begin("synthesize", f"{wanted.count:,} rows for the training split, by {wanted.method}")
        train = [e for e in read_examples(folder, "train") if not e.provenance.synthetic]
        targets = Targets(check(folder).output, task.absent_fields)
        held_out = [e.input for split in SPLITS[1:] for e in read_examples(folder, split)]
        filters = Filters(targets, held_out, read_examples(folder, "train"))
        parents = {example.row_id: example for example in train}
        policy = read_policy(session.project.policy_path)
        if wanted.method in ("edit", "recombine"):
            made = _Made(file, filters, parents, session.display.progress)
            stopped = made.take(_edits(train, wanted, session.config.project.seed), wanted.count)
            return made.report(wanted.method, stopped)
        if teacher is None:
            raise UserError(
                "no-teacher",
                f"{wanted.method} asks a teacher, and `reference.model` names none.",
                hint="Name one under [reference] in insource.toml, or use --method edit, which asks nobody.",
            )
        with session.recorder() as recorder:
            questions = Questions(
                teacher, recorder, f"{task.name}-synthesis", session.config.prices.models, wanted.max_usd
            )
            made = _Made(file, filters, parents, session.display.progress)
            rows = _asked(session, questions, wanted, task, train, _teacher_origin(teacher, session, policy))
            stopped = made.take(rows, wanted.count)
            return made.report(wanted.method, stopped, questions)


def read_inputs(path: Path) -> tuple[str, ...]:
    """The ``input`` of each line of a JSON Lines file.

    Raises:
        DataError: ``rows-unreadable``, ``bad-rows`` with the first lines that have none.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise DataError(
            "rows-unreadable",
            f"{path} cannot be read: {error.strerror or error}.",
            hint="Give JSON Lines with an `input` in each line.",
        ) from error
    texts, bad = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            text = json.loads(line)["input"]
        except (ValueError, KeyError, TypeError):
            text = None
        if isinstance(text, str) and text.strip():
            texts.append(text)
        else:
            bad.append(number)
    if bad:
        raise DataError(
            "bad-rows",
            f"{len(bad)} lines of {path.name} have no text under `input`.",
            details=tuple(f"{path.name}:{number}" for number in bad[:SHOWN]),
            hint="Give JSON Lines with an `input` in each line.",
        )
    return tuple(texts)


class _Made:
    """Counts of one run while its rows are written."""

    def __init__(
        self,
        file: SyntheticFile,
        filters: Filters,
        parents: dict[str, Example],
        progress: Callable[[str, float, float], None],
    ) -> None:
        self._file, self._filters, self._parents, self._progress = file, filters, parents, progress
        self._drafts = self._made = self._already = 0

    def take(self, rows: Iterator[Row | str], count: int) -> str:
        """Filter and write until ``count`` rows are made; why it ended before, or nothing."""
        rows = islice(rows, MAX_DRAFTS * count)
        while True:
            batch: list[Row | str] = []
            try:
                for row in islice(rows, BATCH):
                    batch.append(row)
            except CapReached:
                self._keep(batch, count)
                return "the next question could cost more than is left; raise --max-usd to go on"
            except BaseException:  # what was paid for is kept
                self._keep(batch, count)
                raise
            self._keep(batch, count)
            if self._made + self._already >= count:
                return ""
            if len(batch) < BATCH:
                return "these documents do not yield more"

    def _keep(self, batch: Sequence[Row | str], count: int) -> None:
        near = self._filters.near_held_out([row.input for row in batch if isinstance(row, Row)])
        for row in batch:
            if self._made + self._already >= count:
                return
            self._drafts += 1
            if isinstance(row, str):
                self._filters.refused[row] += 1
            elif row.row_id in self._file.ids:
                self._already += 1
            elif self._filters.passes(row, self._parent_of(row), near):
                self._made += self._file.add(row)
                self._progress("rows", self._made + self._already, count)

    def _parent_of(self, row: Row) -> Example | None:
        return self._parents.get(row.provenance.parents[0]) if row.provenance.parents else None

    def report(self, method: Method, stopped: str, questions: Questions | None = None) -> SynthesisReport:
        return SynthesisReport(
            method=method,
            drafts=self._drafts,
            made=self._made,
            already=self._already,
            refused=dict(self._filters.refused.most_common()),
            questions=questions.asked if questions else 0,
            spent_usd=questions.spent_usd if questions else Decimal(0),
            stopped=stopped,
            path=str(self._file.path),
        )


def _edits(train: Sequence[Example], wanted: Wanted, seed: int) -> Iterator[Row]:
    found = drafts(train, "edit" if wanted.method == "edit" else "recombine", seed)
    first = next(found, None)
    if first is None:
        raise DataError(
            "nothing-to-edit",
            "No training document has a value that stands in it once, spelled as in its label.",
            hint="Labels of classes cannot be edited in; use --method paraphrase or --method label.",
        )
    by_id = {example.row_id: example for example in train}
    for draft in chain([first], found):
        # The label is as trustworthy as its parents': a teacher's among them makes it a teacher's.
        origins = [by_id[parent].provenance for parent in draft.parents]
        origin = next((one for one in origins if one.from_teacher), origins[0])
        kept = origin.model_copy(
            update={
                "synthetic": wanted.method,
                "parents": draft.parents,
                "co_teachers": co_teachers(origins, origin),
            }
        )
        yield synthetic_row(
            draft.input, draft.output, kept, attributes=draft.attributes, contract=draft.contract
        )


def _asked(
    session: Session,
    questions: Questions,
    wanted: Wanted,
    task: Task,
    train: Sequence[Example],
    teacher: Provenance,
) -> Iterator[Row | str]:
    """The rows that a teacher's answers come to, or why one came to nothing."""
    if wanted.method == "paraphrase":
        order = generator(session.config.project.seed, "dataset.synthesis.paraphrase").permutation(len(train))
        chosen = [train[int(n)] for n in order[: wanted.count]]
        answers = sum(len(example.input) for example in chosen) // max(1, len(chosen))
        _confirm(session, questions, [_paraphrased(example) for example in chosen], answers)
        for example in chosen:
            yield _paraphrase_row(example, questions.answer(_paraphrased(example)), teacher)
        return
    texts = wanted.inputs[: wanted.count]
    asked = [_labelled(task, text, n) for text in texts for n in range(wanted.samples)]
    answers = sum(len(example.target) for example in train) // max(1, len(train))
    _confirm(session, questions, asked, answers)
    targets = Targets(task.output, task.absent_fields)
    for text in texts:
        said = [questions.answer(_labelled(task, text, n)) for n in range(wanted.samples)]
        yield _labelled_row(text, said, teacher, targets)


def _paraphrased(example: Example) -> Request:
    return Request(
        messages=paraphrase(example), max_tokens=CLOUD_MAX_TOKENS, temperature=SAMPLING_TEMPERATURE
    )


def _paraphrase_row(example: Example, answer: str | None, teacher: Provenance) -> Row | str:
    if answer is None:
        return "teacher-refused"
    label = as_label(example)
    # Who vouches for the label is who did for the parent's; the words are the teacher's all the same.
    origin = teacher.model_copy(
        update={
            "label": example.provenance.label,
            "synthetic": "paraphrase",
            "parents": (example.row_id,),
            "co_teachers": co_teachers([example.provenance], teacher),
        }
    )
    return synthetic_row(
        answer.strip(),
        example.target if label is None else label,
        origin,
        attributes=example.attributes,
        contract=example.contract,
    )


def _labelled(task: Task, text: str, sample: int) -> Request:
    """The first answer is the most likely one; further ones are drawn, to see whether it stays."""
    return Request(
        messages=task.messages(text, describe_output=True),
        max_tokens=CLOUD_MAX_TOKENS,
        temperature=SAMPLING_TEMPERATURE if sample else 0.0,
        seed=sample,
    )


def _labelled_row(text: str, said: Sequence[str | None], teacher: Provenance, targets: Targets) -> Row | str:
    origin = teacher.model_copy(update={"synthetic": "label"})
    rows = [synthetic_row(text, answer.strip(), origin) for answer in said if answer is not None]
    if len(rows) < len(said):
        return "teacher-refused"
    try:
        found = {targets.of(row) for row in rows}
    except BadRow:
        return "schema-violation"
    return rows[0] if len(found) == 1 else "inconsistent"


def _teacher_origin(teacher: Model, session: Session, policy: TeacherPolicy) -> Provenance:
    provider, _, model = teacher.info.name.partition("/")
    origin = Provenance(
        source="teacher",
        label="teacher",
        provider=provider,
        model=model,
        date=session.clock.now().date().isoformat(),
    )
    return origin.model_copy(update={"terms": policy.terms_of(origin)})


def _confirm(
    session: Session, questions: Questions, requests: Sequence[Request], answer_characters: int
) -> None:
    pending = questions.pending(requests)
    if not pending:
        return
    cost = questions.estimate_usd(pending, answer_characters)
    if not session.display.confirm(
        f"Asking {questions.model} {len(pending):,} questions costs about {show_usd(cost)}. Continue?"
    ):
        raise UserError(
            "not-confirmed",
            "Nothing was sent: spending money needs a yes.",
            hint="Answer yes at the terminal, or pass --yes.",
        )
