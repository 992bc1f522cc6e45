"""``insource init`` says how the data is read, what is asked, and what to do when it cannot be read."""

import json

import pytest
from click.testing import CliRunner

from insource.cli.main import cli


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def init(*options):
    """What the command says."""
    done = CliRunner().invoke(cli, ["init", *options], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stderr


ANSWERS = {
    "labels": ([["billing", "delivery"][n % 2] for n in range(8)], "Classify the document"),
    "JSON objects": ([{"total": n} for n in range(8)], "Extract the requested fields as JSON."),
    "texts": ([f"a reply {n}" for n in range(8)], "Answer the request."),
}


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "documents"])
def test_the_instruction_that_init_writes_follows_from_the_answers(folder, kind, name):
    outputs, instruction = ANSWERS[kind]
    if name == "documents":
        (folder / name).mkdir()
        for n, output in enumerate(outputs):
            (folder / name / f"{n}.txt").write_text(f"text {n}", encoding="utf-8")
            (folder / name / f"{n}.json").write_text(json.dumps(output), encoding="utf-8")
    else:
        rows = [{"input": f"text {n}", "output": output} for n, output in enumerate(outputs)]
        lines = [json.dumps(row) for row in rows]
        if name == "rows.csv":
            cells = [(row["input"], json.dumps(row["output"]).replace('"', '""')) for row in rows]
            lines = ["input,output", *(f'{first},"{second}"' for first, second in cells)]
        (folder / name).write_text("\n".join(lines), encoding="utf-8")
    told = init("--data", name)
    written = (folder / "insource.toml").read_text(encoding="utf-8")
    assert f"instruction = {json.dumps(instruction)[:-1]}" in written
    assert f"The answers are {kind}" in told
    assert told.endswith("Next: insource run\n")


def test_the_instruction_given_is_the_one_written(folder):
    rows = [{"input": f"text {n}", "output": "ab"[n % 2]} for n in range(8)]
    (folder / "d.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    told = init("--data", "d.jsonl", "--instruction", "Route it.")
    assert 'instruction = "Route it."' in (folder / "insource.toml").read_text(encoding="utf-8")
    assert "The answers are" not in told


@pytest.mark.parametrize(
    ("data", "content", "said"),
    [
        ("d.xlsx", b"PK\x03\x04rest", "save it as CSV"),
        ("d.jsonl", b"{'input': 'a'}\n", "write each line with json.dumps"),
        ("d.jsonl", b'{"messages": []}\n', "no message of the assistant"),
        ("d.jsonl", b"", "has no rows"),
        ("d.json", b'{"rows": [{"input": "a"}, {"input": "b"}]}', "jq -c"),
        ("d.parquet", b"PAR1 and no more", "the Parquet file is damaged"),
        ("d.csv", b"input,output\na,\n", "missing-output"),
        ("d.csv", b"x,y\na,b\n", "[dataset.columns] input"),
        ("folder/a.pdf", b"no PDF", "not a readable PDF"),
        ("folder/a.txt", b"no label", "no label beside it"),
    ],
)
def test_what_init_cannot_read_is_said_and_no_run_is_proposed(folder, data, content, said):
    path = folder / data
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    if path.parent != folder and path.suffix == ".pdf":
        path.with_suffix(".json").write_text('"x"', encoding="utf-8")
    told = init("--data", data.partition("/")[0])
    assert said in told
    assert "insource run" not in told
