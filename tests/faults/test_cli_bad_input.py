"""A user's mistake at the command line: what is wrong, what to type next, an exit code, no traceback."""

import json


def test_an_unknown_key_gets_the_right_spelling(project, refuses):
    project(config="[training]\nepoch = 3\n")
    said = refuses("run", code="config-invalid", exit_code=2)
    assert "training.epoch: unknown key; did you mean training.epochs?" in said


def test_no_configuration(refuses):
    assert "insource init" in refuses("run", code="no-config")


def test_a_configuration_that_is_a_folder(tmp_path, refuses):
    refuses("run", "--config", str(tmp_path), code="no-config")


def test_a_wrong_value_of_a_flag(project, refuses):
    project()
    assert "project.seed = -1" in refuses("run", "--seed", "-1", code="config-invalid", exit_code=2)


def test_an_unknown_verb(insource):
    done = insource("trian")
    assert done.returncode == 2
    assert "No such command 'trian'" in done.stderr


def test_no_rows_at_the_path(project, refuses):
    (project() / "data.jsonl").unlink()
    assert "data.jsonl" in refuses("dataset", "build", code="rows-unreadable")


def test_a_malformed_line_is_named_by_its_number(project, rows, refuses):
    lines = rows.tickets(6)
    project([*lines[:4], '{"input": "half', *lines[4:]])
    said = refuses("dataset", "build", code="bad-rows")
    assert "data.jsonl:5: invalid-json" in said
    assert "1 of 7 rows" in said


def test_labels_that_do_not_fit_are_named_and_counted(project, rows, refuses):
    lines = rows.pumps(30)
    for index in (3, 7):
        lines[index]["output"]["model"] = "not a model"
    folder = project(lines, "[task]\nschema = 'schema.json'\n", files={"schema.json": rows.pump_schema})
    said = refuses("dataset", "build", code="labels-do-not-fit")
    assert "2 of 30 rows" in said
    assert "data.jsonl:4:" in said
    assert "data.jsonl:8:" in said
    assert not list(folder.glob(".insource/datasets/*"))


def test_bad_rows_may_be_dropped_with_their_reason(project, rows, insource):
    lines = rows.pumps(30)
    lines[3]["output"]["model"] = "not a model"
    config = "[task]\nschema = 'schema.json'\n[dataset]\non_bad_rows = 'drop'\n"
    project(lines, config, files={"schema.json": rows.pump_schema})
    done = insource("dataset", "build", "--json")
    assert done.returncode == 0, done.stderr
    manifest = json.loads(done.stdout)
    assert sum(manifest["dropped"].values()) == 1
    assert manifest["read"] == sum(manifest["counts"].values()) + 1


def test_a_label_outside_the_list(project, rows, refuses):
    project(rows.tickets(30), "[task]\nlabels = ['billing', 'delivery']\n")
    assert "10 of 30 rows" in refuses("dataset", "build", code="labels-do-not-fit")


def test_an_empty_split(project, rows, refuses):
    folder = project(rows.tickets(3))
    assert "3 usable rows" in refuses("dataset", "build", code="empty-split")
    assert not list(folder.glob(".insource/datasets/*"))


def test_no_rows_at_all(project, refuses):
    project()
    refuses("dataset", "build", code="no-rows")


def test_a_schema_that_is_none(project, rows, refuses):
    project(rows.pumps(30), "[task]\nschema = 'schema.json'\n", files={"schema.json": {"type": "banana"}})
    refuses("dataset", "build", code="invalid-schema")


def test_a_schema_file_that_is_not_there(project, rows, refuses):
    project(rows.pumps(30), "[task]\nschema = 'nowhere.json'\n")
    assert "task.schema" in refuses("dataset", "build", code="schema-unreadable")


def test_an_unknown_model(project, rows, refuses):
    project(rows.tickets(30))
    assert "smollm2-135m-instruct" in refuses("train", "--model", "gpt-17", code="model-unknown")


def test_a_model_file_that_is_not_there(project, rows, refuses):
    project(rows.tickets(30))
    assert "models/no.gguf" in refuses("train", "--model", "gguf/models/no.gguf", code="model-not-found")


def test_a_model_file_that_is_no_model(project, rows, refuses, tmp_path):
    project(rows.tickets(30))
    (tmp_path / "text.gguf").write_text("this is no model")
    cache = {"INSOURCE_CACHE": str(tmp_path / "cache")}
    refuses("train", "--model", "gguf/text.gguf", code="model-unreadable", env=cache)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_a_report_of_no_run(project, refuses):
    project()
    refuses("report", code="no-such-run")
    assert "no run 2026" in refuses("report", "2026", code="no-such-run")


def test_nothing_to_serve_yet(project, refuses):
    project()
    assert "insource run" in refuses("serve", code="no-such-run")


def test_a_gateway_in_front_of_a_run_that_is_not_there(project, refuses):
    project()
    assert "no run 2026" in refuses("gateway", "2026", "--port", "0", code="no-such-run")


def test_a_comparison_of_nothing(project, refuses):
    project()
    assert "Evaluated arms: none." in refuses("compare", "tuned", "base", code="no-such-arm")


def test_init_never_overwrites(project, refuses):
    folder = project(config="# mine\n")
    refuses("init", code="already-there")
    assert (folder / "insource.toml").read_text() == "# mine\n"


def test_init_with_a_bad_name_leaves_nothing(tmp_path, refuses):
    assert "task.name" in refuses("init", "--name", "Bad Name", code="config-invalid", exit_code=2)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_may_not_be_written(project, rows, refuses):
    folder = project(rows.tickets(30), "[project]\nworkspace = 'data.jsonl/inside'\n")
    refuses("dataset", "build", code="dataset-not-written")
    assert (folder / "data.jsonl").is_file()
