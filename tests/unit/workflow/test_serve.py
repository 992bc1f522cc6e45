"""The model of a finished run, read back to be served."""

import json
import shutil
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from support.example_results import example_result
from support.fitted_models import LABELS, SURE, finished_run, keyword_labels
from support.tiny_gguf import write_tiny_gguf
from support.walks import session_on

from insource.evaluation.plan import ArmPlan
from insource.foundation.errors import IntegrityError, UserError
from insource.models.catalogue import BaseModel
from insource.models.grounding.grounding import Grounding
from insource.models.prompting.folder import save as save_prompt
from insource.models.prompting.lookup import Examples
from insource.models.prompting.model import Prompting
from insource.models.prompting.prompt import Prompt, Shot
from insource.models.protocol import ModelInfo
from insource.routing.grounded import GroundedModel
from insource.runs.folders import MANIFEST
from insource.serving.adapters import BaseEngine
from insource.types import Arm, Completion, Labels, RunResult, Served, Task
from insource.types.choice import Choice
from insource.workflow import serve as serve_module
from insource.workflow.servable import served_by
from insource.workflow.serve import deployed


def small_base(folder):
    gguf = write_tiny_gguf(folder / "small.gguf")
    return BaseModel(name="small", licence="Apache-2.0", gguf=gguf, digest="b" * 64)


@pytest.fixture
def finished(project, monkeypatch):
    """A project with one finished run, its adapter and its base model."""
    folder = project(config="[task]\ninstruction = 'Today: other words.'\n")
    run = folder / ".insource" / "runs" / "20260101T000000Z-run-abcdef"
    run.mkdir(parents=True)
    adapter = run / "adapter.gguf"
    adapter.write_bytes(b"adapter")
    result = example_result().model_copy(
        update={
            "paths": {"adapter": str(adapter)},
            "instruction": "The words that were trained.",
            "base_digest": "b" * 64,
            "max_new_tokens": 77,
        }
    )
    (run / "result.json").write_text(result.model_dump_json())
    manifest = {"key": "k", "seconds": 1, "outputs": [], "result": {}, "stage": "run", "run_id": run.name}
    (run / MANIFEST).write_text(json.dumps(manifest))
    base = BaseModel(
        name="small", licence="Apache-2.0", gguf=write_tiny_gguf(folder / "small.gguf"), digest="b" * 64
    )
    monkeypatch.setattr(serve_module, "resolve", lambda name: base)
    return session_on(folder), adapter, base


def test_prompt_and_limit_are_those_of_the_run_not_of_today(finished):
    session, _, base = finished
    found = deployed(session)
    assert found.task.instruction == "The words that were trained."
    assert (found.engine, found.ask("480 V").max_tokens) == (str(base.gguf), 77)
    assert found.policy == found.result.routing.policy


def test_a_run_is_found_by_the_start_of_its_name(finished):
    session, _, _ = finished
    assert deployed(session, "20260101").result == deployed(session).result
    with pytest.raises(UserError) as caught:
        deployed(session, "2025")
    assert caught.value.code == "no-such-run"


def test_an_adapter_that_was_deleted_is_named(finished):
    session, adapter, _ = finished
    adapter.unlink()
    with pytest.raises(UserError) as caught:
        deployed(session)
    assert caught.value.code == "model-not-found"
    assert str(adapter) in caught.value.message


def test_a_whole_model_is_served_as_an_adapter_is(finished, monkeypatch):
    """Trained in full, or as DoRA: same name, request, slots and policy, on an engine of its own file."""
    session, adapter, base = finished
    before = deployed(session)
    whole = write_tiny_gguf(adapter.with_name("model-f16.gguf"))
    kept = adapter.with_name("result.json")
    kept.write_text(kept.read_text().replace(str(adapter), str(whole)))
    asked = []

    @contextmanager
    def engine_model(engine, name, chosen):
        asked.append((engine.settings.gguf, engine.settings.adapters, name, chosen))
        yield SimpleNamespace(info=ModelInfo(name=name, local=True), alive=True)

    monkeypatch.setattr(BaseEngine, "model", engine_model)
    found = deployed(session)
    with found.open() as opened:
        assert (opened.model.info.name, opened.alive()) == (before.name, True)
    assert asked == [(whole, (), before.name, None)]
    same = ("name", "version", "slots", "policy", "task")
    assert [getattr(found, one) for one in same] == [getattr(before, one) for one in same]
    assert found.ask("480 V") == before.ask("480 V")
    assert (before.engine, found.engine) == (str(base.gguf), str(whole))


@pytest.mark.parametrize(("stated", "slots"), [("", 4), ("slots = 2", 2)])
def test_several_documents_at_once_as_configured(finished, monkeypatch, stated, slots):
    session, adapter, base = finished
    monkeypatch.setattr("insource.serving.memory.free_bytes", lambda: None)
    config = f"[task]\nname = 'teams'\n[serving]\n{stated}\n"
    folder = session.project.folder
    (folder / "insource.toml").write_text(config)
    assert deployed(session_on(folder)).slots == slots
    shutil.rmtree(adapter.parent)
    prompted_run(folder, base)
    assert deployed(session_on(folder)).slots == slots


def grounded_run(finished):
    """Say in the finished run's result that its answers are held to their documents; return that file."""
    session, adapter, _ = finished
    file = adapter.with_name("grounding.json")
    kept = adapter.with_name("result.json")
    result = RunResult.model_validate_json(kept.read_text())
    kept.write_text(
        result.model_copy(update={"paths": result.paths | {"grounding": str(file)}}).model_dump_json()
    )
    return session, file


def test_a_grounding_that_was_deleted_is_named_and_nothing_is_served_without_it(finished):
    session, file = grounded_run(finished)
    with pytest.raises(UserError) as caught:
        deployed(session)
    assert caught.value.code == "model-not-found"
    assert str(file) in caught.value.message


def test_what_is_served_is_held_to_its_documents_as_it_was_measured(finished, monkeypatch):
    session, file = grounded_run(finished)
    Grounding(()).save(file)

    @contextmanager
    def engine_model(engine, name, index):
        yield SimpleNamespace(info=ModelInfo(name=name, local=True), alive=True)

    monkeypatch.setattr("insource.serving.adapters.BaseEngine.model", engine_model)
    with deployed(session).open() as opened:
        assert isinstance(opened.model, GroundedModel)
        assert opened.alive()


def test_another_base_model_is_not_served_under_the_old_adapter(finished, monkeypatch):
    session, _, base = finished
    monkeypatch.setattr(serve_module, "resolve", lambda name: base.model_copy(update={"digest": "c" * 64}))
    with pytest.raises(IntegrityError) as caught:
        deployed(session)
    assert caught.value.code == "digest-mismatch"


def test_a_fitted_model_needs_neither_training_nor_an_engine(project, monkeypatch):
    folder = project(config="[task]\nname = 'teams'\ninstruction = 'Today: other words.'\n")
    result = finished_run(folder / ".insource")
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    found = deployed(session_on(folder))
    assert (found.name, found.engine, found.policy) == ("tfidf", "", result.routing.policy)
    assert found.task.instruction == result.instruction
    with found.open() as opened:
        completion = opened.model.generate(found.ask(SURE))
        assert opened.alive()
    assert completion.text == "billing"
    assert completion.confidence == keyword_labels().answer(SURE).confidence


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda folder: shutil.rmtree(folder), "model-not-found"),
        (lambda folder: (folder / "model.json").unlink(), "fitted-model-unreadable"),
        (lambda folder: (folder / "words.json").write_text("{"), "fitted-model-unreadable"),
    ],
)
def test_files_of_a_fitted_model_that_are_gone_are_named(project, damage, code):
    folder = project(config="[task]\nname = 'teams'\n")
    result = finished_run(folder / ".insource")
    files = folder / ".insource" / "runs" / result.served.folder
    damage(files)
    with pytest.raises(UserError) as caught:
        deployed(session_on(folder))
    assert caught.value.code == code
    assert str(files) in caught.value.message


def prompted_run(folder, base):
    """A run that chose a base model with a kept prompt of one fixed example."""
    task = Task(name="teams", instruction="Which team?", output=Labels(names=LABELS))
    prompt = Prompt(
        task=task,
        base="small",
        base_digest=base.digest,
        context_tokens=512,
        max_tokens=9,
        examples="fixed",
        shots=1,
    )
    shots = (Shot(row_id="r1", input="Where is my parcel?", target="delivery"),)
    files = folder / ".insource" / "runs" / "20260101T000000Z-prompt-abcdef" / "prompt"
    save_prompt(Prompting(prompt, Examples(shots)), files)
    served = Served(arm="few-shot", model="small", kind="prompted", folder=f"{files.parent.name}/prompt")
    return finished_run(folder / ".insource", served=served)


def test_a_prompted_model_is_asked_with_its_kept_prompt(project, monkeypatch):
    folder = project(config="[task]\nname = 'teams'\n")
    base = BaseModel(
        name="small", licence="Apache-2.0", gguf=write_tiny_gguf(folder / "small.gguf"), digest="b" * 64
    )
    prompted_run(folder, base)
    asked = []

    class Model:
        info = ModelInfo(name="small", local=True)
        alive = True

        def count_tokens(self, messages):
            return 1

        def generate(self, request):
            asked.append(request)
            return Completion(text="billing")

    @contextmanager
    def model(engine, name, adapter):
        assert (name, adapter) == ("small", None)
        assert engine.settings.context_tokens == 512
        yield Model()

    monkeypatch.setattr(serve_module, "resolve", lambda name: base)
    monkeypatch.setattr(BaseEngine, "model", model)
    found = deployed(session_on(folder))
    with found.open() as opened:
        assert opened.model.generate(found.ask(SURE)).text == "billing"
        assert opened.alive()
    (request,) = asked
    assert [message.content for message in request.messages][1:] == ["Where is my parcel?", "delivery", SURE]
    assert (request.max_tokens, request.grammar is None) == (9, False)


def test_another_base_model_is_not_served_behind_a_kept_prompt(project, monkeypatch):
    folder = project(config="[task]\nname = 'teams'\n")
    base = small_base(folder)
    prompted_run(folder, base)
    monkeypatch.setattr(serve_module, "resolve", lambda name: base.model_copy(update={"digest": "c" * 64}))
    with pytest.raises(IntegrityError) as caught:
        deployed(session_on(folder))
    assert caught.value.code == "digest-mismatch"


def test_what_answers_is_told_from_the_files_of_an_arm(project):
    folder = project(config="[task]\nname = 'teams'\n")
    session = session_on(folder)
    base = BaseModel(
        name="small", licence="Apache-2.0", gguf=write_tiny_gguf(folder / "small.gguf"), digest="b" * 64
    )
    result = prompted_run(folder, base)
    runs = session.project.runs.folder
    arm = Arm(name="x", model="m", kind="x", role="candidate")

    def told(answers_in):
        plan = ArmPlan(arm=arm, examples=(), identity={}, model=None, ask=None, answers_in=answers_in)
        return served_by(session, plan)

    assert told(None) == Served(arm="x", model="m")
    assert told(runs / result.served.folder).kind == "prompted"
    fitted = told(runs / "20260101T000000Z-fit-abcdef" / "model")
    assert (fitted.kind, fitted.folder) == ("fitted", "20260101T000000Z-fit-abcdef/model")


def test_a_result_from_before_says_that_the_tuned_model_answers(finished):
    session, _, base = finished
    found = deployed(session)
    assert found.result.served is None
    assert found.engine == str(base.gguf)


def test_another_arm_of_the_run_can_be_served(finished):
    session, adapter, base = finished
    kept = adapter.with_name("result.json")
    result = RunResult.model_validate_json(kept.read_text())
    chosen = Served(arm="span ranking", model="spans", kind="fitted", folder="deleted/model")
    servable = (chosen, Served(arm="tuned", model="small + teams"))
    kept.write_text(result.model_copy(update={"served": chosen, "servable": servable}).model_dump_json())
    with pytest.raises(UserError, match="deleted"):
        deployed(session)
    with pytest.raises(UserError, match="deleted"):  # the chosen arm by its name, with its threshold
        deployed(session, arm="span ranking")
    found = deployed(session, arm="tuned")
    assert found.version == result.run_id  # of a run that says nothing about its choice
    choice = Choice(candidate="span ranking", baseline="", metric="m", margin=0.0, trials=(), reason="r")
    both = found._replace(result=found.result.model_copy(update={"choice": choice}))
    assert both.version == f"{result.run_id}+tuned"  # the log tells its answers from those of the chosen arm
    assert (found.engine, found.ask("480 V").max_tokens) == (str(base.gguf), 77)
    assert found.result.served == servable[1]
    assert (found.policy.threshold, found.policy.basis) == (None, "infeasible")
    assert "calibrated for span ranking" in found.policy.reason
    with pytest.raises(UserError) as caught:
        deployed(session, arm="bert")
    assert caught.value.code == "no-such-arm"
    assert "'span ranking', 'tuned'" in caught.value.hint


def test_a_result_from_before_knows_its_chosen_arm_only(project):
    folder = project(config="[task]\nname = 'teams'\n")
    prompted_run(folder, small_base(folder))
    with pytest.raises(UserError) as caught:
        deployed(session_on(folder), arm="tuned")
    assert caught.value.code == "no-such-arm"
