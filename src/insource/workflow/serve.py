"""Open what answers for the chosen arm of a finished run, ready to be served."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from insource.arms.local import Local
from insource.arms.prompts import task_grammar
from insource.export.stage import TOKENIZER_FILE
from insource.foundation.errors import IntegrityError, UserError
from insource.models.catalogue import BaseModel, resolve
from insource.models.fitted.model import FittedModel, request_to
from insource.models.fitted.registry import load as load_fitted
from insource.models.grounding.grounding import Grounding
from insource.models.prompting.folder import load as load_prompt
from insource.models.prompting.model import PromptedModel
from insource.models.protocol import Model, Request
from insource.routing.confidence import TOP_LOGPROBS, judged, load_tokenizer
from insource.routing.fields.stating_model import StatingModel
from insource.routing.grounded import GroundedModel
from insource.routing.labelled import labelled
from insource.routing.vocabulary import CONTROL_MARK, tokenizer_of
from insource.runs.result import load
from insource.serving.adapters import Engines
from insource.serving.engine import EngineSettings
from insource.serving.memory import slots_that_fit
from insource.serving.shared_engine import AdapterModel
from insource.serving.supervisor import usable_cores
from insource.types import Completion, Policy, RunResult, Served, Task
from insource.workflow.certify import still_certified
from insource.workflow.composed import hybrid, staged
from insource.workflow.deployed import RUN_THE_LOOP, Deployed, Opened
from insource.workflow.looking_twice import LANGUAGE_MODELS, looking_twice
from insource.workflow.servable import confidence_of, second_answerer, with_arm
from insource.workflow.session import Session


def deployed(
    session: Session, run: str | None = None, engines: Engines | None = None, arm: str | None = None
) -> Deployed:
    """Return what answers for the arm that the newest complete run chose, or ``run``; or for another ``arm``.

    Raises:
        UserError: ``no-such-run``, ``no-such-arm``, and those of ``answering``.
        DataError, IntegrityError: as ``answering``.
    """
    result = load(session.project.runs, run)[0]
    return answering(session, result if arm is None else with_arm(result, arm), engines)


def deployed_together(
    sessions: Sequence[Session], asked: Sequence[tuple[str | None, str | None]]
) -> tuple[Deployed, ...]:
    """Return what answers for the tasks of several projects, on one engine for each base model.

    ``asked`` has a run and an arm for each of them; None is the newest run, and the arm that it chose.

    Raises:
        UserError: ``duplicate-task`` when two projects have the same task; and as ``deployed``.
        DataError, IntegrityError: as ``deployed``.
    """
    folders: dict[str, Path] = {}
    for session in sessions:
        name, folder = session.config.task.name, session.project.folder
        if name in folders:
            raise UserError(
                "duplicate-task",
                f"Two projects have the task {name!r}: {folders[name]} and {folder}.",
                hint="Rename one of them: `name` under [task] in its insource.toml.",
            )
        folders[name] = folder
    engines = Engines(_restarted(sessions[0]), sessions[0].display.note) if sessions else None
    return tuple(
        deployed(session, run, engines, arm) for session, (run, arm) in zip(sessions, asked, strict=False)
    )


def answering(session: Session, result: RunResult, engines: Engines | None = None) -> Deployed:
    """Return what answers for the arm that a result chose, on an engine of its own or one of ``engines``.

    Raises:
        UserError: ``model-not-found`` when the files of the model were deleted, or there never were any.
        DataError: ``fitted-model-unreadable``, ``confidence-unreadable``.
        IntegrityError: ``digest-mismatch`` when the base model or the learned confidence is another file.
    """
    served = result.served
    if result.routing is None or (served is None and result.training is None):
        raise UserError(
            "model-not-found", f"{result.run_id} measured no model that can be served.", hint=RUN_THE_LOOP
        )
    # The prompt and the limits are those that were measured and calibrated, not today's configuration.
    task = session.project.task(result.dataset.output)
    task = task.model_copy(update={"instruction": result.instruction})
    found = _Found(
        session,
        result,
        task,
        result.routing.policy,
        engines or Engines(_restarted(session), session.display.note),
    )
    known, what = still_certified(session, task, result)
    one = _chosen(found, served)
    return one._replace(certified=known, model_changed=what, fields=result.routing.fields)


def _chosen(found: _Found, served: Served | None) -> Deployed:
    """Return what answers for an arm with the confidence that its policy is about."""
    if served is not None and served.kind == "staged":
        first, second = _answering(found, served.parts[0]), _chosen(found, served.parts[1])
        return staged(found.result, found.task, served, [first, second])
    return _looking_twice(found, served, _with_confidence(_answering(found, served), found))


def _with_confidence(deployed: Deployed, found: _Found) -> Deployed:
    """State the learned confidence that the policy of a run is about; an older run has none."""
    confidence = confidence_of(found.result)
    if confidence is None:
        return deployed
    runs = found.session.project.runs.folder
    second = second_answerer(runs, found.result, found.task, confidence.second_look)

    @contextmanager
    def opened() -> Iterator[Opened]:
        with deployed.open() as one:
            stating = StatingModel(one.model, deployed.judge, confidence, deployed.task.output, second)
            yield Opened(stating, one.alive)

    return deployed._replace(open=opened)


class _Found(NamedTuple):
    """What every kind of model is opened with."""

    session: Session
    result: RunResult
    task: Task
    policy: Policy
    engines: Engines

    def with_labels(self, model: AdapterModel, gguf: Path) -> AbstractContextManager[Model]:
        """State the probabilities of the task's labels, and the confidence that its policy is about."""
        by_tokens = self.policy.measure == "tokens"
        engine, note = self.session.config.serving.engine, self.session.display.note
        return labelled(model, self.task, gguf, engine, note, by_tokens=by_tokens)


def _restarted(session: Session) -> Callable[[str], None]:
    return lambda reason: session.display.note(f"The engine was started again: {reason}")


def _looking_twice(found: _Found, served: Served | None, one: Deployed) -> Deployed:
    """Look twice at doubtful answers of a language model, where the policy was certified with that."""
    zone = found.result.routing.second_look if found.result.routing is not None else None
    if zone is None or not (served is None or served.kind in LANGUAGE_MODELS):
        return one
    return one._replace(open=lambda: looking_twice(one.open(), one.judge, zone, found.task.output))


def _answering(found: _Found, served: Served | None) -> Deployed:
    if served is None or served.kind == "engine":
        return _tuned(found)
    if served.kind == "hybrid":
        return hybrid(found.result, found.task, served, [_answering(found, part) for part in served.parts])
    folder = found.session.project.runs.folder / served.folder
    if not folder.is_dir():
        raise _gone(found.result, "model", folder)
    return _prompted(found, folder) if served.kind == "prompted" else _fitted(found, folder, served.model)


def _fitted(found: _Found, folder: Path, name: str) -> Deployed:
    model = FittedModel(name, load_fitted(folder))

    @contextmanager
    def opened() -> Iterator[Opened]:
        yield Opened(model)

    return Deployed(
        result=found.result,
        task=found.task,
        name=name,
        policy=found.policy,
        open=opened,
        ask=lambda document: request_to(found.task, document),
        slots=usable_cores(),
        folder=folder,
    )


def _prompted(found: _Found, folder: Path) -> Deployed:
    prompting = load_prompt(folder)
    prompt = prompting.prompt
    base = _base(prompt.base, prompt.base_digest, found.result)
    local = _behind_engine(found, base, None, prompt.max_tokens, prompt.context_tokens)
    settings = _with_slots(local)
    engine = found.engines.of(settings)
    engine.join(settings)
    grammar = task_grammar(found.task) if prompt.constrained else None

    @contextmanager
    def opened() -> Iterator[Opened]:
        with engine.model(base.name, None) as served, found.with_labels(served, base.gguf) as held:
            yield Opened(PromptedModel(held, prompting, served.count_tokens), lambda: served.alive)

    def judge(completion: Completion) -> Completion:
        if grammar is None or not completion.tokens:
            return completion
        return judged(completion, grammar, tokenizer_of(base.gguf), found.task.output)

    return Deployed(
        result=found.result,
        task=found.task,
        name=base.name,
        policy=found.policy,
        open=opened,
        ask=_asking(found.task, prompt.max_tokens, grammar),
        judge=judge,
        spelled=_spelling(lambda: tokenizer_of(base.gguf)),
        slots=settings.slots,
        engine=engine.name,
    )


def _tuned(found: _Found) -> Deployed:
    result, task = found.result, found.task
    adapter = Path(result.paths.get("adapter", ""))
    if result.training is None or not adapter.is_file():
        raise _gone(result, "adapter", adapter)
    base = _base(result.training.base_model, result.base_digest, result)
    local = _behind_engine(found, base, None, result.max_new_tokens).of(adapter)
    local = local._replace(compact=result.training.compact_answers)
    settings = _with_slots(local)
    engine = found.engines.of(settings)
    index = engine.join(settings)
    tokenizer = adapter.with_name(TOKENIZER_FILE)
    grammar = task_grammar(task)
    grounding = _grounding(result)

    @contextmanager
    def opened() -> Iterator[Opened]:
        with engine.model(local.tuned_name, index) as model, found.with_labels(model, base.gguf) as held:
            held = local.with_keys(held)
            if grounding is not None:
                held = GroundedModel(held, task, grounding, tokenizer)
            yield Opened(held, lambda: model.alive)

    return Deployed(
        result=result,
        task=task,
        name=local.tuned_name,
        policy=found.policy,
        open=opened,
        ask=_asking(task, local.max_new_tokens, grammar),
        judge=lambda completion: judged(completion, grammar, load_tokenizer(tokenizer), task.output),
        spelled=_spelling(lambda: load_tokenizer(tokenizer)),
        slots=settings.slots,
        engine=engine.name,
    )


def _with_slots(local: Local) -> EngineSettings:
    """Return the settings of an engine that answers several documents at once."""
    settings = local.settings()
    slots = local.serving.slots or slots_that_fit(settings)
    return settings.model_copy(update={"slots": slots})


def _grounding(result: RunResult) -> Grounding | None:
    path = result.paths.get("grounding")
    if path is None:
        return None
    if not Path(path).is_file():
        raise _gone(result, "grounding", path)
    return Grounding.load(Path(path))


def _gone(result: RunResult, what: str, path: Path | str) -> UserError:
    return UserError(
        "model-not-found",
        f"The {what} of {result.run_id} is not there any more: {path}.",
        hint="Make it again: insource run",
    )


def _spelling(tokenizer: Callable[[], Any]) -> Callable[[int], bytes]:
    """Return the function that spells a token, without the mark of control tokens."""
    return lambda token: bytes(tokenizer().decode_bytes([token])).removeprefix(CONTROL_MARK)


def _asking(task: Task, max_tokens: int, grammar: str | None) -> Callable[[str], Request]:
    """Return the function that asks a model behind the engine about a document."""

    def ask(document: str) -> Request:
        return Request(
            messages=task.messages(document),
            max_tokens=max_tokens,
            grammar=grammar,
            top_logprobs=TOP_LOGPROBS,
            document=document,
        )

    return ask


def _base(name: str, digest: str, result: RunResult) -> BaseModel:
    base = resolve(name)
    if base.digest != digest:
        raise IntegrityError(
            "digest-mismatch",
            f"The base model {base.name} is not the file that {result.run_id} used.",
            hint="Put the old file back, or make a run with the new one: insource run",
        )
    return base


def _behind_engine(
    found: _Found,
    base: BaseModel,
    adapter: Path | None,
    max_new_tokens: int,
    context_tokens: int | None = None,
) -> Local:
    serving = found.session.config.serving
    if context_tokens is not None:
        serving = serving.model_copy(update={"context_tokens": context_tokens})
    return Local(
        task=found.task,
        base=base,
        adapter=adapter,
        serving=serving,
        max_new_tokens=max_new_tokens,
        on_restart=_restarted(found.session),
        note=found.session.display.note,
    )
