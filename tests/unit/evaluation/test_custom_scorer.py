"""A scorer of the user's own: loaded by name, added to the metrics, refused when it fails."""

import pytest

from insource.evaluation.compare import compare
from insource.evaluation.metrics import summarise
from insource.evaluation.scorers import build_scorer
from insource.evaluation.scoring.custom import custom_scorer
from insource.foundation.errors import ConfigError, DataError
from insource.types import Arm, Completion, EvalRecord, Example, Provenance, Task, Text

SOURCE = """
from insource.types import Score

def brevity(example, completion):
    return {"brevity": min(1.0, 10 / max(1, len(completion.text)))}

def whole(example, completion):
    right = completion.text == "yes"
    return Score(slots=(), parsed=True, repairable=True, schema_valid=True, canonical=True, exact=right)

def broken(example, completion):
    raise KeyError("gold")

def endless(example, completion):
    return {"x": float("inf")}

value = 3
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(SOURCE)
    return path


def task(said):
    return Task(name="t", instruction="i", output=Text(), scorer=said)


def example(row_id="r7"):
    return Example(row_id=row_id, digest="0", input="…", target="yes", provenance=Provenance(source="s"))


def test_metrics_of_a_file_are_summarised_and_compared(file):
    score = build_scorer(task(f"{file}:brevity"))
    arm = Arm(name="a", model="m", kind="a", role="candidate")

    def records(text):
        return [
            EvalRecord(
                row_id=str(n), status="scored", score=score(example(str(n)), Completion(text=text * (n + 1)))
            )
            for n in range(8)
        ]

    found = summarise(arm, "test", records("yes"))
    assert 0.4 < found.metrics["brevity"].value < 1
    assert found.metrics["accuracy"].value == 1 / 8  # the built-in metrics stay
    compared = compare((arm, records("yes")), (arm, records("longer")), metric="brevity", margin=0.01)
    assert compared.outcome == "better"


def test_a_scorer_may_give_the_whole_score(file):
    score = build_scorer(task(f"{file}:whole"))
    assert score(example(), Completion(text="yes")).exact
    assert not score(example(), Completion(text="no")).exact
    # What is no answer is not given to it.
    assert score(example(), Completion(text="yes", finish_reason="length")).failure


@pytest.mark.parametrize(
    "said", ["{file}:nothing", "{file}:value", "{file}x:brevity", "no_such_module:f", "f"]
)
def test_what_cannot_be_loaded_is_said(file, said):
    with pytest.raises(ConfigError) as caught:
        build_scorer(task(said.format(file=file)))
    assert caught.value.code == "scorer-unusable"


@pytest.mark.parametrize("function", ["broken", "endless"])
def test_a_scorer_that_fails_names_the_row(file, function):
    with pytest.raises(DataError, match="r7") as caught:
        build_scorer(task(f"{file}:{function}"))(example(), Completion(text="yes"))
    assert caught.value.code == "scorer-failed"


def test_a_module_by_name_and_the_digest_of_its_source(file):
    assert custom_scorer("insource.evaluation.scoring.text:rests_on").function("chrf")
    before = custom_scorer(f"{file}:brevity").digest
    other = file.with_name("other.py")
    other.write_text(SOURCE + "# changed\n")
    assert custom_scorer(f"{other}:brevity").digest != before
