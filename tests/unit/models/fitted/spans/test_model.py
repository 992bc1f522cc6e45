"""What answers is small: a gateway or an exported package loads no library that fits."""

import json
import subprocess

import pytest
from support.child_python import python_child

from insource.models.fitted.spans.candidates import candidates
from insource.models.fitted.spans.document import MAX_CHARACTERS, Document, Scope
from insource.models.fitted.spans.fields import Field, Taught
from insource.models.fitted.spans.measures import readings

BUDGET = {
    "sklearn",
    "scipy",
    "torch",
    "insource.arms",
    "insource.evaluation",
    "insource.training",
    "insource.dataset",
}


def test_answering_imports_nothing_that_fits():
    code = (
        "import json, sys; import insource.models.fitted.spans.model; print(json.dumps(sorted(sys.modules)))"
    )
    assert not BUDGET & set(
        json.loads(subprocess.run(**python_child(code), stdout=subprocess.PIPE, check=True).stdout)
    )


def values(text, kind, taught=None, **field):
    found = candidates(Scope.whole(Document(text)), Field(("f",), kind, **field), taught or Taught())
    return [one.value for one in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7 of 1,234.50", [7, 1234.5]),
        ("12x DI, x3", [12]),
        ("-5 or (8)", [5, -5, 8]),
        ("v8.50", []),
        ("9" * 60, []),
        ("", []),
    ],
)
def test_candidate_numbers(text, expected):
    assert values(text, "number") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3 March 2024", ["2024-03-03"]),
        ("03/04/2024", ["2024-04-03", "2024-03-04"]),
        ("2024-02-30", []),
        ("31-Dec-2025", ["2025-12-31"]),
    ],
)
def test_candidate_dates(text, expected):
    assert values(text, "date") == expected


def test_a_date_and_a_number_of_days_are_added_where_training_needs_it():
    taught = Taught(sums=True)
    assert "2024-01-31" in values("On 2024-01-01, net 30 days", "date", taught)


def test_candidate_texts_keep_to_the_line_and_to_known_punctuation():
    assert values("red, big\nblue", "text", Taught(longest=3)) == ["red", "big", "blue"]
    assert "red, big" in values("red, big\nblue", "text", Taught(longest=3, inner=(",",)))


def test_a_long_text_is_the_remainder_of_its_line():
    said = "one two three four five six seven eight nine ten eleven"
    assert said in values(f"Note: {said}\nNext", "text", Taught(longest=11))


def test_the_header_of_a_column_is_found():
    document = Document("Item | Qty | Price\nhinge | 3 | 4.50\nhose | 8 | 1.25")
    header = [document.column_header(one.start).strip() for one in readings(Scope.whole(document))]
    assert header == ["Qty", "Price", "Qty", "Price"]
    aligned = Document("Qty   Item    Each\n3     hinge   4.50")
    assert aligned.column_header(aligned.text.index("4.50")) == "Each"


def test_of_a_long_document_head_and_tail_are_read():
    document = Document("head " + "x " * MAX_CHARACTERS + "tail")
    assert len(document.text) == MAX_CHARACTERS + 1
    assert document.text.startswith("head")
    assert document.text.endswith("tail")
