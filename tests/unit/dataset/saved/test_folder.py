"""Saving and loading: whole or not at all, and never trusted without its digest."""

import json
import os

import pytest

from insource.dataset.build import build
from insource.dataset.saved.card import data_card
from insource.dataset.saved.folder import find, folder_name, load, newest_first, save
from insource.foundation.errors import DataError, IntegrityError


@pytest.fixture
def dataset(tmp_path):
    schema = {"type": "object", "properties": {"z": {"type": "string"}, "a": {"type": "string"}}}
    records = [{"input": f"d{n}", "output": {"a": "é", "z": f"{n}"}, "schema": schema} for n in range(20)]
    path = tmp_path / "rows.jsonl"
    path.write_text(
        "".join(json.dumps(record) + "\n" for record in [*records, {"input": "d"}]), encoding="utf-8"
    )
    return build(path, name="spec", on_bad_rows="drop")


def test_what_is_saved_is_loaded(dataset, tmp_path):
    path = save(dataset, tmp_path / "datasets")
    assert path.name == folder_name(dataset.manifest)
    loaded = load(path)
    assert loaded == dataset
    assert list(loaded.splits["train"][0].contract["properties"]) == ["z", "a"]
    assert sorted(file.name for file in path.iterdir()) == [
        "README.md", "calibration.jsonl", "dropped.jsonl", "manifest.json", "test.jsonl", "train.jsonl",
        "validation.jsonl",
    ]  # fmt: skip


def test_the_same_dataset_has_the_same_bytes(dataset, tmp_path):
    first, second = save(dataset, tmp_path / "one"), save(dataset, tmp_path / "two")
    assert first.name == second.name
    for file in first.iterdir():
        assert file.read_bytes() == (second / file.name).read_bytes()


def test_saving_twice_writes_once(dataset, tmp_path):
    path = save(dataset, tmp_path)
    written = [(file.name, file.stat().st_ino) for file in sorted(path.iterdir())]
    assert save(dataset, tmp_path) == path
    assert [(file.name, file.stat().st_ino) for file in sorted(path.iterdir())] == written


def test_the_last_dataset_is_the_one_built_last(dataset, tmp_path):
    other = dataset.model_copy(update={"manifest": dataset.manifest.model_copy(update={"name": "other"})})
    folders = [save(one, tmp_path) for one in (dataset, other)]
    for age, folder in enumerate(folders):
        os.utime(folder / "manifest.json", (age, age))
    assert newest_first(tmp_path) == folders[::-1]
    save(dataset, tmp_path)
    assert newest_first(tmp_path) == folders


def test_a_manifest_of_something_else_is_no_dataset(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "manifest.json").write_text('{"name": "an app"}', encoding="utf-8")
    with pytest.raises(DataError) as error:
        find(tmp_path / "datasets", "")
    assert error.value.message == "There is no dataset. Known, newest first: none."
    with pytest.raises(DataError) as error:
        load(find(tmp_path / "datasets", str(tmp_path)))
    assert error.value.code == "dataset-not-found"
    assert "is not a dataset of Insource" in error.value.message


def test_removal_is_advised_for_what_a_build_wrote(dataset, tmp_path):
    path = save(dataset, tmp_path)
    swap(path, "train.jsonl", "é", "e")
    with pytest.raises(IntegrityError) as error:
        load(path)
    assert f"rm -r '{path}'" in error.value.hint
    with pytest.raises(IntegrityError) as error:
        load(path.rename(tmp_path / "copy"))
    assert "rm -r" not in error.value.hint


def test_a_half_written_folder_is_refused_and_replaced(dataset, tmp_path):
    path = save(dataset, tmp_path)
    (path / "manifest.json").unlink()
    with pytest.raises(DataError) as error:
        load(path)
    assert error.value.code == "dataset-not-found"
    leftover = path.with_name(".scratch-999999999-killed")
    leftover.mkdir()
    (leftover / "junk").touch()
    assert load(save(dataset, tmp_path)) == dataset
    assert not leftover.exists()
    assert not (path / "junk").exists()


def swap(path, file, old, new):
    content = (path / file).read_text(encoding="utf-8")
    assert old in content
    (path / file).write_text(content.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("train.jsonl", "é", "e"),
        ("test.jsonl", "\n", ""),
        ("dropped.jsonl", "missing-output", "missing-input"),
        ("manifest.json", '"read": 21', '"read": 22'),
        ("manifest.json", '"simulated_models"', '"simulated_model"'),
        ("manifest.json", "}", "", ),
    ],
)  # fmt: skip
def test_any_change_is_noticed(dataset, tmp_path, file, old, new):
    path = save(dataset, tmp_path)
    swap(path, file, old, new)
    with pytest.raises(IntegrityError) as error:
        load(path)
    assert error.value.code == "digest-mismatch"
    with pytest.raises(IntegrityError):
        save(dataset, tmp_path)


def test_a_missing_file_is_noticed(dataset, tmp_path):
    path = save(dataset, tmp_path)
    (path / "calibration.jsonl").unlink()
    with pytest.raises(IntegrityError):
        load(path)


def test_the_card_tells_the_funnel(dataset, tmp_path):
    card = (save(dataset, tmp_path) / "README.md").read_text(encoding="utf-8")
    assert "- read: 21" in card
    assert "- dropped, `missing-output`: 1" in card
    assert "| test | 2 | 0 | sealed" in card
    assert "the cloud arm is not measured" in card


def test_the_card_shows_names_of_others_as_text(dataset):
    hostile = "x`\n# Head [l](http://evil) <script>"
    manifest = dataset.manifest.model_copy(
        update={"source": hostile, "notes": (hostile,), "cloud_models": (hostile,), "name": hostile}
    )
    lines = data_card(manifest).splitlines()
    assert not any(line.startswith("# Head") for line in lines)
    assert "`x'# Head [l](http://evil) <script>`" in "\n".join(lines)
    assert r"- x\` \# Head \[l\](http://evil) \<script\>" in lines
