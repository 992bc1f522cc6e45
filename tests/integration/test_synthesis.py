"""Synthetic rows: known answers, provenance, filters, a teacher within its cap, and the policy on them."""

import json
from decimal import Decimal

import pytest

from insource.config.loading import load
from insource.dataset.rows.teacher_policy import TeacherPolicy, check_teachers
from insource.dataset.saved.folder import load as load_dataset
from insource.dataset.synthesis.wanted import Wanted
from insource.foundation.errors import IntegrityError, ProviderError, UserError
from insource.logs.questions import CapReached, Questions
from insource.models.protocol import ModelInfo, Request
from insource.types import Completion, Message, Usage
from insource.workflow.build import build_dataset_folder
from insource.workflow.project import Project
from insource.workflow.session import Session
from insource.workflow.synthesize import synthesize

TEXT = "Model {model}\nSupply {volts} V, serial {serial}\nColour: {colour}\nThank you for asking."


class Quiet:
    """A display that agrees to everything and remembers what it was asked."""

    def __init__(self, yes=True):
        self.yes, self.questions = yes, []

    def confirm(self, question):
        self.questions.append(question)
        return self.yes

    def __getattr__(self, name):
        return lambda *_: None


class Teacher:
    """Answers from a function, and counts."""

    def __init__(self, answer, fail_at=None, output_tokens=lambda: 10):
        self.output_tokens = output_tokens
        self.info = ModelInfo(name="openai/gpt-4o-mini", local=False)
        self.answer, self.fail_at, self.asked = answer, fail_at, 0

    def generate(self, request):
        self.asked += 1
        if self.asked == self.fail_at:
            raise ProviderError("provider-unreachable", "gone")
        usage = Usage(input_tokens=100, output_tokens=self.output_tokens())
        return Completion(text=self.answer(request), model=self.info.name, usage=usage, finish_reason="stop")


def records(count=60):
    colours = ["red", "green", "blue", None]
    for n in range(count):
        colour = colours[n % 4]
        label = {"model": f"AX-{n:03}", "volts": 100 + n, "serial": f"S{n:04}", "colour": colour}
        text = TEXT.format(**label) if colour else TEXT.replace("\nColour: {colour}", "").format(**label)
        yield {"id": f"r{n}", "input": text, "output": label}


@pytest.fixture
def project(tmp_path):
    (tmp_path / "rows.jsonl").write_text(
        "".join(json.dumps(record) + "\n" for record in records()), encoding="utf-8"
    )
    (tmp_path / "insource.toml").write_text(
        '[task]\nname = "parts"\n[dataset]\npath = "rows.jsonl"\n', encoding="utf-8"
    )
    return Project.of(load(tmp_path / "insource.toml"))


def session(project, yes=True):
    return Session(project, Quiet(yes), "test")


def made(project):
    return [json.loads(line) for line in project.synthetic_path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("method", ["edit", "recombine"])
def test_a_counterfactual_says_in_its_text_what_its_label_says(project, method):
    report = synthesize(session(project), Wanted(method=method, count=40))
    rows = made(project)
    assert report.made == len(rows) == 40
    assert report.drafts == report.made + report.already + sum(report.refused.values())
    originals = {record["id"]: record for record in records()}
    for row in rows:
        parent = originals[row["provenance"]["parents"][0]]
        label = row["output"]
        for value in label.values():
            if value is not None:
                assert str(value) in row["input"]
        changed = {name for name in label if label[name] != parent["output"][name]}
        assert changed
        assert len(changed) == 1 or method == "recombine"
        for name in changed:
            assert str(parent["output"][name]) not in row["input"]
        assert row["split"] == "train"
        assert row["provenance"]["synthetic"] == method


def test_a_value_that_may_be_absent_is_also_taken_out(project):
    synthesize(session(project), Wanted(method="edit", count=80))
    coloured = {f"r{n}" for n in range(60) if n % 4 < 3}
    assert any(
        row["output"]["colour"] is None and "Colour" not in row["input"]
        for row in made(project)
        if row["provenance"]["parents"][0] in coloured
    )


def test_parents_are_training_rows_and_synthetic_rows_stay_in_training(project):
    folder, _ = build_dataset_folder(session(project))
    train = {example.row_id for example in load_dataset(folder).splits["train"]}
    synthesize(session(project), Wanted(method="recombine", count=40))
    parents = {parent for row in made(project) for parent in row["provenance"]["parents"]}
    assert parents <= train
    folder, manifest = build_dataset_folder(session(project))
    dataset = load_dataset(folder)
    assert sum(bool(example.provenance.synthetic) for example in dataset.splits["train"]) == 40
    for split in ("validation", "calibration", "test"):
        assert not any(example.provenance.synthetic for example in dataset.splits[split])
    assert manifest.read == 100


def test_the_same_command_again_adds_nothing_and_a_larger_count_goes_on(project):
    synthesize(session(project), Wanted(method="edit", count=20))
    first = made(project)
    again = synthesize(session(project), Wanted(method="edit", count=20))
    assert (again.made, again.already) == (0, 20)
    assert made(project) == first
    synthesize(session(project), Wanted(method="edit", count=30))
    assert made(project)[:20] == first
    assert len(made(project)) == 30


def test_a_line_cut_by_a_kill_is_dropped_and_made_again(project):
    synthesize(session(project), Wanted(method="edit", count=10))
    whole = made(project)
    path = project.synthetic_path
    path.write_bytes(path.read_bytes()[:-20])
    synthesize(session(project), Wanted(method="edit", count=10))
    assert made(project) == whole


def reword(request):
    return "In other words: " + request.messages[-1].content.replace("Thank you for asking.", "Thanks.")


def test_a_paraphrase_keeps_the_label_and_carries_the_teacher(project):
    report = synthesize(session(project), Wanted(method="paraphrase", count=5), Teacher(reword))
    assert report.made == report.questions == 5
    for row in made(project):
        assert row["input"].startswith("In other words: ")
        origin = row["provenance"]
        assert origin["label"] == "checked"
        assert (origin["provider"], origin["model"], origin["synthetic"]) == (
            "openai",
            "gpt-4o-mini",
            "paraphrase",
        )


def test_a_paraphrase_that_loses_a_value_is_not_kept(project):
    lossy = Teacher(lambda request: reword(request).replace("serial", "number").replace("S0", "T0"))
    report = synthesize(session(project), Wanted(method="paraphrase", count=5), lossy)
    assert report.made == 0
    assert report.refused == {"ungrounded": 5}


def test_answers_that_change_or_do_not_fit_are_not_kept(project):
    label = {"model": "AX-900", "volts": 150, "serial": "S9000", "colour": None}

    def answer(request):
        text = request.messages[-1].content
        if "unfit" in text:
            return "no JSON"
        volts = 150 + (request.seed if "doubtful" in text else 0)
        return json.dumps({**label, "volts": volts})

    inputs = ("Model AX-900 at 150 V, S9000", "doubtful 150 V", "unfit", "Model AX-900, again, 150 V, S9000")
    wanted = Wanted(method="label", count=4, inputs=inputs)
    report = synthesize(session(project), wanted, Teacher(answer))
    assert report.refused == {"inconsistent": 1, "schema-violation": 1}
    assert [row["provenance"]["label"] for row in made(project)] == ["teacher", "teacher"]
    assert report.questions == 8


def test_rows_that_a_teacher_labelled_stay_in_training(project):
    label = {"model": "AX-900", "volts": 150, "serial": "S9000", "colour": None}
    inputs = tuple(f"Model AX-900, seen by {name}, 150 V, S9000" for name in "ABCDEFGHIJKL")
    synthesize(
        session(project),
        Wanted(method="label", count=12, samples=1, inputs=inputs),
        Teacher(lambda request: json.dumps(label)),
    )
    folder, manifest = build_dataset_folder(session(project))
    splits = load_dataset(folder).splits
    made_by = {
        split: [e.provenance.synthetic for e in rows if e.provenance.synthetic]
        for split, rows in splits.items()
    }
    assert made_by == {"train": ["label"] * 12, "validation": [], "calibration": [], "test": []}
    assert "12 rows are synthetic, in training only: 12 by label." in manifest.notes


def test_nothing_near_a_document_that_judges_is_kept(project):
    folder, _ = build_dataset_folder(session(project))
    judged = load_dataset(folder).splits["test"][0]
    near = judged.input.upper() + " !"
    far = "Something else altogether: AX-777 at 150 V, S7777, nobody knows the colour of it"
    wanted = Wanted(method="label", count=2, samples=1, inputs=(near, far))
    report = synthesize(session(project), wanted, Teacher(lambda _: judged.target))
    assert report.refused == {"near-held-out": 1}
    assert [row["input"] for row in made(project)] == [far]


def test_nothing_is_paid_for_twice_after_a_failure(project):
    teacher = Teacher(reword, fail_at=4)
    with pytest.raises(ProviderError):
        synthesize(session(project), Wanted(method="paraphrase", count=6), teacher)
    assert len(made(project)) == 3
    again = Teacher(reword)
    report = synthesize(session(project), Wanted(method="paraphrase", count=6), again)
    assert again.asked == 3
    assert (report.made, report.already) == (3, 3)


PRICED = (
    '[prices.models]\n"openai/gpt-4o-mini" = { input = 0, output = 10 }\n'  # an answer: 1024 tokens, $0.01024
)


@pytest.fixture
def priced(project):
    toml = project.folder / "insource.toml"
    toml.write_text(toml.read_text(encoding="utf-8") + PRICED, encoding="utf-8")
    return Project.of(load(toml))


@pytest.mark.parametrize(
    ("cap", "asked", "spent"),
    [
        ("0.0102", 0, "0"),  # the first question alone could cost more
        ("0.015", 2, "0.005"),  # the third does cost more than all before it
        ("0.02", 3, "0.01524"),
    ],
)
def test_the_cap_is_held_although_answers_grow(priced, cap, asked, spent):
    tokens = iter([100, 400, 1024, 1024])
    teacher = Teacher(reword, output_tokens=lambda: next(tokens))
    report = synthesize(session(priced), Wanted(method="paraphrase", count=6, max_usd=Decimal(cap)), teacher)
    assert (teacher.asked, report.spent_usd) == (asked, Decimal(spent))
    assert report.made == asked
    assert "--max-usd" in report.stopped


def test_a_cap_below_the_estimate_is_refused(priced):
    wanted = Wanted(method="paraphrase", count=6, max_usd=Decimal("0.0000001"))
    with pytest.raises(UserError) as error:
        synthesize(session(priced), wanted, Teacher(reword))
    assert error.value.code == "over-cap"


def test_an_answer_of_unknown_cost_counts_as_the_dearest(priced):
    teacher = Teacher(reword, output_tokens=lambda: None)
    report = synthesize(
        session(priced), Wanted(method="paraphrase", count=6, max_usd=Decimal("0.025")), teacher
    )
    assert teacher.asked == 2
    assert report.spent_usd == 2 * Decimal("0.01024")


def test_a_question_under_way_holds_its_share_of_the_cap(priced):
    asking = session(priced)

    def request(text):
        return Request(messages=(Message(role="user", content=text),), max_tokens=1024)

    def meanwhile(_):
        with pytest.raises(CapReached):
            questions.answer(request("another"))
        return "yes"

    teacher = Teacher(meanwhile)
    with asking.recorder() as recorder:
        prices = asking.config.prices.models
        questions = Questions(teacher, recorder, "parts-synthesis", prices, Decimal("0.02"))
        assert questions.answer(request("one")) == "yes"
        teacher.answer = lambda _: "and now"
        assert questions.answer(request("another")) == "and now"


def test_a_cap_needs_a_price(project):
    teacher = Teacher(reword)
    teacher.info = ModelInfo(name="nobody/unheard-of", local=False)
    with pytest.raises(UserError) as error:
        synthesize(session(project), Wanted(method="paraphrase", count=2, max_usd=Decimal(1)), teacher)
    assert error.value.code == "price-unknown"
    assert "[prices.models]" in error.value.hint
    assert teacher.asked == 0


def test_nothing_is_sent_without_a_yes(project):
    teacher, asked = Teacher(reword), session(project, yes=False)
    with pytest.raises(UserError) as error:
        synthesize(asked, Wanted(method="paraphrase", count=3), teacher)
    assert error.value.code == "not-confirmed"
    assert teacher.asked == 0
    assert "3 questions" in asked.display.questions[0]


def test_the_policy_covers_a_teachers_words(project):
    synthesize(session(project), Wanted(method="paraphrase", count=3), Teacher(reword))
    folder, _ = build_dataset_folder(session(project))
    with pytest.raises(IntegrityError) as error:
        check_teachers(load_dataset(folder).splits["train"], TeacherPolicy(), project.policy_path)
    assert "3 training rows" in error.value.message


def test_a_file_of_others_is_not_written_to(project):
    project.synthetic_path.write_text("not ours\n", encoding="utf-8")
    with pytest.raises(UserError) as error:
        synthesize(session(project), Wanted(method="edit", count=3))
    assert error.value.code in {"synthetic-unreadable", "bad-rows"}
    assert project.synthetic_path.read_text(encoding="utf-8") == "not ours\n"


def test_a_teachers_value_makes_the_edited_row_a_teachers(project):
    path = project.folder / "rows.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for row in rows[::2]:
        row["provenance"] = {"label": "teacher", "model": "openai/gpt"}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    synthesize(session(project), Wanted(method="recombine", count=20))
    taught = {row["id"] for row in rows[::2]}
    labels = [
        (bool(taught & set(origin["parents"])), origin.get("label", "checked"))
        for origin in (row["provenance"] for row in made(project))
    ]
    assert set(labels) <= {(True, "teacher"), (False, "checked")}
    assert (True, "teacher") in labels


def test_every_teacher_behind_a_row_is_on_record(project):
    path = project.folder / "rows.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for n, row in enumerate(rows):
        row["provenance"] = {"label": "teacher", "provider": "maker", "model": f"m{n % 2}"}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    synthesize(session(project), Wanted(method="recombine", count=20))
    synthesize(session(project), Wanted(method="paraphrase", count=3), Teacher(reword))
    behind = {row["id"]: f"maker/{row['provenance']['model']}" for row in rows}
    both = 0
    for row in made(project):
        origin = row["provenance"]
        named = {f"{origin['provider']}/{origin['model']}", *origin.get("co_teachers", ())}
        assert named - {"openai/gpt-4o-mini"} == {behind[parent] for parent in origin["parents"]}
        both += len(named) > 1
    assert both > 3
