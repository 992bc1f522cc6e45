import json

import pytest

from insource.config.loading import load
from insource.foundation.errors import ConfigError, UserError
from insource.types import JsonSchema, Labels
from insource.workflow.project import Project


def open_project(folder):
    return Project.of(load(folder / "insource.toml"))


def test_paths_start_from_the_folder_of_the_configuration(project):
    folder = project(config="[dataset]\npath = 'in/rows.jsonl'\n[project]\nworkspace = 'kept'\n")
    found = open_project(folder)
    assert found.rows_path == folder / "in" / "rows.jsonl"
    assert found.workspace == folder / "kept"
    assert found.runs.folder == folder / "kept" / "runs"


def test_the_title_is_the_task_unless_given(project):
    assert open_project(project(config="[task]\nname = 'orders'\n")).title == "orders"
    assert open_project(project(config="[project]\ntitle = 'Orders'\n")).title == "Orders"


def test_the_output_contract_is_given_or_left_to_be_inferred(project):
    assert open_project(project()).given_output() is None
    labels = open_project(project(config="[task]\nlabels = ['a', 'b']\n")).given_output()
    assert labels == Labels(names=("a", "b"))
    schema = {"type": "object", "properties": {"b": {}, "a": {}}}
    given = open_project(project(config="[task]\nschema = 's.json'\n", files={"s.json": schema}))
    assert given.given_output() == JsonSchema(definition=schema)
    assert list(given.given_output().definition["properties"]) == ["b", "a"]  # file order is answer order


def test_schema_and_labels_exclude_each_other(project):
    found = open_project(project(config="[task]\nlabels = ['a']\nschema = 's.json'\n"))
    with pytest.raises(ConfigError, match="one output contract"):
        found.given_output()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "cannot be read"),
        ("{", "cannot be read"),
        ("[" * 5000, "cannot be read"),
        ("[]", "not contain a JSON object"),
    ],
)
def test_a_schema_file_that_is_none_is_named_with_its_key(project, text, reason):
    folder = project(config="[task]\nschema = 's.json'\nschemas = 's.json'\n")
    if text is not None:
        (folder / "s.json").write_text(text)
    found = open_project(folder)
    for key, read in (("task.schema", found.given_output), ("task.schemas", found.schemas)):
        with pytest.raises(UserError, match=reason) as caught:
            read()
        assert caught.value.code == "schema-unreadable"
        assert key in caught.value.message


def test_the_primary_metric_follows_the_kind_of_answer(project):
    found = open_project(project())
    assert found.task(Labels(names=("a",))).primary_metric == "accuracy"
    assert found.task(JsonSchema(definition={})).primary_metric == "field_accuracy"
    chosen = open_project(project(config="[task]\nprimary_metric = 'exact_match'\n"))
    assert chosen.task(Labels(names=("a",))).primary_metric == "exact_match"


def test_named_schemas(project):
    schemas = {"short": {"type": "object"}}
    folder = project(config="[task]\nschemas = 'named.json'\n", files={"named.json": schemas})
    assert open_project(folder).schemas() == json.loads(json.dumps(schemas))
    assert open_project(project()).schemas() is None


@pytest.mark.parametrize(("key", "wrapped"), [("schema", False), ("schemas", True)])
def test_a_misspelt_comparison_is_refused_when_the_task_is_loaded(project, key, wrapped):
    schema = {"type": "object", "properties": {"v": {"x-insource": {"compare": "quantitiy"}}}}
    folder = project(
        config=f"[task]\n{key} = 's.json'\n", files={"s.json": {"one": schema} if wrapped else schema}
    )
    found = open_project(folder)
    with pytest.raises(ConfigError, match="#/properties/v") as caught:
        found.schemas() if wrapped else found.given_output()
    assert caught.value.code == "unknown-comparator"
    assert 'Is "quantity" meant?' in caught.value.hint
