"""A walk builds once, with the cloud's answers; what is read back is whole."""

import json
import shutil

import pytest
from support.builds import CONFIG, SCHEMA, Cloud, Walk, edit, rows

from insource.dataset.saved.built import find_built
from insource.dataset.saved.folder import load
from insource.dataset.splits import step
from insource.foundation.errors import IntegrityError
from insource.workflow import build as building
from insource.workflow.looks import look_at_test, looks_at_test

# The cloud's answers


def test_the_cloud_is_asked_about_each_document_once_and_its_answers_join(specs):
    cloud = Cloud()
    walk = Walk(specs, cloud)
    found = [example for split in load(walk.path).splits.values() for example in split]
    assert sorted(cloud.asked) == sorted(example.input for example in found)
    assert all(example.cloud_outputs.keys() == {"fake/one"} for example in found)
    assert walk.manifest.simulated_models == ("fake/one",)
    assert [stage.stage for stage in walk.session.stages] == ["log", "dataset"]
    assert walk.display.stages == ["log", "dataset"]


def test_a_second_walk_asks_nothing_and_reads_the_dataset_back(specs):
    first = Walk(specs, Cloud())
    cloud = Cloud()
    again = Walk(specs, cloud)
    assert cloud.asked == []
    assert again.read_back
    assert again.path == first.path
    assert [stage.stage for stage in again.session.stages] == ["log", "dataset"]
    assert again.session.stages[0].digest == first.session.stages[0].digest
    assert Walk(specs).read_back  # `dataset build`, which asks nobody


def test_another_cloud_is_asked_and_its_answers_join_those_of_the_first(specs):
    Walk(specs, Cloud())
    other = Cloud("fake/two")
    walk = Walk(specs, other)
    assert not walk.read_back
    assert len(other.asked) == 40
    assert walk.manifest.cloud_models == ("fake/one", "fake/two")


def test_only_new_documents_are_asked_about(specs):
    Walk(specs, Cloud())
    (specs / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows(45)))
    cloud = Cloud()
    walk = Walk(specs, cloud)
    assert len(cloud.asked) == 5
    assert walk.manifest.cloud_rows == {"fake/one": 45}


def test_what_would_leak_is_not_asked_about(project):
    leaking = [*rows(), {**rows(1)[0], "id": "leak", "split": "test"}]
    cloud = Cloud()
    walk = Walk(project(leaking, CONFIG, files={"schema.json": SCHEMA}), cloud)
    assert walk.manifest.dropped == {"leak": 1}
    assert len(cloud.asked) == len(set(cloud.asked)) == 40


def test_nothing_is_asked_when_a_split_would_be_empty(project):
    cloud = Cloud()
    with pytest.raises(Exception, match="No row would be left") as caught:
        Walk(project(rows(2), CONFIG, files={"schema.json": SCHEMA}), cloud)
    assert caught.value.code == "empty-split"
    assert cloud.asked == []


@pytest.mark.parametrize("cloud", [None, Cloud()])
def test_a_walk_builds_once(specs, monkeypatch, cloud):
    """The search for near-duplicates takes most of the time: it is made once, and never to read back."""
    searched, search = [], step.find_near_duplicates
    monkeypatch.setattr(
        step, "find_near_duplicates", lambda *a, **k: (searched.append(1), search(*a, **k))[1]
    )
    Walk(specs, cloud)
    assert searched == [1]
    Walk(specs, cloud)
    assert searched == [1]


# What is read back is whole


def test_a_damaged_dataset_is_an_error(specs):
    path = Walk(specs).path
    with (path / "train.jsonl").open("a") as file:
        file.write("\n")
    with pytest.raises(IntegrityError) as caught:
        Walk(specs)
    assert caught.value.code == "digest-mismatch"


def test_a_removed_dataset_is_built_again(specs):
    first = Walk(specs)
    shutil.rmtree(first.path)
    again = Walk(specs)
    assert not again.read_back
    assert again.path == first.path


@pytest.mark.parametrize("text", ["", "{}", '{"dataset": "../elsewhere", "seconds": 1}'])
def test_a_record_that_says_nothing_is_built_again(specs, text):
    Walk(specs)
    (record,) = (specs / ".insource" / "builds").iterdir()
    record.write_text(text)
    assert not Walk(specs).read_back
    assert Walk(specs).read_back


def there_and_back(specs):
    """Datasets A and B, both remembered on the splits that hold the rows of both."""
    there, back = ("document 3 ", "document three "), ("document three ", "document 3 ")
    Walk(specs)
    edit("data.jsonl", *there)(specs)
    second = Walk(specs)
    edit("data.jsonl", *back)(specs)
    first = Walk(specs)
    edit("data.jsonl", *there)(specs)
    assert Walk(specs).read_back
    edit("data.jsonl", *back)(specs)
    return first, second


def test_one_dataset_in_the_place_of_another_is_not_read_back(specs):
    first, second = there_and_back(specs)
    project = first.session.project
    key = building.read_key(project, building.build_settings(project))
    assert find_built(project.builds_path, project.datasets_path, key.spec).folder == first.path
    shutil.rmtree(first.path)
    shutil.copytree(second.path, first.path)
    assert find_built(project.builds_path, project.datasets_path, key.spec) is None


def test_a_build_whose_source_changed_meanwhile_is_not_remembered(specs, monkeypatch):
    seal = building.seal

    def sealing(*arguments):
        edit("data.jsonl", "document 3 ", "document three ")(specs)
        return seal(*arguments)

    monkeypatch.setattr(building, "seal", sealing)
    Walk(specs)
    monkeypatch.undo()
    assert not (specs / ".insource" / "builds").exists()
    assert not Walk(specs).read_back


@pytest.mark.parametrize("trouble", ["a file in the place of builds", "a folder that cannot be marked"])
def test_trouble_with_what_is_remembered_fails_no_walk(specs, monkeypatch, trouble):
    if trouble.startswith("a file"):
        (specs / ".insource").mkdir(exist_ok=True)
        (specs / ".insource" / "builds").write_text("not a folder")
        walk = Walk(specs)
        assert any(note.startswith("The next walk builds again") for note in walk.display.notes)
        assert not Walk(specs).read_back
        return
    Walk(specs)

    def refuses(*arguments):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.utime", refuses)
    assert Walk(specs).read_back


def test_splits_that_were_deleted_are_stored_again(specs):
    """The build that stored them is not read back in their place: rows that come later would move."""
    Walk(specs)
    shutil.rmtree(specs / ".insource" / "splits")
    assert not Walk(specs).read_back
    assert list((specs / ".insource" / "splits" / "specs").glob("*.assignments"))


def test_what_was_read_back_is_the_dataset_built_last(specs):
    first, second = there_and_back(specs)  # where the second was read back last

    def ages():
        return [(walk.path / "manifest.json").stat().st_mtime_ns for walk in (first, second)]

    assert ages()[1] > ages()[0]
    assert Walk(specs).read_back
    assert ages()[0] > ages()[1]


def test_reading_a_dataset_back_is_no_look_at_its_test_split(specs):
    first = Walk(specs)
    test = load(first.path).splits["test"]
    look_at_test(first.session, test, "tuned")
    again = Walk(specs)
    assert again.read_back
    seen = looks_at_test(again.session, load(again.path).splits["test"])
    assert (seen.documents, seen.most) == (len(test), 1)
