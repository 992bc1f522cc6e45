"""Exports: each layout holds the same documents and answers, and reads back as they were."""

import json

import pytest

from insource.config.dataset import DatasetSection
from insource.dataset.build import build_folder
from insource.dataset.export.layout import export_dataset
from insource.dataset.saved.folder import load
from insource.dataset.settings import BuildSettings
from insource.dataset.sources.choose import choose_source
from insource.formats.strict_json import as_object
from insource.foundation.errors import DataError
from insource.types import SPLITS, Row, Task

FULL = {
    "label": "teacher",
    "provider": "openai",
    "model": "small",
    "date": "2026-05-01",
    "terms": "v3",
    "prompt_version": "p2",
    "finish_reason": "stop",
    "synthetic": "paraphrase",
    "parents": ["r9"],
    "co_teachers": ["google/x"],
}


@pytest.fixture
def folder(tmp_path):
    own = {"type": "object", "properties": {"z": {"type": "string"}}}
    records = [
        {
            "id": f"r{n}",
            "input": f"document {n}\n\u2028é",
            "output": {"b": n, "a": "x\u2028"},
            "group": f"g{n % 9}",
        }
        for n in range(40)
    ]
    records[1] |= {"provenance": {"label": "teacher", "provider": "openai", "model": "big/2026"}}
    records[3] |= {"attributes": ["a"], "cloud_outputs": {"gpt": "{}"}, "latency_s": {"gpt": 1.5}}
    records[7] |= {"provenance": FULL, "split": "train"}
    records[9] |= {"split": "train"}
    records[5] |= {"schema": own, "output": {"z": "1"}}
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return build_folder(path, tmp_path / "datasets", BuildSettings(name="spec"))


@pytest.fixture
def task(folder):
    return Task(name="spec", instruction="Extract.", output=load(folder).manifest.output)


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def test_openai_chat_is_what_training_says(folder, task, tmp_path):
    written = export_dataset(folder, tmp_path / "out", "openai-chat", task, ["train", "validation"])
    dataset = load(folder)
    assert written == {split: len(dataset.splits[split]) for split in ("train", "validation")}
    assert not (tmp_path / "out" / "test.jsonl").exists()
    for split in written:
        for example, line in zip(
            dataset.splits[split], lines(tmp_path / "out" / f"{split}.jsonl"), strict=True
        ):
            assert set(line) == {"messages"}
            prompt = [m.model_dump() for m in task.messages(example.input, attributes=example.attributes)]
            assert line["messages"] == [*prompt, {"role": "assistant", "content": example.target}]


def test_prompt_and_completion(folder, task, tmp_path):
    export_dataset(folder, tmp_path / "out", "prompt-completion", task, SPLITS)
    dataset = load(folder)
    for split in SPLITS:
        rows = lines(tmp_path / "out" / f"{split}.jsonl")
        assert [row["completion"] for row in rows] == [e.target for e in dataset.splits[split]]
        assert all(e.input in row["prompt"] for e, row in zip(dataset.splits[split], rows, strict=True))
    assert "> Extract." in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def test_load_dataset_reads_the_folder(folder, task, tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    out = tmp_path / "out"
    export_dataset(folder, out, "hf", task, SPLITS)
    read = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    dataset = load(folder)
    assert set(read) == set(SPLITS)
    for split in SPLITS:
        found = [(row["id"], row["input"], row["output"], row["group"]) for row in read[split]]
        assert found == [(e.row_id, e.input, e.target, e.group) for e in dataset.splits[split]]
    rows = {row["id"]: row for split in SPLITS for row in read[split]}
    examples = {e.row_id: e for split in SPLITS for e in dataset.splits[split]}
    for row_id, example in examples.items():
        assert json.loads(rows[row_id]["schema"] or "null") == example.contract
        assert json.loads(rows[row_id]["cloud_outputs"] or "{}") == example.cloud_outputs


def test_nothing_is_overwritten_and_nothing_half_written(folder, task, tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(DataError) as error:
        export_dataset(folder, tmp_path / "out", "hf", task, ["train"])
    assert error.value.code == "already-exported"
    (tmp_path / "file").touch()
    with pytest.raises(DataError) as error:
        export_dataset(folder, tmp_path / "file" / "out", "hf", task, ["train"])
    assert error.value.code == "dataset-not-written"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["datasets", "file", "out", "rows.jsonl"]


def read_back(out, **section):
    """The rows of an exported folder, read as a source."""
    chosen = choose_source(DatasetSection(path="out", **section), out, workspace=out.parent, task="spec")
    items = list(chosen.source)
    assert all(isinstance(item, Row) for item in items)
    return items


def origin(row):
    """What a row says of its origin, without where it stands now."""
    return row.provenance.model_dump(exclude={"source", "line"})


@pytest.mark.parametrize("layout", ["openai-chat", "prompt-completion"])
def test_provenance_follows_its_line_and_a_line_without_one_is_not_used(folder, task, tmp_path, layout):
    out = tmp_path / "out"
    export_dataset(folder, out, layout, task, ["train"])
    path = out / "train.jsonl"
    first, second, *others = (f"{line}\n" for line in path.read_text(encoding="utf-8").split("\n")[:-1])
    before = {row.row_id: origin(row) for row in read_back(out)}
    path.write_text("".join([*reversed(others), second]), encoding="utf-8")
    after = {row.row_id: origin(row) for row in read_back(out)}
    assert len(after) == len(before) - 1
    assert after.items() <= before.items()
    path.write_text(first.replace("document", "paper") + second, encoding="utf-8")
    source = choose_source(DatasetSection(path="out"), out, workspace=tmp_path, task="spec").source
    changed, kept = source
    assert (changed.reason, kept.row_id) == ("unknown-origin", list(before)[1])
    (out / "train.provenance.jsonl").unlink()
    assert {row.provenance.label for row in read_back(out)} == {"checked"}


@pytest.mark.parametrize("line", ["{", "[]", '{"id": "a", "digest": "b"}'])
def test_a_broken_file_of_provenance_is_named(folder, task, tmp_path, line):
    export_dataset(folder, tmp_path / "out", "openai-chat", task, ["train"])
    (tmp_path / "out" / "train.provenance.jsonl").write_text(line, encoding="utf-8")
    with pytest.raises(DataError) as error:
        read_back(tmp_path / "out")
    assert error.value.code == "provenance-unreadable"
    assert "train.provenance.jsonl:1" in error.value.message


def test_load_dataset_reads_the_chats_without_what_lies_beside_them(folder, task, tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    export_dataset(folder, tmp_path / "out", "openai-chat", task, SPLITS)
    read = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert {split: read[split].column_names for split in read} == {split: ["messages"] for split in SPLITS}


def test_every_layout_is_a_source_of_the_same_rows(folder, task, tmp_path):
    dataset = load(folder)
    examples = {e.row_id: (split, e) for split in SPLITS for e in dataset.splits[split]}
    export_dataset(folder, tmp_path / "hf", "hf", task, SPLITS)
    rows = {row.row_id: row for row in read_back(tmp_path / "hf")}
    assert set(rows) == set(examples)
    for row_id, (split, example) in examples.items():
        row = rows[row_id]
        assert (row.split, row.input, row.group) == (split, example.input, example.group)
        assert (as_object(row.output), row.attributes) == (json.loads(example.target), example.attributes)
        assert (row.contract, row.cloud_outputs) == (example.contract, example.cloud_outputs)
        assert row.cloud_latency_s == example.cloud_latency_s
        assert origin(row) == origin(example)
    assert rows["r1"].provenance.label == "teacher"
    assert origin(rows["r7"]) == FULL | {
        "human_edited": False,
        "parents": ("r9",),
        "co_teachers": ("google/x",),
    }
    for layout in ("openai-chat", "prompt-completion"):
        export_dataset(folder, tmp_path / layout, layout, task, SPLITS)
        rows = read_back(tmp_path / layout)
        assert {row.row_id: origin(row) for row in rows} == {
            row_id: origin(example) for row_id, (_, example) in examples.items()
        }
        found = sorted((row.split, row.input, row.output) for row in rows)
        asked = {None: "", ("a",): "\nFields: a"}
        assert found == sorted(
            (split, e.input + asked[e.attributes], e.target) for split, e in examples.values()
        )
