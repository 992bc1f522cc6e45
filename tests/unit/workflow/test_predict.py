"""Files and folders answered by the chosen model: order, bad rows, and where an interrupted call goes on."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.child_python import TESTS, python_path
from support.fitted_models import SURE, fields_output, finished_run, keyword_fields, keyword_labels
from support.walks import session_on

from insource.dataset import to_answer
from insource.foundation.errors import DataError, ProviderError, UserError
from insource.models.fitted.model import FittedModel
from insource.workflow import predict as module


def predict(session, source, target, **options):
    return module.predict(session, {source.name: source}, target, **options)


@pytest.fixture
def folder(project):
    made = project(config="[task]\nname = 'teams'\n")
    finished_run(made / ".insource")
    return made


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def rows(folder, *texts):
    source = folder / "todo.jsonl"
    source.write_text(
        "".join(json.dumps({"id": f"r{n}", "input": text}) + "\n" for n, text in enumerate(texts))
    )
    return source


def test_each_row_gets_a_line_in_order_with_its_confidence(folder):
    source = rows(folder, SURE, "Where is the parcel?")
    done = predict(session_on(folder), source, folder / "out.jsonl")
    assert (done.documents, done.without_answer, done.resumed) == (2, 0, 0)
    assert lines(done.path) == [
        {"id": "r0", "output": "billing", "confidence": keyword_labels().answer(SURE).confidence},
        {
            "id": "r1",
            "output": "delivery",
            "confidence": keyword_labels().answer("Where is the parcel?").confidence,
        },
    ]
    assert sorted(path.name for path in folder.glob(".out*")) == []


def test_json_is_written_as_json_with_the_confidence_of_each_field(project):
    folder = project(config="[task]\nname = 'triage'\n")
    finished_run(folder / ".insource", keyword_fields(), fields_output())
    predict(session_on(folder), rows(folder, "The invoice, asap"), folder / "out.jsonl")
    (line,) = lines(folder / "out.jsonl")
    assert line["output"] == {"team": "billing", "urgent": True}
    assert line["field_confidences"].keys() == {"team", "urgent"}


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("todo.csv", 'id,input\na,"The invoice, charged"\nb,\n', {"a": "billing", "b": None}),
        (
            "todo.jsonl",
            '{"input": "parcel"}\n{"input": 7}\nnot json\n',
            {"line-1": "delivery", "line-2": None},
        ),
        ("todo.txt", "It leaks.", {"todo.txt": "technical"}),
    ],
)
def test_a_bad_row_is_a_line_with_its_reason(folder, name, content, expected):
    (folder / name).write_text(content)
    predict(session_on(folder), folder / name, folder / "out.jsonl")
    found = {line["id"]: line.get("output") for line in lines(folder / "out.jsonl")}
    assert expected.items() <= found.items()
    assert all(("error" in line) != ("output" in line) for line in lines(folder / "out.jsonl"))


def test_the_documents_of_a_folder_are_named_by_their_paths(folder):
    documents = folder / "inbox"
    (documents / "may").mkdir(parents=True)
    (documents / "may" / "one.txt").write_text("The courier is late.")
    (documents / "empty.txt").write_text("")
    predict(session_on(folder), documents, folder / "out.jsonl")
    found = {line["id"]: line for line in lines(folder / "out.jsonl")}
    assert found["may/one.txt"]["output"] == "delivery"
    assert found["empty.txt"]["error"].startswith("empty-document")


class Dying(KeyboardInterrupt):
    """The user stops the command."""


@pytest.fixture
def asked(monkeypatch):
    """The documents that the model is asked; it stops the process at the text ``stop``, the first time."""
    seen, stopped = [], []
    generate = FittedModel.generate

    def watched(self, request):
        seen.append(request.document)
        if request.document == "stop" and not stopped:
            stopped.append(True)
            raise Dying
        return generate(self, request)

    monkeypatch.setattr(FittedModel, "generate", watched)
    monkeypatch.setattr(module, "BATCH", 2)
    return seen


def test_an_interrupted_call_goes_on_where_it_stopped(folder, asked):
    texts = ["one", "two", "three", "stop", "five"]
    source, target = rows(folder, *texts), folder / "out.jsonl"
    with pytest.raises(Dying):
        predict(session_on(folder), source, target)
    assert not target.exists()
    (kept,) = folder.glob(".out.jsonl.predicted")
    kept.write_text(kept.read_text() + '{"id": "r3", "outp')  # the process died within a line
    asked.clear()
    done = predict(session_on(folder), source, target)
    assert (done.documents, done.resumed) == (5, 3)
    assert sorted(asked) == sorted(texts[3:])
    assert [line["id"] for line in lines(target)] == ["r0", "r1", "r2", "r3", "r4"]


@pytest.mark.parametrize("torn", ["within a character", "within the first line", "before the first line"])
def test_a_line_that_was_not_written_to_its_end_is_no_answer(folder, asked, torn):
    source, target = rows(folder, "one", "two", "stop"), folder / "out.jsonl"
    with pytest.raises(Dying):
        predict(session_on(folder), source, target)
    (kept,) = folder.glob(".out.jsonl.predicted")
    whole = kept.read_bytes()
    left = {
        "within a character": whole + "ä".encode()[:1],
        "within the first line": whole.split(b"\n")[0],
        "before the first line": b"",
    }
    kept.write_bytes(left[torn])
    done = predict(session_on(folder), source, target)
    assert done.resumed == (2 if torn == "within a character" else 0)
    assert [line["id"] for line in lines(target)] == ["r0", "r1", "r2"]


def test_answers_to_another_column_are_not_taken_for_these(folder, project, asked):
    source, target = folder / "todo.jsonl", folder / "out.jsonl"
    texts = [("a parcel", "an invoice"), ("a parcel", "an invoice"), ("stop", "an invoice")]
    source.write_text("".join(json.dumps({"input": one, "body": other}) + "\n" for one, other in texts))
    with pytest.raises(Dying):
        predict(session_on(folder), source, target)
    project(config="[task]\nname = 'teams'\n[dataset.columns]\ninput = 'body'\n")
    assert predict(session_on(folder), source, target).resumed == 0
    assert {line["output"] for line in lines(target)} == {"billing"}


def failing_at(monkeypatch, text, error):
    generate = FittedModel.generate

    def watched(self, request):
        if request.document == text:
            raise error
        return generate(self, request)

    monkeypatch.setattr(FittedModel, "generate", watched)


def test_a_document_that_a_model_stumbles_over_does_not_end_the_others(folder, monkeypatch):
    failing_at(monkeypatch, "bad", ValueError("no such column"))
    done = predict(session_on(folder), rows(folder, "one", "bad", "three"), folder / "out.jsonl")
    assert done.without_answer == 1
    assert lines(done.path)[1] == {"id": "r1", "error": "model-failed: ValueError: no such column"}


def test_a_dead_engine_ends_the_command_and_not_the_answers(folder, asked, monkeypatch):
    source, target = rows(folder, "one", "two", "three", "four"), folder / "out.jsonl"
    with monkeypatch.context() as broken:
        failing_at(broken, "three", ProviderError("engine-died", "it is gone"))
        with pytest.raises(ProviderError, match="it is gone"):
            predict(session_on(folder), source, target)
    assert not target.exists()
    assert predict(session_on(folder), source, target).resumed == 2
    assert all("output" in line for line in lines(target))


@pytest.mark.parametrize("name", ["todo.jsonl", "link.jsonl"])
def test_the_documents_are_never_written_over(folder, name):
    source = rows(folder, SURE)
    (folder / "link.jsonl").symlink_to(source)
    before = source.read_bytes()
    with pytest.raises(UserError) as caught:
        predict(session_on(folder), source, folder / name)
    assert caught.value.code == "target-is-source"
    assert source.read_bytes() == before


def test_what_cannot_be_read_in_a_folder_is_a_line(folder, monkeypatch):
    documents = folder / "inbox"
    (documents / "closed").mkdir(parents=True)
    (documents / "closed" / "in.txt").write_text("no")
    for name in (b"good.txt", b"caf\xe9.txt", b"shut.txt"):
        (documents / os.fsdecode(name)).write_text("The courier is late.")
    iterdir, read_bytes = Path.iterdir, Path.read_bytes

    def refused(method, shut):
        def guarded(path, *args):
            if path.name == shut:
                raise PermissionError(13, "Permission denied")
            return method(path, *args)

        return guarded

    monkeypatch.setattr(Path, "iterdir", refused(iterdir, "closed"))
    monkeypatch.setattr(Path, "read_bytes", refused(read_bytes, "shut.txt"))
    monkeypatch.setattr(to_answer, "file_digest", refused(to_answer.file_digest, "shut.txt"))
    predict(session_on(folder), documents, folder / "out.jsonl")
    found = {
        line["id"]: line.get("output") or line["error"].partition(":")[0]
        for line in lines(folder / "out.jsonl")
    }
    assert found == {
        "caf\ufffd.txt": "delivery",
        "closed": "unreadable-path",
        "good.txt": "delivery",
        "shut.txt": "unreadable-document",
    }


def test_answers_to_another_file_are_not_taken_for_these(folder, asked):
    source, target = rows(folder, "one", "two", "stop"), folder / "out.jsonl"
    with pytest.raises(Dying):
        predict(session_on(folder), source, target)
    source = rows(folder, "other", "two", "three")
    assert predict(session_on(folder), source, target).resumed == 0
    assert "other" in asked


def test_what_cannot_be_answered_at_all_says_what_to_do(folder):
    with pytest.raises(UserError) as caught:
        predict(session_on(folder), folder / "absent.jsonl", folder / "out.jsonl")
    assert caught.value.code == "rows-not-found"
    (folder / "todo.csv").write_text("text,label\nhello,a\n")
    with pytest.raises(DataError) as caught:
        predict(session_on(folder), folder / "todo.csv", folder / "out.jsonl")
    assert caught.value.code == "unknown-columns"
    assert not (folder / "out.jsonl").exists()


def test_the_command_counts_what_has_no_answer_and_says_where_it_is(folder):
    rows(folder, SURE)
    with (folder / "todo.jsonl").open("a") as file:
        file.write('{"id": "bad"}\n')
    done = subprocess.run(
        [sys.executable, "-m", "support.fitted_models", "predict", "todo.jsonl", "--json"],
        cwd=folder,
        env=os.environ | python_path(TESTS),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told.pop("per_second") > 0
    assert told == {"path": "todo.predicted.jsonl", "documents": 2, "without_answer": 1, "resumed": 0}
    assert "Answered 1 of 2 documents" in done.stderr
    assert [line["id"] for line in lines(folder / "todo.predicted.jsonl")] == ["r0", "bad"]


@pytest.mark.parametrize("source", [".", "in/..", "../inbox"])
def test_a_folder_without_a_name_gets_its_answers_beside_it(folder, source):
    (folder / "inbox" / "in").mkdir(parents=True)
    (folder / "inbox" / "one.txt").write_text("It leaks.")
    done = subprocess.run(
        [sys.executable, "-m", "support.fitted_models", "predict", source, "--config", "../insource.toml"],
        cwd=folder / "inbox",
        env=os.environ | python_path(TESTS),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert [line["id"] for line in lines(folder / "inbox.predicted.jsonl")] == ["one.txt"]


def command(folder, *arguments, **options):
    done = subprocess.run(
        [sys.executable, "-m", "support.fitted_models", "predict", *arguments],
        cwd=folder,
        env=os.environ | python_path(TESTS),
        capture_output=True,
        text=True,
        **options,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_several_files_and_folders_are_answered_in_the_order_given(folder):
    rows(folder, SURE)
    (folder / "inbox").mkdir()
    (folder / "inbox" / "one.txt").write_text("The courier is late.")
    (folder / "more.csv").write_text("input\nIt leaks.\n")
    done = command(folder, "more.csv", "inbox", "todo.jsonl", "inbox/one.txt", "./more.csv")
    assert [(line["source"], line["id"], line["output"]) for line in lines(folder / "predicted.jsonl")] == [
        ("more.csv", "line-2", "technical"),
        ("inbox", "one.txt", "delivery"),
        ("todo.jsonl", "r0", "billing"),
    ]
    assert "inbox/one.txt is answered once: it is also part of inbox" in done.stderr
    assert "./more.csv is answered once: it is also part of more.csv" in done.stderr
    assert "Answered 3 of 3 documents (" in done.stderr
    assert "a second)" in done.stderr


@pytest.mark.parametrize("content", ['{"id": "a", "input": "It leaks."}\n', "id,input\na,It leaks.\n"])
def test_standard_input_is_answered_on_standard_output(folder, content):
    done = command(folder, "-", input=content)
    (line,) = map(json.loads, done.stdout.splitlines())
    assert (line["id"], line["output"]) == ("a", "technical")
    command(folder, "-", "--to", "out.jsonl", input=content)
    assert lines(folder / "out.jsonl") == [line]
    assert list(folder.glob(".out*")) == []


def test_a_table_has_a_column_for_each_path_and_lists_as_json(project):
    folder = project(config="[task]\nname = 'triage'\n")
    finished_run(folder / ".insource", keyword_fields(), fields_output())
    rows(folder, "The invoice, asap")
    with (folder / "todo.jsonl").open("a") as file:
        file.write('{"id": "bad"}\n')
    command(folder, "todo.jsonl", "--to", "out.csv")
    with (folder / "out.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert list(found[0]) == [
        "id",
        "output.team",
        "output.urgent",
        "confidence",
        "field_confidences.team",
        "field_confidences.urgent",
        "error",
    ]
    assert (found[0]["output.team"], found[0]["output.urgent"]) == ("billing", "true")
    assert float(found[0]["confidence"]) > 0.5
    assert found[1]["error"].startswith("no-input")
    assert found[1]["output.team"] == ""


def test_the_progress_has_the_total_and_a_rate(folder, monkeypatch):
    session = session_on(folder)
    told = []
    monkeypatch.setattr(session.display, "progress", lambda *shown: told.append(shown), raising=False)
    predict(session, rows(folder, "one", "two"), folder / "out.jsonl")
    assert [(done, total) for _, done, total in told] == [(1, 2), (2, 2)]
    assert all(text.endswith("/s") for text, _, _ in told)


def test_a_hidden_document_is_no_part_of_its_folder_and_answered_when_named(folder):
    (folder / "inbox").mkdir()
    for name in ("one.txt", ".draft.txt"):
        (folder / "inbox" / name).write_text("The courier is late.")
    command(folder, "inbox", "inbox/.draft.txt")
    assert [line["id"] for line in lines(folder / "predicted.jsonl")] == ["one.txt", ".draft.txt"]


def test_json_and_answers_do_not_share_standard_output(folder):
    done = subprocess.run(
        [sys.executable, "-m", "support.fitted_models", "predict", "-", "--json"],
        cwd=folder,
        env=os.environ | python_path(TESTS),
        capture_output=True,
        text=True,
        input="",
    )
    assert done.returncode == 2
    assert "name a file with --to" in done.stderr
    assert done.stdout == ""
