"""What a dataset depends on rebuilds it, and nothing else does."""

import json
import shutil

import pytest
from support.builds import SCHEMA, Walk, answered, configured, edit, rows

from insource.dataset import key as key_module
from insource.dataset.checks.fixes import write_decisions
from insource.dataset.review.decisions import write_reviews
from insource.dataset.review.fields import input_digest
from insource.dataset.saved.folder import load
from insource.foundation.canonical import digest
from insource.runs import folders
from insource.types import FixDecision, Provenance, ReviewDecision, Row


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
