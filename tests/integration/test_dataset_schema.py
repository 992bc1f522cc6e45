"""``insource init`` knows the data; ``insource dataset schema`` shows what speaks for a contract."""

import json

import pytest

CHAT = json.dumps({"messages": [{"role": role, "content": "x"} for role in ("user", "assistant")]})
ROWS = [
    {
        "input": f"Order {n}",
        "output": {"code": f"A-{n:04}", "kind": "ab"[n % 2], "on": f"2024-01-{1 + n % 28:02}"},
    }
    for n in range(120)
]


def test_a_schema_is_shown_written_and_in_force(project, insource, refuses):
    folder = project(ROWS)
    shown = insource("dataset", "schema")
    assert shown.returncode == 0, shown.stderr
    assert "all 120 values have this shape" in shown.stdout
    assert "2 values, 60 times each on average" in shown.stdout
    assert "all 120 values are ISO dates" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert not (folder / "schema.json").exists()
    document = json.loads(insource("dataset", "schema", "--json").stdout)
    written = insource("dataset", "schema", "--write")
    assert 'put schema = "schema.json" under [task]' in written.stderr
    schema = json.loads((folder / "schema.json").read_text(encoding="utf-8"))
    assert schema == document["output"]["definition"]
    assert schema["properties"]["code"]["pattern"] == "^A-[0-9]{4}$"
    assert insource("dataset", "schema", "--write").returncode == 0  # the same again
    project([*ROWS, {"input": "Order x", "output": {"code": "B7"}}], '[task]\nschema = "schema.json"\n')
    refuses("dataset", "build", code="labels-do-not-fit")
    assert "already sets a contract" in insource("dataset", "schema").stderr
    assert "already exists with other content" in insource("dataset", "schema", "--write").stderr


MEASURED = [
    {
        "input": f"Pump {n}",
        "output": {"rated": f"{20 * n + 100} V", "due": f"{n % 28 + 1:02}/03/2026", "no": f"P{n}"},
    }
    for n in range(60)
]


def test_comparators_are_proposed_confirmed_by_hand_and_then_in_force(project, insource, refuses):
    folder = project(MEASURED, '[task]\nname = "pumps"\n')
    shown = insource("dataset", "schema")
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert '# "rated" = "quantity:V"' in shown.stdout
    assert "# # 60 of 60 values are an amount with a unit of one kind, such as 100 V" in shown.stdout
    file = folder / "insource.toml"
    assert "comparators" not in file.read_text(encoding="utf-8")
    assert insource("dataset", "schema", "--write").returncode == 0
    text = file.read_text(encoding="utf-8")
    assert text.startswith('[task]\nname = "pumps"\n')
    assert "100 V" not in text  # no value of a document
    assert insource("config", "show").returncode == 0
    assert "has [task.comparators] already" in insource("dataset", "schema", "--write").stderr
    file.write_text(text.replace("# [task", "[task").replace('# "', '"'), encoding="utf-8")
    assert '"rated"' not in insource("dataset", "schema").stdout  # confirmed, so not proposed again
    assert "quantity:V" in insource("config", "show").stdout
    file.write_text('[task.comparators]\n"ratd" = "quantity:V"\n', encoding="utf-8")
    assert 'Is "rated" meant?' in refuses("dataset", "schema", code="unknown-comparator", exit_code=2)


def test_labels_and_free_text(project, rows, insource):
    project(rows.tickets(30))
    done = insource("dataset", "schema")
    assert 'labels = ["billing", "delivery", "technical"]' in done.stderr
    assert "billing" in done.stdout
    assert "asks for JSON, but the answers are labels" in done.stderr
    project([line | {"output": f"a summary {n}"} for n, line in enumerate(rows.tickets(30))])
    assert insource("dataset", "schema").stdout == "Free text.\n"


def test_nothing_to_infer_from(project, refuses):
    project(["broken"] * 3)
    assert "no row that can be used; 3 cannot" in refuses("dataset", "schema", code="no-rows")


@pytest.mark.parametrize(
    ("data", "content", "said", "written"),
    [
        ("d.csv", "text,label\na,b\n", "guessed, look at it", 'input = "text"'),
        ("d.csv", "input,output\na,b\n", "rows: 1 of the first 1 records", 'path = "d.csv"'),
        ("d.csv", "x,y\na,b\n", "has neither `input` and `output`", 'path = "d.csv"'),
        ("d.jsonl", CHAT, "chat examples", 'path = "d.jsonl"'),
        ("d.jsonl", "", "d.jsonl has no rows", 'path = "d.jsonl"'),
        ("log", None, "the calls of the log", 'format = "log"'),
        ("gone.jsonl", None, "put your rows into gone.jsonl", 'path = "gone.jsonl"'),
    ],
)
def test_init_knows_the_data(tmp_path, insource, data, content, said, written):
    if content is not None:
        (tmp_path / data).write_text(content, encoding="utf-8")
    done = insource("init", "--data", data, "--name", "tickets")
    assert done.returncode == 0, done.stderr
    assert said in done.stderr
    assert written in (tmp_path / "insource.toml").read_text(encoding="utf-8")
    assert insource("config", "show").returncode == 0
