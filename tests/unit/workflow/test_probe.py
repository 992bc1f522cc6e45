"""Probes within a budget: their price first, then what they found; kept, and read back."""

import pytest
from support.arms import dataset_of
from support.walks import FakeDisplay, session_on

from insource.cli.dataset.review_plain import nothing_waits
from insource.types import Provenance
from insource.workflow import nested, probe_costs
from insource.workflow.probe import probe
from insource.workflow.review import open_workbench
from insource.workflow.suffice import suffice

WORDS = (
    "charged twice invoice wrong total refund card payment fee amount",
    "parcel courier late box rain address driver missing door delivery",
    "noise display dark leak tank grinder button water heats error",
)


@pytest.fixture
def examples(rows):
    """Tickets whose words tell the desk, with some of another desk among them: learnt bit by bit."""
    from insource.foundation.rng import generator

    random, made = generator(0, "probe"), []
    for index in range(420):
        place = index % 3
        own, other = WORDS[place].split(), WORDS[(place + 1 + index % 2) % 3].split()
        words = [*random.choice(own, 2), *random.choice(other, 1)]
        text = f"{' '.join(words)} order {4000 + index}"
        label = rows.labels[place if random.random() < 0.9 else (place + 1) % 3]  # one in ten is mislabelled
        made.append({"id": f"t{index}", "input": text, "output": label})
    teacher = Provenance(source="test", label="teacher")
    return tuple(one.model_copy(update={"provenance": teacher}) for one in rows.examples(made)), made


@pytest.fixture
def dataset(examples, label_task):
    found, _ = examples
    built = dataset_of(found[:256], found[356:], label_task)
    return built.model_copy(update={"splits": built.splits | {"validation": found[256:356]}})


@pytest.fixture
def walk(project, examples):
    return session_on(project(examples[1], "[task]\nname = 'tickets'\n"), FakeDisplay())


@pytest.fixture(autouse=True)
def no_weights(monkeypatch):
    """No base model is on this machine."""
    monkeypatch.setattr(probe_costs, "at_hand", lambda name: False)


def by_name(found):
    return {one.name: one for one in found.probes.probes}


def test_the_classical_curve_from_real_fits(walk, dataset, label_task):
    found = probe(walk, dataset, label_task, budget_s=600)
    curve = found.probes.curve
    assert (curve.source, curve.arm, curve.metric, curve.documents) == (
        "classical",
        "labels-ngrams",
        "accuracy",
        100,
    )
    assert [point.rows for point in curve.points] == [16, 32, 64, 128, 256]
    assert [point.trainings for point in curve.points] == [3, 3, 3, 3, 1]
    assert curve.points[-1].quality.value > curve.points[0].quality.value + 0.1
    assert curve.predictions
    assert curve.reason.startswith("The classical arm stands for the fine-tuned model")
    assert "insource models pull" in curve.reason
    assert by_name(found)["classical curve"].status == "measured"
    assert len(found.classical.doubted) == 256  # each row by the half that had not seen it
    assert len({record.row_id for record in found.classical.doubted}) == 256


def test_what_each_costs_is_said_before_the_first_one_runs(walk, dataset, label_task, monkeypatch):
    said_at_start = []
    fit = nested.train_nested
    monkeypatch.setattr(
        "insource.workflow.probe.train_nested",
        lambda *given, **named: said_at_start.extend(walk.display.notes) or fit(*given, **named),
    )
    probe(walk, dataset, label_task, budget_s=600)
    assert len(said_at_start) >= 4
    cost = next(note for note in said_at_start if "classical arm" in note)
    assert "about" in cost
    assert "$" in cost


def test_a_second_walk_reads_back_and_fits_nothing(walk, dataset, label_task, monkeypatch):
    first = probe(walk, dataset, label_task, budget_s=600)
    monkeypatch.setattr(nested, "evaluate_arm", lambda *given: pytest.fail("asked again"))
    again = session_on(walk.project.folder, FakeDisplay())
    second = probe(again, dataset, label_task, budget_s=0)
    assert by_name(second)["classical curve"].status == "read back"
    assert second.probes.curve == first.probes.curve
    assert again.stages[-1].skipped


def test_a_killed_probe_goes_on_where_it_stopped(walk, dataset, label_task, monkeypatch):
    evaluate, asked = nested.evaluate_arm, []

    def killed(*given):
        if len(asked) == 5:
            raise KeyboardInterrupt
        asked.append(given[4].arm.name)
        return evaluate(*given)

    monkeypatch.setattr(nested, "evaluate_arm", killed)
    with pytest.raises(KeyboardInterrupt):
        probe(walk, dataset, label_task, budget_s=600)
    kept = {run.run_id for run in walk.project.runs.complete("evaluate")}
    assert len(kept) == 5
    monkeypatch.setattr(nested, "evaluate_arm", evaluate)
    found = probe(walk, dataset, label_task, budget_s=600)
    assert kept < {run.run_id for run in walk.project.runs.complete("evaluate")}
    assert found.probes.curve.predictions


def test_a_budget_too_small_for_any_probe_is_said_with_what_the_cheapest_takes(walk, dataset, label_task):
    found = probe(walk, dataset, label_task, budget_s=0.0)
    assert {one.status for one in found.probes.probes} == {"not run"}
    assert found.probes.curve is None
    assert found.probes.cheapest.startswith(
        "No probe fits into 0 s. The cheapest, the classical arm on parts"
    )
    assert "takes about" in found.probes.cheapest
    assert list(walk.project.runs.complete()) == []


def test_a_small_budget_has_fewer_draws_of_the_rows(walk, dataset, label_task):
    one, three = (probe_costs.classical_cost(walk, dataset, label_task, budget) for budget in (0.0, 600))
    assert one.orders == 1 < three.orders == 3
    assert one.seconds.value < three.seconds.value
    between = (one.seconds.value + three.seconds.value) / 2
    found = probe(walk, dataset, label_task, budget_s=between)
    assert max(point.trainings for point in found.probes.curve.points) < 3


def test_a_cap_on_dollars_holds(walk, dataset, label_task):
    found = probe(walk, dataset, label_task, budget_s=600, max_usd=0.0)
    assert "of the cap are left" in by_name(found)["classical curve"].reason
    assert found.probes.curve is None


CANNOT = {
    "few rows": (slice(0, 20), slice(256, 356), "20 training rows; a curve needs 32"),
    "few documents": (slice(0, 256), slice(256, 266), "10 validation documents judge it; 30 are needed"),
}


@pytest.mark.parametrize("name", CANNOT)
def test_what_cannot_be_measured_says_why(walk, examples, label_task, name):
    train, validation, reason = CANNOT[name]
    built = dataset_of(examples[0][train], examples[0][356:], label_task)
    dataset = built.model_copy(update={"splits": built.splits | {"validation": examples[0][validation]}})
    found = probe(walk, dataset, label_task, budget_s=600)
    assert by_name(found)["classical curve"].reason == reason
    assert found.probes.curve is None
    known = suffice(walk, dataset, label_task, found)
    assert known.curve is None
    assert set(known.unknown) == {"curve", "needed", "power"}


def test_enough_data_is_answered_and_the_doubtful_rows_wait_for_a_person(walk, dataset, label_task, insource):
    found = probe(walk, dataset, label_task, budget_s=600)
    known = suffice(walk, dataset, label_task, found, target=0.9)
    assert known.needed[0].target == 0.9
    assert known.needed[0].sentence
    assert "needed" not in known.unknown
    assert known.to_label.rows
    first = known.to_label.rows[0]
    with open_workbench(walk) as workbench:
        order = [workbench.rows[place].row_id for place in workbench.order("to-label")]
        assert order == [one.row_id for one in known.to_label.rows]
        item = workbench.item("to-label", "ann", workbench.following("to-label", "ann"))
        assert item.row.row_id == first.row_id
        assert item.reasons == first.reasons
        assert nothing_waits(workbench, "to-label", "ann")
    done = insource("dataset", "review", "--queue", "to-label", "--plain", cwd=walk.project.folder)
    assert first.reasons[0].split(":")[0] in done.stdout + done.stderr


def test_a_damaged_queue_is_a_clear_error(walk, refuses):
    (walk.project.workspace).mkdir(parents=True, exist_ok=True)
    (walk.project.workspace / "to-label.jsonl").write_text("{\n")
    refuses(
        "dataset",
        "review",
        "--queue",
        "to-label",
        "--plain",
        code="queue-unreadable",
        cwd=walk.project.folder,
    )
