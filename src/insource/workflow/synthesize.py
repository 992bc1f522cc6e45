"""Make more training examples from the ones there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from insource.arms.prompts import CLOUD_MAX_TOKENS
from insource.dataset.rows.records import BadRow
from insource.dataset.rows.targets import Targets
from insource.dataset.rows.teacher_policy import TeacherPolicy, co_teachers, read_policy
from insource.dataset.saved.folder import check
from insource.dataset.saved.folder import examples as read_examples
from insource.dataset.synthesis.edits import edited_rows
from insource.dataset.synthesis.filters import Filters
from insource.dataset.synthesis.making import SynthesisReport, SynthesisRun
from insource.dataset.synthesis.output import SyntheticFile, synthetic_row
from insource.dataset.synthesis.places import as_label
from insource.dataset.synthesis.prompts import paraphrase
from insource.dataset.synthesis.wanted import Wanted
from insource.foundation.errors import UserError
from insource.foundation.rng import generator
from insource.logs.questions import Questions
from insource.models.protocol import Model, Request
from insource.types import SPLITS, Example, Provenance, Row, Task
from insource.workflow.ask_cloud import confirm_spending
from insource.workflow.build import build_dataset_folder
from insource.workflow.session import Session

SAMPLING_TEMPERATURE = 0.7


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
            made = SynthesisRun(file, filters, parents, session.display.progress)
            stopped = made.take(edited_rows(train, wanted, session.config.project.seed), wanted.count)
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
            made = SynthesisRun(file, filters, parents, session.display.progress)
            rows = _asked(session, questions, wanted, task, train, _teacher_origin(teacher, session, policy))
            stopped = made.take(rows, wanted.count)
            return made.report(wanted.method, stopped, questions)


def _asked(
    session: Session,
    questions: Questions,
    wanted: Wanted,
    task: Task,
    train: Sequence[Example],
    teacher: Provenance,
) -> Iterator[Row | str]:
    """Yield the rows that a teacher's answers come to, or why one came to nothing."""
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
    """Return the request for one label: the most likely answer first, then drawn ones to compare."""
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
    confirm_spending(session, f"{questions.model} {len(pending):,} questions", cost)
