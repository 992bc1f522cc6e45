"""Every arm evaluated and compared, without a model."""

from contextlib import contextmanager

import pytest
from support.arms import TableLocal, dataset_of, made_of
from support.walks import FakeDisplay, session_on

from insource.arms.registry import ARMS
from insource.cli.main import main
from insource.decision.verdict import conclude
from insource.foundation.errors import ProviderError
from insource.types.choice import Choice
from insource.workflow.evaluate import evaluate_arms
from insource.workflow.judge import judge
from insource.workflow.looks import looks_at_test


@pytest.fixture
def examples(rows):
    """Thirty tickets with a cloud's answers: eight in ten right."""
    lines = rows.tickets(30)
    answers = [line["output"] if n % 5 else "technical" for n, line in enumerate(lines)]
    return rows.examples(
        [line | {"cloud_outputs": {"gpt": answer}} for line, answer in zip(lines, answers, strict=True)]
    )


@pytest.fixture
def walk(project):
    display = FakeDisplay()
    return session_on(project(config="[task]\nname = 'tickets'\n"), display), display


def compare(session, task, examples, found, choice):
    dataset = dataset_of(examples[:9], examples[9:], task)
    return judge(session, dataset, task, found, choice).comparisons


def evaluated(walk, task, examples, folder, clouds=("gpt",)):
    dataset = dataset_of(examples[:9], examples[9:], task, clouds=clouds)
    return dataset, evaluate_arms(walk, dataset, task, made_of(task, folder, examples), choice=CHOICE)


CHOICE = Choice(
    candidate="tuned", baseline="gpt", metric="accuracy", margin=0.02, trials=(), reason="the only one"
)


def test_arms_are_measured_in_the_order_of_the_registry(walk, label_task, examples, tmp_path):
    session, display = walk
    _, found = evaluated(session, label_task, examples, tmp_path)
    names = [one.evaluation.arm.name for one in found]
    kinds = [arm.kind for arm in ARMS]
    assert sorted(names, key=names.index) == names
    assert [one.evaluation.arm.kind for one in found] == sorted(
        (one.evaluation.arm.kind for one in found), key=kinds.index
    )
    assert [one.arm.name for one in display.evaluations] == names
    accuracy = {one.evaluation.arm.name: one.evaluation.metrics["accuracy"].value for one in found}
    assert accuracy["tuned"] == 1
    assert accuracy["base"] == 0
    assert accuracy["floor"] == pytest.approx(1 / 3)


def test_a_second_walk_reads_back_and_looks_no_more(project, walk, label_task, examples, tmp_path):
    session, _ = walk
    dataset, first = evaluated(session, label_task, examples, tmp_path)
    looks = looks_at_test(session, dataset.splits["test"]).most
    again = session_on(session.project.folder, display := FakeDisplay())
    _, second = evaluated(again, label_task, examples, tmp_path)
    assert [one.run.run_id for one in second] == [one.run.run_id for one in first]
    assert all(stage.skipped for stage in again.stages)
    assert display.evaluations == [one.evaluation for one in second]
    assert looks_at_test(again, dataset.splits["test"]).most == looks == 1


def test_a_new_arm_s_price_measures_nothing_again(walk, label_task, examples, tmp_path):
    session, _ = walk
    _, first = evaluated(session, label_task, examples, tmp_path)
    folder = session.project.folder
    (folder / "insource.toml").write_text("[task]\nname = 'tickets'\n[reference]\ncost_per_1000_usd = 9.0\n")
    _, second = evaluated(session_on(folder), label_task, examples, tmp_path)
    assert second[0].run.skipped
    assert first[0].evaluation.arm.cost_per_1000_usd is None
    assert second[0].evaluation.arm.cost_per_1000_usd == 9.0


def test_what_is_not_measured_says_why(walk, label_task, examples, tmp_path):
    session, display = walk
    _, found = evaluated(session, label_task, examples, tmp_path, clouds=())
    assert "gpt" not in [one.evaluation.arm.name for one in found]
    assert session.skipped_arms["cloud"].startswith("not measured: no cloud answers in the rows")
    assert any(note.startswith("cloud: not measured") for note in display.notes)


class Broken(TableLocal):
    """An engine whose base model, or whose adapter, fails on every document."""

    fails = None

    @contextmanager
    def serve(self, name, adapter):
        with super().serve(name, adapter) as model:
            yield Failing(model) if adapter == self.fails else model


class Failing:
    def __init__(self, model):
        self.info = model.info
        self.count_tokens = model.count_tokens

    def generate(self, request):
        raise ProviderError("engine-failed-to-answer", "nothing came")


def broken(task, folder, examples, fails):
    made = made_of(task, folder, examples)
    local = Broken(*made.local)
    local.answers, local.fails = made.local.answers, fails
    return made._replace(local=local)


def test_an_arm_that_keeps_failing_is_left_out_with_its_reason(walk, label_task, examples, tmp_path):
    session, _ = walk
    dataset = dataset_of(examples[:9], examples[9:], label_task)
    found = evaluate_arms(session, dataset, label_task, broken(label_task, tmp_path, examples, None))
    names = {one.evaluation.arm.name for one in found}
    assert "tuned" in names
    assert not {"base", "base + schema"} & names
    assert "not measured: small failed on 5 documents" in session.skipped_arms["base"]


def test_without_its_candidate_a_walk_ends(walk, label_task, examples, tmp_path):
    session, _ = walk
    dataset = dataset_of(examples[:9], examples[9:], label_task)
    with pytest.raises(ProviderError) as caught:
        evaluate_arms(session, dataset, label_task, broken(label_task, tmp_path, examples, 0), choice=CHOICE)
    assert caught.value.code == "model-keeps-failing"


def test_the_comparison_that_decides_comes_first(walk, label_task, examples, tmp_path):
    session, _ = walk
    _, found = evaluated(session, label_task, examples, tmp_path)
    pairs = [(one.candidate, one.baseline) for one in compare(session, label_task, examples, found, CHOICE)]
    assert pairs[0] == ("tuned", "gpt")
    assert {candidate for candidate, _ in pairs} == {"tuned"}
    others = [baseline for _, baseline in pairs[1:]]
    assert others[0] == "floor"
    assert {"base", "base + schema", "retrieved few-shot + schema"} <= set(others)


def test_a_cloud_that_was_not_offered_a_label_is_named_wherever_it_is_compared(
    project, rows, label_task, tmp_path, capsys
):
    """Through evaluation, comparison, verdict, report and command."""
    lines = rows.tickets(60)
    hidden = lines[0]["output"]
    other = next(line["output"] for line in lines if line["output"] != hidden)
    answers = [other if line["output"] == hidden else line["output"] for line in lines]
    examples = rows.examples(
        [line | {"cloud_outputs": {"gpt": answer}} for line, answer in zip(lines, answers, strict=True)]
    )
    session = session_on(project(config="[task]\nname = 'tickets'\n"), FakeDisplay())
    _, found = evaluated(session, label_task, examples, tmp_path)
    comparisons = compare(session, label_task, examples, found, CHOICE)
    (cloud,) = (one for one in comparisons if one.baseline == "gpt")
    affected = sum(example.target == hidden for example in examples[9:])
    (gap,) = cloud.never_answered
    assert (gap.arm, gap.labels, gap.documents, gap.of) == ("gpt", (hidden,), affected, len(examples) - 9)
    first = f"gpt never answered 1 of the {gap.occurring} labels that occur, on {affected} of"
    assert cloud.sentence.startswith(first)
    assert not any(one.never_answered for one in comparisons if one.baseline != "gpt")
    verdict = conclude([one.evaluation.arm for one in found], comparisons, None, chosen="tuned")
    # The candidate is better because of that label alone, so nothing is concluded.
    assert (cloud.outcome, verdict.outcome) == ("not comparable", "undecided")
    assert verdict.sentence.startswith("The tuned model and gpt are not comparable here.")
    assert f"1 of the {gap.occurring} labels" in verdict.sentence or hidden in verdict.sentence

    main(["compare", "tuned", "gpt", "--config", str(session.project.folder / "insource.toml")])
    assert first in capsys.readouterr().err


def test_without_a_candidate_nothing_is_compared(walk, label_task, examples, tmp_path):
    session, _ = walk
    dataset = dataset_of(examples[:9], examples[9:], label_task, clouds=("gpt",))
    others = [arm for arm in ARMS if arm.role != "candidate"]
    made = made_of(label_task, tmp_path, examples)
    found = evaluate_arms(session, dataset, label_task, made, others)
    assert compare(session, label_task, examples, found, None) == ()
