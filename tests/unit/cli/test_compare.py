"""`insource compare` without a project: predictions from elsewhere, gates, and labels of what differs."""

import json

import pytest

from insource.cli.main import main


def run(arguments):
    """The exit code of a command line."""
    try:
        main(arguments)
    except SystemExit as ended:
        return ended.code
    return 0


RIGHT = [f"label {n % 3}" for n in range(60)]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def predictions(path, *, gold=True, wrong_every=3):
    rows = []
    for n, label in enumerate(RIGHT):
        for model in ("good", "bad"):
            output = "label 9" if model == "bad" and n % wrong_every == 0 else label
            rows.append({"id": n, "model": model, "output": output} | ({"target": label} if gold else {}))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_two_models_of_a_file_are_compared(tmp_path, capsys):
    assert run(["compare", "good", "bad", "--predictions", predictions(tmp_path / "p.jsonl")]) == 0
    out = capsys.readouterr().err
    assert "good is better than bad on accuracy" in out
    assert "20 better · 0 worse · 40 same" in out


GATES = [
    (["good", "bad", "--gate"], 0),
    (["--gate", "good", "bad"], 0),
    (["bad", "good", "--gate"], 3),
    (["--gate", "bad", "good"], 3),
    (["good", "good", "--gate"], 4),
    (["good", "bad", "--gate", "difference.low > 0.1"], 0),
    (["--gate", "difference.low > 0.9", "good", "bad"], 3),
    (["--gate=outcome == 'better'", "good", "bad"], 0),
    (["good", "bad", "--gate", "required_n < 5"], 4),
    (["good", "bad", "--gate", "nothing > 5"], 1),
]


@pytest.mark.parametrize(("arguments", "code"), GATES, ids=[" ".join(gate) for gate, _ in GATES])
def test_a_gate_ends_with_its_code(tmp_path, arguments, code):
    file = predictions(tmp_path / "p.jsonl")
    assert run(["compare", *arguments, "--predictions", file]) == code


def test_a_gold_file_and_a_name_for_a_file(tmp_path, capsys):
    gold = tmp_path / "gold.csv"
    gold.write_text("id,output\n" + "".join(f"{n},{label}\n" for n, label in enumerate(RIGHT)))
    for name, output in (("first", "label 0"), ("second", "label 1")):
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps({"id": n, "output": output}) + "\n" for n in range(60)))
    arguments = ["--predictions", "one=first.jsonl", "--predictions", "second.jsonl", "--gold", "gold.csv"]
    assert run(["compare", "one", "second", *arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n"] == 60


def test_the_documents_that_differ_are_labelled_first(tmp_path, capsys):
    file = predictions(tmp_path / "p.jsonl", gold=False)
    queue = tmp_path / "queue.jsonl"
    given = ["compare", "good", "bad", "--predictions", file]
    assert run([*given, "--to-label", str(queue)]) == 0
    assert "differ on 20 of 60 documents" in capsys.readouterr().err
    rows = [json.loads(line) for line in queue.read_text().splitlines()]
    assert len(rows) == 20
    assert all(set(row) == {"id", "input", "answers", "output"} and row["output"] is None for row in rows)

    def label(count):
        done = [row | {"output": RIGHT[int(row["id"])]} if n < count else row for n, row in enumerate(rows)]
        queue.write_text("".join(json.dumps(row) + "\n" for row in done))
        code = run([*given, "--labels", str(queue), "--json"])
        return code, json.loads(capsys.readouterr().out or "null")

    code, found = label(20)
    assert (code, found["labels"], found["left"]) == (0, 20, 0)
    assert found["difference"]["value"] == pytest.approx(20 / 60)
    _, some = label(8)
    assert some["difference"]["low"] < 20 / 60 < some["difference"]["high"]
    assert label(0)[1]["difference"]["value"] is None

    assert run([*given, "--to-label", str(queue)]) == 1  # never over labels
    assert "already exists" in capsys.readouterr().err


def test_labels_have_to_be_given_from_the_top(tmp_path, capsys):
    file = predictions(tmp_path / "p.jsonl", gold=False)
    queue = tmp_path / "queue.jsonl"
    given = ["compare", "good", "bad", "--predictions", file]
    run([*given, "--to-label", str(queue)])
    rows = [json.loads(line) for line in queue.read_text().splitlines()]
    rows[5]["output"] = "label 0"
    queue.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run([*given, "--labels", str(queue)]) == 1
    assert "from the top" in capsys.readouterr().err


def test_a_model_that_is_not_in_the_files_is_named(tmp_path, capsys):
    file = predictions(tmp_path / "p.jsonl")
    for more in ([], ["--to-label", "queue.jsonl"]):
        assert run(["compare", "good", "other", "--predictions", file, *more]) == 1
        assert "They have: good, bad." in capsys.readouterr().err
