"""A walk builds once, with the cloud's answers, and again only when something it depends on changed."""

import json
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from support.walks import FakeDisplay, session_on

from insource.dataset import key as key_module
from insource.dataset.checks.fixes import write_decisions
from insource.dataset.review.decisions import write_reviews
from insource.dataset.review.fields import input_digest
from insource.dataset.saved.built import find_built
from insource.dataset.saved.folder import load
from insource.dataset.splits import step
from insource.foundation.canonical import digest
from insource.foundation.errors import IntegrityError
from insource.logs.query import Log
from insource.logs.recorder import Recorder
from insource.models.fake import FakeCloud
from insource.models.protocol import ModelInfo
from insource.runs import folders
from insource.store.calls.calls import insert_calls
from insource.store.calls.retag import retag
from insource.store.database import open_database
from insource.types import Call, FixDecision, Provenance, ReviewDecision, Row
from insource.workflow import build as building
from insource.workflow.build import build_dataset_folder
from insource.workflow.looks import look_at_test, looks_at_test

CONFIG = """
[task]
name = "specs"
schema = "schema.json"
[dataset]
format = "rows"
"""
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "string"}, "b": {"type": ["integer", "null"]}},
    "required": ["a", "b"],
}
START = datetime(2026, 3, 1, tzinfo=UTC)


def rows(count=40, start=0):
    return [
        {"id": f"r{n}", "input": f"document {n} about x{n * 7}", "output": {"a": f"x{n * 7}", "b": n}}
        for n in range(start, start + count)
    ]


class Cloud:
    """A simulated cloud that counts what it is asked."""

    def __init__(self, name="fake/one"):
        self.info = ModelInfo(name=name, local=False, simulated=True)
        self.asked = []
        self._model = FakeCloud({row["input"]: row["output"] for row in rows(60)}, seed=0)

    def generate(self, request):
        self.asked.append(request.messages[-1].content)
        return self._model.generate(request)


class Walk:
    """One walk that builds the dataset, and what was said on the way."""

    def __init__(self, folder, cloud=None):
        self.display = FakeDisplay()
        self.session = session_on(folder, self.display)
        self.path, self.manifest = build_dataset_folder(self.session, cloud)
        self.read_back = any("Skipped" in note for note in self.display.notes)


@pytest.fixture
def specs(project):
    return project(rows(), CONFIG, files={"schema.json": SCHEMA})


def edit(name, old, new):
    """A change of one text in one file of the project."""

    def change(folder):
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))

    return change


def configured(lines):
    """More lines of configuration; a table that is there already goes on."""

    def change(folder):
        table, _, rest = lines.partition("\n")
        text = (folder / "insource.toml").read_text()
        text = text.replace(table, f"{table}\n{rest}") if table in text else f"{text}{lines}"
        (folder / "insource.toml").write_text(f"{text}\n")

    return change


def written(name, text):
    return lambda folder: (folder / name).write_text(text)


def added(name, text):
    return lambda folder: (folder / name).write_text((folder / name).read_text() + text)


def vouched(folder):
    """The provenance of every row in the file beside it."""
    lines = [{"id": row["id"], "digest": digest(row), "provenance": {"label": "teacher"}} for row in rows()]
    (folder / "data.provenance.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def fixed(folder):
    write_decisions(folder / "dataset-fixes.toml", [FixDecision(check="exact-duplicates", decision="apply")])


def reviewed(folder):
    row = Row(
        line=1,
        row_id="r1",
        **{k: rows()[1][k] for k in ("input", "output")},
        provenance=Provenance(source="d"),
    )
    decision = ReviewDecision(
        row_id="r1",
        field="/b",
        verdict="edited",
        before=1,
        after=5,
        who="eve",
        when="now",
        input=input_digest(row),
    )
    write_reviews(folder / "dataset-reviews.jsonl", [decision])


def synthesised(folder):
    row = {"id": "s1", "input": "another document", "output": {"a": "y", "b": 1}}
    origin = {"synthetic": "edit", "parents": ["r1"], "label": "teacher", "model": "m"}
    (folder / "synthetic.jsonl").write_text(json.dumps({**row, "provenance": origin}) + "\n")


def answered(folder, source="recorder", task="specs"):
    """One more call of the task in the log."""
    with Recorder.open(folder / ".insource") as recorder:
        recording = recorder.begin({"messages": []}, model_asked="x/y", source=source, task=task)
        recording.end(response_text="{}")


def on_other_splits(folder):
    shutil.rmtree(folder / ".insource" / "splits")


def longer(folder):
    """Rows of another project joined the stored splits."""
    source = folder / "data.jsonl"
    kept = source.read_text()
    source.write_text("".join(json.dumps(row) + "\n" for row in rows(60)))
    Walk(folder)
    source.write_text(kept)


REBUILDS = {
    "a row's text": edit("data.jsonl", "document 3 ", "document three "),
    "a row's answer": edit("data.jsonl", '"b": 3}', '"b": 4}'),
    "a row more": added("data.jsonl", json.dumps(rows(1, 99)[0]) + "\n"),
    "whose answers the rows are": vouched,
    "a fix": fixed,
    "a review": reviewed,
    "the policy": written("teachers.toml", '[[teacher]]\nmodel = "x/*"\ntrain = "allow"\nterms = "t"\n'),
    "the schema": edit("schema.json", '["integer", "null"]', '["integer", "string", "null"]'),
    "the order of the schema's properties": lambda folder: (folder / "schema.json").write_text(
        json.dumps({**SCHEMA, "properties": dict(reversed(SCHEMA["properties"].items()))})
    ),
    "the schemas that rows name": lambda folder: (
        written("named.json", json.dumps({"z": SCHEMA}))(folder),
        configured('[task]\nschemas = "named.json"')(folder),
    ),
    "the instruction": configured('[task]\ninstruction = "Read."'),
    "absent fields": configured('[task]\nabsent_fields = "unscored"'),
    "the margin": configured("[task]\nmargin = 0.05"),
    "the bound of errors": configured("[routing]\nmax_error = 0.2"),
    "its confidence": configured("[routing]\ndelta = 0.2"),
    "the seed": configured("[project]\nseed = 3"),
    "bad rows": configured('[dataset]\non_bad_rows = "drop"'),
    "a share": configured("[dataset]\nvalidation = 0.2"),
    "the teacher": configured('[dataset]\nteacher = "openai/gpt-4.1"'),
    "the stored splits": longer,
    "no stored splits": on_other_splits,
    "a synthetic row": synthesised,
    "a call of the task": answered,
}  # fmt: skip
KEEPS = {
    "nothing": lambda folder: None,
    "training": configured("[training]\nepochs = 9\nmax_tokens = 77"),
    "the gateway": configured("[gateway]\nport = 9999"),
    "the title": configured('[project]\ntitle = "Other"'),
    "calls of another task": lambda folder: answered(folder, task="other"),
    "calls through the gateway": lambda folder: answered(folder, source="gateway"),
    "the same file, written again": lambda folder: (folder / "data.jsonl").write_bytes(
        (folder / "data.jsonl").read_bytes()
    ),
}


@pytest.mark.parametrize("what", REBUILDS)
def test_what_a_dataset_depends_on_rebuilds_it(specs, what):
    answered(specs)
    assert not Walk(specs).read_back
    REBUILDS[what](specs)
    again = Walk(specs)
    assert not again.read_back, what
    assert Walk(specs).read_back
    assert Walk(specs).path == again.path


@pytest.mark.parametrize("what", KEEPS)
def test_what_a_dataset_does_not_depend_on_reads_it_back(specs, what):
    answered(specs)
    first = Walk(specs)
    KEEPS[what](specs)
    again = Walk(specs)
    assert again.read_back, what
    assert (again.path, again.manifest) == (first.path, first.manifest)
    assert [stage.skipped for stage in again.session.stages] == [True]
    assert f"Skipped: {first.path.name} has the result of the same inputs" in again.display.notes
    assert again.display.manifests == [first.manifest]


@pytest.mark.parametrize("changed", ["version", "numpy", "insource"])
def test_other_code_and_other_libraries_rebuild(specs, monkeypatch, changed):
    Walk(specs)
    if changed == "version":
        monkeypatch.setattr(key_module, "VERSION", 99)
    else:
        known = folders.installed
        monkeypatch.setattr(folders, "installed", lambda name: "99" if name == changed else known(name))
    assert not Walk(specs).read_back


@pytest.mark.parametrize(
    ("setting", "rebuilt"),
    [("max_tokens = 60", True), ('model = "gguf/./none.gguf"', True), ("epochs = 9", False)],
)
def test_an_accepted_limit_of_length_depends_on_what_training_takes(specs, setting, rebuilt):
    write_decisions(specs / "dataset-fixes.toml", [FixDecision(check="over-length", decision="apply")])
    Walk(specs)
    configured(f"[training]\n{setting}")(specs)
    assert Walk(specs).read_back is not rebuilt


def test_other_pseudonyms_rebuild(specs):
    write_decisions(specs / "dataset-fixes.toml", [FixDecision(check="personal-data", decision="apply")])
    Walk(specs)
    assert Walk(specs).read_back
    (specs / ".insource" / "pseudonym.key").unlink()
    assert not Walk(specs).read_back


# Folders of documents


@pytest.fixture
def documents(project):
    folder = project(config='[task]\nname = "specs"\n[dataset]\npath = "in"\n')
    (folder / "in" / "more").mkdir(parents=True)
    for n in range(30):
        path = folder / "in" / ("more" if n % 2 else "") / f"d{n}.txt"
        path.write_text(f"document {n} is about {n * 31}")
        path.with_suffix(".json").write_text(json.dumps({"a": str(n * 31)}))
    return folder


@pytest.mark.parametrize(
    ("change", "rebuilt"),
    [
        (lambda folder: (folder / "d2.txt").write_text("another document 2"), True),
        (lambda folder: (folder / "more" / "d3.json").write_text('{"a": "b"}'), True),
        (lambda folder: [(folder / f"d2.{suffix}").unlink() for suffix in ("txt", "json")], True),
        (lambda folder: (folder / "d2.txt").rename(folder / "d2.md"), True),
        (lambda folder: (folder / "README.txt").write_text("What this is."), True),
        (lambda folder: (folder / "photo.png").write_bytes(b"1"), True),
        (lambda folder: (folder / ".hidden.txt").write_text("not a document"), False),
    ],
)
def test_a_folder_is_read_again_when_a_file_in_it_changed(documents, change, rebuilt):
    (documents / "in" / "clip.mp4").write_bytes(b"a film")
    Walk(documents)
    change(documents / "in")
    assert Walk(documents).read_back is not rebuilt


def test_of_files_that_are_no_documents_only_the_name_counts(documents):
    (documents / "in" / "clip.mp4").write_bytes(b"a film")
    Walk(documents)
    (documents / "in" / "clip.mp4").write_bytes(b"another film")
    assert Walk(documents).read_back


@pytest.mark.parametrize("changed", ["labels.tsv", "in/.d4.txt"])
def test_a_table_elsewhere_and_the_hidden_documents_it_names_count(documents, changed):
    labels = [(f"{'.' if n == 4 else ''}d{n}.txt", n * 31) for n in range(0, 30, 2)]
    (documents / "in" / "d4.txt").rename(documents / "in" / ".d4.txt")
    table = "file,output\n" + "".join(f'{name},"{{""a"": ""{value}""}}"\n' for name, value in labels)
    (documents / "labels.tsv").write_text(table.replace(",", "\t", 1).replace(",", "\t"))
    configured('[dataset]\nlabels = "../labels.tsv"\non_bad_rows = "drop"')(documents)
    first = Walk(documents)
    assert ".d4.txt" in {e.row_id for found in load(first.path).splits.values() for e in found}
    assert Walk(documents).read_back
    with (documents / changed).open("a") as file:
        file.write("d1.txt\tx\n" if changed == "labels.tsv" else " and more")
    assert not Walk(documents).read_back


# Rows from the log


def call(number, task="specs", **fields):
    request = {"messages": [{"role": "user", "content": f"document {number} is about {number * 31}"}]}
    return Call(
        call_id=f"c{number:03}",
        started_at=START + timedelta(minutes=number),
        source="gateway",
        task=task,
        endpoint="chat",
        model_asked="x/y",
        request=request,
        response_text=json.dumps({"a": str(number * 31)}),
        **fields,
    )


@pytest.fixture
def logged(project):
    folder = project(config='[task]\nname = "specs"\n[dataset]\nformat = "log"\n')
    stored(folder, *(call(n) for n in range(30)), call(90, task=""), call(91, task="other"))
    return folder


def stored(folder, *calls):
    with open_database(folder / ".insource" / "insource.db") as database, database.write() as connection:
        insert_calls(connection, calls)


def corrected(folder):
    with Log(folder / ".insource") as log:
        log.correct("c003", '{"a": "right"}')


def purged(folder):
    with Log(folder / ".insource") as log:
        log.purge(reason="asked for", call_ids=("c003",))


def replaced_by_another(folder):
    """As many calls as before, of the same ids and times, with other answers: another store all the same."""
    for path in (folder / ".insource").glob("insource.db*"):
        path.unlink()
    calls = (call(n).model_copy(update={"response_text": '{"a": "other"}'}) for n in range(30))
    stored(folder, *calls, call(90, task=""), call(91, task="other"))


def purged_and_another_in_its_place(folder):
    """As many calls as before, which started at the same times."""
    purged(folder)
    stored(folder, call(3).model_copy(update={"call_id": "c003b"}))


def a_rating_of_another_task(folder):
    with Log(folder / ".insource") as log:
        log.rate("c091", "up")


def given_the_task(folder):
    with open_database(folder / ".insource" / "insource.db") as database:
        assert retag(database, ["c090"], "specs") == 1


@pytest.mark.parametrize(
    ("change", "rebuilt"),
    [
        (lambda folder: stored(folder, call(40)), True),
        (corrected, True),
        (purged, True),
        (given_the_task, True),
        (replaced_by_another, True),
        (purged_and_another_in_its_place, True),
        (a_rating_of_another_task, False),
        (answered, True),
        (lambda folder: stored(folder, call(40, task="other")), False),
        (configured("[training]\nepochs = 9"), False),
    ],
)
def test_rows_of_the_log_are_read_again_when_it_changed(logged, change, rebuilt):
    assert not Walk(logged).read_back
    change(logged)
    assert Walk(logged).read_back is not rebuilt
    assert Walk(logged).read_back


def test_a_copied_workspace_is_read_back(logged, tmp_path_factory):
    Walk(logged)
    copy = tmp_path_factory.mktemp("copies") / "project"
    shutil.copytree(logged, copy)
    assert Walk(copy).read_back


def test_purged_text_does_not_come_back(logged):
    before = Walk(logged)
    assert "document 3 is" in "".join(path.read_text() for path in before.path.glob("*.jsonl"))
    purged_and_another_in_its_place(logged)
    after = Walk(logged)
    rows_of = {example.row_id for split in load(after.path).splits.values() for example in split}
    assert "c003" not in rows_of


def test_a_log_that_grew_meanwhile_leaves_the_build_unremembered(logged, monkeypatch):
    seal = building.seal

    def sealing(*arguments):
        stored(logged, call(40))
        return seal(*arguments)

    monkeypatch.setattr(building, "seal", sealing)
    first = Walk(logged)
    monkeypatch.undo()
    assert not (logged / ".insource" / "builds").exists()
    again = Walk(logged)
    assert not again.read_back
    assert again.manifest.read == first.manifest.read + 1


def test_calls_that_wait_in_the_spool_are_drained_before_the_key_is_read(logged, monkeypatch):
    Walk(logged)
    monkeypatch.setattr(Recorder, "flush", lambda self: None)
    with Recorder.open(logged / ".insource") as recorder:
        request = {"messages": [{"role": "user", "content": "one more document"}]}
        begun = recorder.begin(request, model_asked="x/y", task="specs", endpoint="chat")
        begun.end(response_text='{"a": "1"}')
        walk = Walk(logged)
        assert not walk.read_back
        assert walk.manifest.read == 31


def test_a_log_that_cannot_be_brought_up_to_date_has_no_key(logged, monkeypatch):
    Walk(logged)
    monkeypatch.setattr("insource.workflow.build_key._drained", lambda project: False)
    assert not Walk(logged).read_back
    assert not Walk(logged).read_back


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
