"""Training examples of other tools: what is asked is the input, the answer is the output."""

import json

import pytest

from insource.config.dataset import DatasetSection
from insource.dataset.sources.choose import choose_source
from insource.types import Dropped, Row


def read(path, records, **section):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    chosen = choose_source(DatasetSection(**section), path, workspace=path.parent, task="t")
    items = list(chosen.source)
    rows = [item for item in items if isinstance(item, Row)]
    drops = [(item.reason, item.detail) for item in items if isinstance(item, Dropped)]
    return rows, drops, chosen


ASKED = {"instruction": "Route it.", "output": "billing"}


@pytest.mark.parametrize(
    ("record", "given", "prompt"),
    [
        ({**ASKED, "input": "Charged twice."}, "Route it.\n\nCharged twice.", ""),
        ({**ASKED, "input": ""}, "Route it.", ""),
        ({**ASKED, "input": "  "}, "Route it.", ""),
        ({**ASKED, "input": None}, "Route it.", ""),
        (ASKED, "Route it.", ""),
        ({**ASKED, "instruction": "", "input": "Charged twice."}, "Charged twice.", ""),
        ({**ASKED, "input": "A.", "system": "Be short."}, "Route it.\n\nA.", "Be short."),
        ({**ASKED, "input": "A.", "system": "", "history": []}, "Route it.\n\nA.", ""),
        ({"instruction": "Route it.", "context": "A.", "response": "billing"}, "Route it.\n\nA.", ""),
    ],
)
def test_the_instruction_stands_above_the_input(tmp_path, record, given, prompt):
    rows, drops, chosen = read(tmp_path / "d.jsonl", [record])
    assert drops == []
    assert [(row.input, row.output, row.prompt) for row in rows] == [(given, "billing", prompt)]
    assert chosen.reason.startswith(
        "Alpaca examples, the instruction above the input: 1 of the first 1 records"
    )
    assert chosen.source.notes == ()


def test_alpaca_beside_what_insource_knows(tmp_path):
    record = {**ASKED, "input": "A.", "id": "a1", "split": "test", "group": "g", "source": "elsewhere"}
    rows, _, chosen = read(tmp_path / "d.jsonl", [record])
    assert (rows[0].row_id, rows[0].split, rows[0].group) == ("a1", "test", "g")
    assert chosen.source.notes == ("Keys that Insource does not use were left out: source (1 rows).",)


def test_alpaca_as_a_list_and_as_a_table(tmp_path):
    path = tmp_path / "alpaca.json"
    path.write_text(json.dumps([{**ASKED, "input": "A."}]), encoding="utf-8")
    chosen = choose_source(DatasetSection(), path, workspace=tmp_path, task="t")
    assert [row.input for row in chosen.source] == ["Route it.\n\nA."]
    path = tmp_path / "alpaca.csv"
    path.write_text("instruction,input,output\nRoute it.,A.,x\nRoute it.,,y\n", encoding="utf-8")
    chosen = choose_source(DatasetSection(), path, workspace=tmp_path, task="t")
    assert [row.input for row in chosen.source] == ["Route it.\n\nA.", "Route it."]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"instruction": "", "input": "", "output": "x"}, "missing-input"),
        ({**ASKED, "output": ""}, "missing-output"),
        ({**ASKED, "instruction": 3}, "wrong-type"),
        ({**ASKED, "history": [["a"]]}, "wrong-type"),
        ({**ASKED, "history": [["first", "answer"]]}, "conversation"),
    ],
)
def test_alpaca_that_is_not_usable(tmp_path, record, reason):
    rows, drops, _ = read(tmp_path / "d.jsonl", [record], format="alpaca")
    assert rows == []
    assert [found for found, _ in drops] == [reason]


def test_the_history_of_alpaca_is_a_conversation(tmp_path):
    record = {**ASKED, "input": "A.", "history": [["first", "answer"]]}
    rows, _, _ = read(tmp_path / "d.jsonl", [record], conversations="render")
    assert rows[0].input == "User: first\n\nAssistant: answer\n\nUser: Route it.\n\nA."


def test_rows_keep_an_instruction_that_only_they_have(tmp_path):
    rows, _, chosen = read(tmp_path / "d.jsonl", [{**ASKED, "input": "A."}], format="rows")
    assert rows[0].input == "A."
    assert chosen.source.notes == ("Keys that Insource does not use were left out: instruction (1 rows).",)


def turns(*pairs, **more):
    return {"conversations": [{"from": who, "value": said} for who, said in pairs], **more}


@pytest.mark.parametrize("user", ["human", "user", "Human"])
@pytest.mark.parametrize("model", ["gpt", "assistant", "chatgpt", "model"])
def test_sharegpt_by_its_names(tmp_path, user, model):
    record = turns(("system", "Route it."), (user, "Charged twice."), (model, "billing"), id="s1")
    rows, drops, chosen = read(tmp_path / "d.jsonl", [record])
    assert drops == []
    assert chosen.reason == "ShareGPT conversations: 1 of the first 1 records have `conversations`"
    (row,) = rows
    assert (row.row_id, row.input, row.output, row.prompt) == ("s1", "Charged twice.", "billing", "Route it.")
    assert chosen.source.notes == ()


@pytest.mark.parametrize(
    ("record", "reason", "detail"),
    [
        (turns(("human", "a")), "missing-output", "no message of the assistant"),
        (
            turns(("human", "a"), ("gpt", "b"), ("human", "c"), ("gpt", "d")),
            "conversation",
            "2 earlier turns",
        ),
        (turns(("human", "a"), ("function_call", "{}")), "tool-calls", "a call of a tool"),
        (turns(("human", "a"), ("robot", "b")), "wrong-type", "a turn is from 'robot'; known are "),
        ({"conversations": "text"}, "missing-input", "`conversations` is not a list of turns"),
        ({"conversations": ["text"]}, "missing-input", "`conversations` is not a list of turns"),
    ],
)
def test_sharegpt_that_is_not_usable(tmp_path, record, reason, detail):
    rows, drops, _ = read(tmp_path / "d.jsonl", [record])
    assert rows == []
    ((found, said),) = drops
    assert found == reason
    assert detail in said


def test_tools_and_turns_by_the_names_of_chat_messages(tmp_path):
    record = turns(("human", "a"), ("function_call", "{}"), ("tool", "1"), ("gpt", "b"), tools="[]")
    rows, drops, _ = read(tmp_path / "d.jsonl", [record], conversations="render")
    assert [reason for reason, _ in drops] == [
        "conversation"
    ]  # the last turn before the answer is the tool's
    record = {"conversations": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    rows, drops, _ = read(tmp_path / "d.jsonl", [record])
    assert [(row.input, row.output) for row in rows] == [("a", "b")]


def test_alpaca_in_a_table_keeps_what_its_cells_hold(tmp_path):
    path = tmp_path / "alpaca.csv"
    path.write_text(
        'instruction,input,output,cloud_outputs\nRoute it.,A.,billing,"{""m"": ""other""}"\n',
        encoding="utf-8",
    )
    (row,) = choose_source(DatasetSection(), path, workspace=tmp_path, task="t").source
    assert (row.input, row.output, row.cloud_outputs) == ("Route it.\n\nA.", "billing", {"m": "other"})


def test_a_class_of_alpaca_is_a_label_however_the_column_keeps_it(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    path = tmp_path / "alpaca.parquet"
    table = pyarrow.table({"instruction": ["Route it."], "input": ["A."], "output": [3]})
    pytest.importorskip("pyarrow.parquet").write_table(table, path)
    (row,) = choose_source(DatasetSection(), path, workspace=tmp_path, task="t").source
    assert row.output == "3"
