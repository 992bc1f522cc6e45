"""Predictions from elsewhere: whichever tool wrote them, they become the records of arms."""

import io
import json
import zipfile

import pytest

from insource.evaluation.compare import compare
from insource.evaluation.predictions.judged import TEXT_TASK, gold_of, judge, task_of
from insource.evaluation.predictions.read import read_predictions
from insource.foundation.errors import InsourceError

ANSWERS = {"a": ["x", "y", "x", "y"], "b": ["x", "x", "x", "x"]}
GOLD = ["x", "y", "x", "x"]


def jsonl(folder, rows, name="predictions.jsonl"):
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def rows():
    return [
        {"id": n, "model": model, "output": output, "target": GOLD[n]}
        for model, outputs in ANSWERS.items()
        for n, output in enumerate(outputs)
    ]


def as_jsonl(folder):
    return [jsonl(folder, rows())]


def as_csv(folder, delimiter=","):
    path = folder / "predictions.csv"
    lines = [["id", "model", "output", "target"], *([str(v) for v in row.values()] for row in rows())]
    path.write_text("".join(delimiter.join(line) + "\n" for line in lines), encoding="utf-8-sig")
    return [path]


def as_promptfoo(folder):
    results = [
        {
            "promptIdx": 0,
            "testIdx": n,
            "provider": {"id": model},
            "vars": {"text": f"text {n}"},
            "testCase": {"assert": [{"type": "equals", "value": GOLD[n]}]},
            "response": {"output": output},
            "success": output == GOLD[n],
        }
        for model, outputs in ANSWERS.items()
        for n, output in enumerate(outputs)
    ]
    path = folder / "results.json"
    path.write_text(json.dumps({"evalId": "e", "results": {"version": 3, "results": results}}, indent=2))
    return [path]


def sample(n, model, output):
    return {
        "id": n,
        "epoch": 1,
        "input": f"text {n}",
        "target": GOLD[n],
        "output": {"model": model, "completion": output},
        "scores": {"match": {"value": "C" if output == GOLD[n] else "I"}},
    }


def as_inspect(folder, compression=zipfile.ZIP_DEFLATED):
    paths = []
    for model, outputs in ANSWERS.items():
        data = io.BytesIO()
        with zip_file(data, compression) as log:
            log.writestr("header.json", json.dumps({"eval": {"model": model}}))
            for n, output in enumerate(outputs):
                log.writestr(f"samples/{n}_epoch_1.json", json.dumps(sample(n, model, output)))
                log.writestr(f"samples/{n}_epoch_2.json", json.dumps(sample(n, model, "repeat")))
        paths.append(folder / f"{model}.eval")
        paths[-1].write_bytes(data.getvalue())
    return paths


def zip_file(data, compression):
    from backports.zstd import zipfile as with_zstd

    return with_zstd.ZipFile(data, "w", compression)


def as_inspect_zstd(folder):
    from backports.zstd import zipfile as with_zstd

    return as_inspect(folder, with_zstd.ZIP_ZSTANDARD)


def as_inspect_json(folder):
    paths = []
    for model, outputs in ANSWERS.items():
        samples = [sample(n, model, output) for n, output in enumerate(outputs)]
        paths.append(folder / f"{model}.json")
        paths[-1].write_text(json.dumps({"eval": {"model": model}, "samples": samples}, indent=1))
    return paths


def as_lm_eval(folder):
    paths = []
    for model, outputs in ANSWERS.items():
        kept = [
            {
                "doc_id": n,
                "target": GOLD[n],
                "filter": name,
                "resps": [[output]],
                "filtered_resps": [output if name == "strict" else "other"],
                "exact_match": float(output == GOLD[n]),
            }
            for n, output in enumerate(outputs)
            for name in ("strict", "flexible")
        ]
        paths.append(jsonl(folder, kept, f"{model}.jsonl"))
    return paths


FILES = {
    "JSON Lines": as_jsonl,
    "CSV": as_csv,
    "CSV with semicolons": lambda folder: as_csv(folder, ";"),
    "promptfoo": as_promptfoo,
    "inspect .eval": as_inspect,
    "inspect .eval, zstd": as_inspect_zstd,
    "inspect .json": as_inspect_json,
    "lm-eval": as_lm_eval,
}


@pytest.mark.parametrize("write", FILES.values(), ids=FILES)
def test_every_tool_s_file_gives_the_same_comparison(tmp_path, write):
    found = [one for path in write(tmp_path) for one in read_predictions(path)]
    assert {(one.model, one.id, one.output) for one in found} == {
        (model, str(n), output) for model, outputs in ANSWERS.items() for n, output in enumerate(outputs)
    }
    gold = gold_of(found)
    assert gold == {str(n): label for n, label in enumerate(GOLD)}
    arms = judge(found, gold, task_of(gold), ("a", "b")).arms
    result = compare(arms["a"], arms["b"], metric="accuracy", margin=0.02)
    assert (result.n, result.better, result.worse, result.same) == (4, 1, 1, 2)


def test_a_choice_is_the_place_of_the_likeliest(tmp_path):
    record = {
        "doc_id": 0,
        "target": "1",
        "filtered_resps": [[-3.5, False], [-0.5, True], [-9.0, False]],
        "acc": 1,
    }
    (found,) = read_predictions(jsonl(tmp_path, [record]))
    assert (found.output, found.target, found.right, found.model) == ("1", "1", True, "predictions")


def test_several_prompts_are_several_models(tmp_path):
    (path,) = as_promptfoo(tmp_path)
    document = json.loads(path.read_text())
    results = document["results"]["results"]
    document["results"]["results"] = results + [one | {"promptIdx": 1} for one in results]
    path.write_text(json.dumps(document))
    assert {one.model for one in read_predictions(path)} == {
        "a, prompt 1",
        "a, prompt 2",
        "b, prompt 1",
        "b, prompt 2",
    }


def test_a_failed_call_is_a_failure_and_a_missing_row_is_left_out(tmp_path):
    given = rows()
    given[0] = {"id": 0, "model": "a", "output": None, "error": "timeout", "target": "x"}
    found = read_predictions(jsonl(tmp_path, given[:3] + given[4:]))
    gold = gold_of(found)
    arms = judge(found, gold, task_of(gold), ("a", "b")).arms
    assert [record.status for record in arms["a"][1]] == ["failed", "scored", "scored"]
    result = compare(arms["a"], arms["b"], metric="accuracy", margin=0.02)
    assert (result.n, result.worse) == (3, 1)
    assert "1 documents are left out" in result.difference.note


def test_json_answers_are_scored_by_field(tmp_path):
    right = {"volts": "480 V", "phase": 3}
    given = [
        {"id": n, "model": model, "output": right if model == "a" else right | {"phase": 1}, "target": right}
        for n in range(3)
        for model in "ab"
    ]
    found = read_predictions(jsonl(tmp_path, given))
    gold = gold_of(found)
    arms = judge(found, gold, task_of(gold), ("a", "b")).arms
    assert arms["b"][1][0].score.field_accuracy == 0.5


def test_without_gold_the_other_tool_s_judgement_counts(tmp_path):
    (path,) = as_promptfoo(tmp_path)
    path.write_text(path.read_text().replace('"equals"', '"llm-rubric"'))
    found = read_predictions(path)
    assert gold_of(found) == {}
    arms = judge(found, {}, TEXT_TASK, ("a", "b")).arms
    result = compare(arms["a"], arms["b"], metric="exact_match", margin=0.02)
    assert (result.better, result.worse, result.same) == (1, 1, 2)


BAD = {
    "no file": (None, "predictions-unreadable"),
    "an empty file": ("", "predictions-unreadable"),
    "no id": ('{"output": "x"}\n', "predictions-unreadable"),
    "no output": ('{"id": 1}\n', "predictions-unreadable"),
    "a line that is no object": ('{"id": 1, "output": "x"}\n[1]\n', "predictions-unreadable"),
    "half a line": ('{"id": 1, "output": "x"}\n{"id": 2, "out', "predictions-unreadable"),
    "not UTF-8": (b'{"id": "\xff\xfe", "output": ""}', "predictions-unreadable"),
    "a ZIP of something else": (b"PK\x03\x04nothing", "predictions-unreadable"),
    "a CSV without these columns": ("name,age\nx,1\n", "predictions-unreadable"),
    "a doubled id": ('{"id": 1, "output": "x"}\n' * 2, "predictions-doubled"),
    "promptfoo without results": ('{"results": {"results": []}}', "predictions-unreadable"),
    "inspect without samples": ('{"eval": {"model": "m"}, "samples": []}', "predictions-unreadable"),
    "samples that are none": (
        '{"eval": {"model": "m"}, "samples": [{"epoch": 1}]}',
        "predictions-unreadable",
    ),
}


@pytest.mark.parametrize(("content", "code"), BAD.values(), ids=BAD)
def test_a_file_that_cannot_be_used_says_what_can(tmp_path, content, code):
    path = tmp_path / "predictions.jsonl"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InsourceError) as raised:
        read_predictions(path)
    assert (raised.value.code, str(path) in raised.value.message) == (code, True)


def judged(tmp_path, given, names=("a", "b")):
    found = read_predictions(jsonl(tmp_path, given))
    gold = gold_of(found)
    return judge(found, gold, task_of(gold) if gold else TEXT_TASK, names)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda row: row | {"target": f"{row['model']} says so"}, "gold-differs"),
        (lambda row: {key: value for key, value in row.items() if key != "target"}, "missing-gold"),
        (lambda row: row | {"model": "a", "id": f"{row['model']}{row['id']}"}, "no-such-arm"),
    ],
)
def test_what_cannot_be_judged_says_why(tmp_path, change, code):
    with pytest.raises(InsourceError) as raised:
        judged(tmp_path, [change(row) for row in rows()])
    assert raised.value.code == code


def test_predictions_for_other_documents_have_nothing_in_common(tmp_path):
    given = [row | {"id": f"{row['model']}-{row['id']}"} for row in rows()]
    arms = judged(tmp_path, given).arms
    with pytest.raises(InsourceError) as raised:
        compare(arms["a"], arms["b"], metric="accuracy", margin=0.02)
    assert raised.value.code == "no-common-documents"
