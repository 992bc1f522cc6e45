"""Every built-in importer holds to what ``check_importer`` asks, on invented records of its format."""

import io

import pytest
from support.import_samples import SAMPLES, jsonl, table

from insource.cli.logs.import_ import FORMATS
from insource.formats.containers import records
from insource.foundation.ids import uuid7, uuid8
from insource.logs.importers.mapped import TableMapping, mapped
from insource.logs.importers.protocol import CallDraft, Imported, RecordImporter
from insource.logs.importers.registry import MODULES, importer
from insource.testing.importers import check_answer, check_importer

CASES = [(name, index) for name in MODULES for index in range(len(SAMPLES[name]))]


@pytest.mark.parametrize(("name", "index"), CASES, ids=lambda part: str(part))
def test_a_built_in_importer_conforms(name, index):
    check_importer(importer(name), SAMPLES[name][index], examples=60)


@pytest.mark.parametrize(("name", "index"), CASES, ids=lambda part: str(part))
def test_a_sample_has_a_place_for_an_answer(name, index):
    """Else the rule about answers would be checked on nothing."""
    found = [record for _, record in records(io.BytesIO(SAMPLES[name][index]))]
    assert any(check_answer(importer(name), record, '{"error": "E17"}') for record in found)


def test_every_format_can_be_typed():
    assert set(FORMATS) == set(MODULES)
    assert all(importer(name).name == name for name in MODULES)


MAPPING = TableMapping(
    name="helpdesk",
    call={
        "id": "ticket.id",
        "started_at": "created",
        "input": "question",
        "output": "answer",
        "input_tokens": "in",
        "cost_usd": "cost",
        "latency_ms": "ms",
        "streamed": "stream",
        "status": "code",
    },
    constant={"task": "routing"},
    tags={"team": "ticket.team"},
)
ROWS = [
    {
        "ticket": {"id": str(number), "team": "shop"},
        "created": "2026-01-05T10:00:00Z",
        "question": "Where is it?\nTell me, please.",
        "answer": "delivery",
        "in": "100",
        "cost": "0.01",
        "ms": "250",
        "stream": "false",
        "code": "200",
    }
    for number in range(3)
]


@pytest.mark.parametrize("make", [jsonl, table], ids=["jsonl", "csv"])
@pytest.mark.parametrize("with_id", [True, False])
def test_a_mapping_conforms(make, with_id):
    call = {name: path for name, path in MAPPING.call.items() if with_id or name != "id"}
    check_importer(mapped(MAPPING.model_copy(update={"call": call})), make(*ROWS), examples=60)


def test_parquet_conforms():
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    file = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(ROWS), file)
    check_importer(mapped(MAPPING), file.getvalue(), examples=60)


class Faulty:
    """The Langfuse importer with one thing wrong."""

    name = about = "faulty"

    def __init__(self, change):
        self._right = importer("langfuse")
        self.recognise = self._right.recognise
        self._change = change

    def read(self, file, *, received_at):
        return self._change(self._right.read(file, received_at=received_at))


def changed(**update):
    def change(outcomes):
        for outcome in outcomes:
            if isinstance(outcome, Imported):
                values = {name: make(outcome.call) for name, make in update.items()}
                yield Imported(outcome.call.model_copy(update=values), outcome.line)
            else:
                yield outcome

    return change


def without(field):
    def change(call):
        return {name: value for name, value in call.raw.items() if name != field}

    return changed(raw=change)


def raising(outcomes):
    for outcome in outcomes:
        if not isinstance(outcome, Imported):
            raise ValueError("what is this?")
        yield outcome


def stops_at_a_bad_record(outcomes):
    for outcome in outcomes:
        yield outcome
        if not isinstance(outcome, Imported):
            return


def reversed_order(outcomes):
    return reversed(list(outcomes))


def numbered_from_the_end(outcomes):
    found = list(outcomes)
    for index, outcome in enumerate(found):
        call_id = uuid8(str(len(found) - index))
        yield (
            Imported(outcome.call.model_copy(update={"call_id": call_id}), outcome.line)
            if isinstance(outcome, Imported)
            else outcome
        )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without("traceId"), "not kept"),  # the tag of the same value has another name
        (changed(call_id=lambda call: uuid7()), "gives different calls"),
        (changed(call_id=lambda call: "1"), "the same call id"),
        (reversed_order, "not in the order"),
        (numbered_from_the_end, "changes the ids of the records before them"),
        (stops_at_a_bad_record, "changes the calls around it"),
        (changed(finish_reason=lambda call: call.model_asked), "a secret is not redacted"),
        (changed(response_text=lambda call: call.response_text.strip("[]{}")), "is read as"),
        (
            changed(outcome=lambda call: "error" if '"error"' in call.response_text else "ok"),
            "changes outcome",
        ),
    ],
)
def test_the_suite_notices_what_is_wrong(change, said):
    sample = SAMPLES["langfuse"][0]
    with pytest.raises(AssertionError, match=said):
        check_importer(Faulty(change), sample, examples=20)


def test_the_suite_notices_an_importer_that_raises():
    with pytest.raises(ValueError, match="what is this"):
        check_importer(Faulty(raising), SAMPLES["langfuse"][0], examples=20)


def test_the_suite_notices_a_converter_that_is_not_total():
    def convert(record):
        yield CallDraft({"model_asked": record["model"].lower(), "request": {}}, own_id=record["id"])

    careless = RecordImporter("careless", "", importer("langfuse").recognise, convert)
    with pytest.raises(AssertionError, match="unexpected"):
        check_importer(careless, SAMPLES["langfuse"][0], examples=200)
