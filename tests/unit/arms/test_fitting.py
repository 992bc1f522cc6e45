"""A model is fitted once, kept in files, and read back for every later answer."""

import json

import pytest
from support.arms import dataset_of, inputs_of

from insource.arms import fitting
from insource.foundation.errors import DataError
from insource.models.fitted import registry
from insource.models.fitted.model import FittedModel
from insource.models.fitted.protocol import Answer
from insource.models.protocol import Request
from insource.types import Arm, Example, Labels, Message, Task
from insource.types.evaluation import Effort

TASK = Task(name="tickets", instruction="Route.", output=Labels(names=("a", "b")), primary_metric="accuracy")


def example(n, target):
    return Example(
        row_id=f"r{n}", digest=str(n), input=f"text {n}", target=target, provenance={"source": "t"}
    )


class Echo:
    """Answers the label it was given, to any document."""

    kind = "echo"
    embeds = False

    def __init__(self, label):
        self.label = label

    def answer(self, document, attributes=None):
        return Answer(self.label, 0.75, label_probabilities={self.label: 0.75})

    def save(self, folder):
        (folder / "label.json").write_text(json.dumps(self.label))

    @classmethod
    def load(cls, folder):
        return cls(json.loads((folder / "label.json").read_text()))


@pytest.fixture(autouse=True)
def _known(monkeypatch):
    monkeypatch.setitem(registry.KINDS, "echo", f"{__name__}:Echo")


def fit(calls):
    def work():
        calls.append(1)
        return fitting.Found(Echo("a"), Effort(validation_evaluations=2, settings={"label": "a"}))

    return fitting.Fit(
        Arm(name="echo", model="echo", kind="echo", role="candidate"), {"label": "a"}, 1, ("numpy",), work
    )


def test_a_second_plan_reads_the_fitted_model_back(tmp_path):
    train = tuple(example(n, "a") for n in range(3))
    inputs = inputs_of(TASK, dataset_of(train, train[:1], TASK), tmp_path)
    calls: list[int] = []
    first, second = (fitting.fitted_plan(inputs, fit(calls)) for _ in range(2))
    assert len(calls) == 1
    assert first.identity == second.identity
    assert second.effort == Effort(validation_evaluations=2, settings={"label": "a"})
    with second.model() as model:
        completion = model.generate(second.ask(train[0]))
    assert (completion.text, completion.confidence) == ("a", 0.75)
    assert second.confidence(train[0], completion) == 0.75


def test_other_rows_are_another_fit(tmp_path):
    train = tuple(example(n, "a") for n in range(3))
    calls: list[int] = []
    for rows in (train, train[:2]):
        fitting.fitted_plan(inputs_of(TASK, dataset_of(rows, train[:1], TASK), tmp_path), fit(calls))
    assert len(calls) == 2


def test_without_a_document_the_last_message_is_it():
    class Repeat(Echo):
        def answer(self, document, attributes=None):
            return Answer(f"{document}/{attributes}")

    request = Request(messages=(Message(role="user", content="text"),), max_tokens=1)
    assert FittedModel("m", Repeat("a")).generate(request).text == "text/None"
    asked = request.model_copy(update={"document": "other", "attributes": ("x",)})
    assert FittedModel("m", Repeat("a")).generate(asked).text == "other/('x',)"


@pytest.mark.parametrize(
    "head",
    [
        "",
        "{",
        "[]",
        '{"kind": "echo"}',
        '{"schema_version": 2, "kind": "echo"}',
        '{"schema_version": 1, "kind": "?"}',
    ],
)
def test_a_damaged_model_says_what_to_type(tmp_path, head):
    registry.save(Echo("a"), tmp_path)
    (tmp_path / registry.FILE).write_text(head)
    with pytest.raises(DataError) as raised:
        registry.load(tmp_path)
    assert raised.value.code == "fitted-model-unreadable"


@pytest.mark.parametrize(
    ("attributes", "contract", "asked"),
    [
        (None, None, None),
        (("x",), None, ("x",)),
        (None, {"type": "object", "properties": {"a": {}, "b": {}}}, ("a", "b")),
        (("b",), {"type": "object", "properties": {"a": {}, "b": {}}}, ("b",)),
    ],
)
def test_a_document_is_asked_for_its_own_fields(tmp_path, attributes, contract, asked):
    one = example(0, "a").model_copy(update={"attributes": attributes, "contract": contract})
    inputs = inputs_of(TASK, dataset_of((one,), (one,), TASK), tmp_path)
    assert fitting.ask_directly(inputs, one).attributes == asked
