"""Building: canonical targets, what the manifest says, and errors that name lines."""

import json
from dataclasses import replace

import pytest
from support.planted_rows import KINDS, Rows, clean, context, plant

from insource.dataset.build import build, seal
from insource.dataset.prepare import prepared
from insource.dataset.rows.staged import Staged
from insource.dataset.saved.card import data_card
from insource.dataset.saved.folder import load
from insource.dataset.settings import BuildSettings
from insource.dataset.splits import step
from insource.dataset.splits.stored import Stored
from insource.foundation.errors import DataError
from insource.logs.collect import Logged
from insource.redaction.pseudonyms import Pseudonyms
from insource.types import FixDecision, JsonSchema, Labels, LoggedAnswer, Text

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "string"}, "b": {"type": ["integer", "null"]}},
    "required": ["a", "b"],
    "additionalProperties": False,
}


def rows(count, **extra):
    return [
        {"id": f"r{n}", "input": f"document {n}", "output": {"b": n, "a": f"x{n}"}, **extra}
        for n in range(count)
    ]


def write(tmp_path, records, name="rows.jsonl"):
    path = tmp_path / name
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def examples(dataset):
    return {example.row_id: example for split in dataset.splits.values() for example in split}


def test_targets_are_canonical_and_counts_add_up(tmp_path):
    dataset = build(write(tmp_path, rows(20)), name="spec", output=JsonSchema(definition=SCHEMA))
    assert examples(dataset)["r3"].target == '{"a":"x3","b":3}'
    assert dataset.manifest.read == 20 == sum(dataset.manifest.counts.values())
    assert examples(dataset)["r3"].provenance.line == 4


def test_absent_fields_become_null_only_when_they_mean_null(tmp_path):
    records = [{**record, "output": {"a": "x"}} for record in rows(20)]
    spec = JsonSchema(definition={**SCHEMA, "required": ["a", "b"]})
    dataset = build(write(tmp_path, records), name="spec", output=spec, absent_fields="null")
    assert examples(dataset)["r3"].target == '{"a":"x","b":null}'
    with pytest.raises(DataError) as error:
        build(write(tmp_path, records), name="spec", output=spec, absent_fields="unscored")
    assert error.value.code == "labels-do-not-fit"


def test_the_same_rows_and_seed_are_the_same_dataset(tmp_path):
    path = write(tmp_path, rows(30))
    assert build(path, name="spec", seed=3) == build(path, name="spec", seed=3)
    assert (
        build(path, name="spec", seed=3).manifest.digest != build(path, name="spec", seed=4).manifest.digest
    )


def test_the_digest_knows_the_order_of_the_properties(tmp_path):
    path = write(tmp_path, [{**record, "output": {"a": "x"}} for record in rows(20)])
    turned = {**SCHEMA, "properties": dict(reversed(SCHEMA["properties"].items())), "required": ["a"]}
    straight = {**SCHEMA, "required": ["a"]}
    first, second = (build(path, name="s", output=JsonSchema(definition=d)) for d in (straight, turned))
    assert examples(first)["r1"].target == examples(second)["r1"].target
    assert first.manifest.digest != second.manifest.digest


def test_an_example_is_identified_by_its_content(tmp_path):
    records = [
        *rows(19),
        {"id": "other", "input": "document 3", "output": {"a": "x3", "b": 3}, "split": "train"},
    ]
    found = examples(build(write(tmp_path, records), name="spec"))
    assert found["other"].digest == found["r3"].digest != found["r4"].digest


def test_a_row_may_bring_its_own_schema(tmp_path):
    own = {"type": "object", "properties": {"z": {"type": "string"}}, "additionalProperties": False}
    records = [*rows(20), {"id": "own", "input": "other", "output": {"z": "1"}, "schema": "zed"}]
    dataset = build(
        write(tmp_path, records), name="s", output=JsonSchema(definition=SCHEMA), schemas={"zed": own}
    )
    assert examples(dataset)["own"].contract == own


def test_asked_fields_limit_what_is_required(tmp_path):
    records = [{**record, "output": {"a": "x"}, "attributes": ["a"]} for record in rows(20)]
    dataset = build(write(tmp_path, records), name="s", output=JsonSchema(definition=SCHEMA))
    assert examples(dataset)["r3"].target == '{"a":"x"}'
    assert examples(dataset)["r3"].attributes == ("a",)


def test_logged_answers_join_the_rows_own(tmp_path):
    path = write(tmp_path, rows(20, cloud_outputs={"gpt": "{ }"}))
    dataset = build(
        path,
        name="s",
        logged={
            "r3": {"fake/x": LoggedAnswer(text="no", latency_s=1.5)},
            "gone": {"fake/x": LoggedAnswer(text="?")},
        },
        simulated_models=["fake/x"],
    )
    assert examples(dataset)["r3"].cloud_outputs == {"fake/x": "no", "gpt": "{ }"}
    assert dataset.manifest.cloud_models == ("fake/x", "gpt")
    assert dataset.manifest.simulated_models == ("fake/x",)
    assert "1 logged answers belong to no row of the dataset." in dataset.manifest.notes
    assert "- `fake/x` (simulated): 1 rows" in data_card(dataset.manifest)


def test_a_leak_is_dropped_and_counted(tmp_path):
    records = [*rows(20), {"id": "t", "input": "DOCUMENT 3", "output": {"a": "x", "b": 1}, "split": "test"}]
    manifest = build(write(tmp_path, records), name="s").manifest
    assert manifest.dropped == {"leak": 1}
    assert manifest.read == sum(manifest.counts.values()) + 1


def test_groups_of_train_and_test_are_reported(tmp_path):
    records = [
        {**record, "split": "test" if n >= 18 else None, "group": "new" if n == 19 else f"g{n % 9}"}
        for n, record in enumerate(rows(20))
    ]
    manifest = build(write(tmp_path, records), name="s").manifest
    assert manifest.template_overlap == (1 if "g0" in manifest.groups_in_train else 0)
    assert "new" not in manifest.groups_in_train


def test_labels_and_text(tmp_path):
    labelled = [{"input": f"d{n}", "output": ["spam", "ham "][n % 2]} for n in range(20)]
    dataset = build(write(tmp_path, labelled), name="s")
    assert dataset.manifest.output == Labels(names=("ham", "spam"), inferred=True)
    assert {example.target for example in examples(dataset).values()} == {"ham", "spam"}
    assert build(write(tmp_path, labelled), name="s", output=Text()).manifest.output == Text()


def test_contradictory_targets_are_noted(tmp_path):
    records = [*rows(20), {"id": "x", "input": "document 3", "output": {"a": "else", "b": 0}}]
    assert "1 inputs have more than one target." in build(write(tmp_path, records), name="s").manifest.notes


@pytest.mark.parametrize(
    "contract", [JsonSchema(definition={"type": "array"}), Labels(names=()), Labels(names=(" a",))]
)
def test_an_unsound_contract_is_an_error(tmp_path, contract):
    with pytest.raises(DataError) as error:
        build(write(tmp_path, rows(20)), name="s", output=contract)
    assert error.value.code == "invalid-schema"


def told(row):
    """An answer of the cloud: the row's own, with a secret and an address that fixes take out."""
    answer = {**row.output, "model_number": "key sk-proj-" + "a1B2c3D4" * 6}
    return json.dumps(answer) if row.line % 2 else f"{json.dumps(row.output)} Write to eve@acme-example.com."


@pytest.mark.parametrize("names", [(), ("secrets",), ("near-duplicates", "personal-data"), tuple(KINDS)])
def test_the_logs_answers_join_as_if_the_rows_had_brought_them(tmp_path, names):
    """The dataset is the same, funnel and counts of changes included, whichever fixes are accepted."""
    defects = ("personal-data", "term-spellings", "format-drift", "exact-duplicates", "mixed-prompts")
    planted = [row for number, name in enumerate(defects) for row in plant(name, 40, number).rows]
    rows = [row.model_copy(update={"row_id": f"r{n}", "line": n}) for n, row in enumerate(planted, 1)]
    rows = [
        row.model_copy(update={"cloud_outputs": {"own": told(row)}}) if row.line % 3 else row for row in rows
    ]
    logged = {row.row_id: {"x/y": LoggedAnswer(text=told(row), latency_s=row.line / 8)} for row in rows[::2]}
    bringing = [
        row.model_copy(
            update={
                "cloud_outputs": {**row.cloud_outputs, "x/y": told(row)},
                "cloud_latency_s": {"x/y": row.line / 8},
            }
        )
        if row.row_id in logged
        else row
        for row in rows
    ]
    settings = {
        "name": "s",
        "on_bad_rows": "drop",
        "decisions": [FixDecision(check=name, decision="apply") for name in names],
        "context": lambda rows, contract: replace(context(rows, contract), pseudonyms=Pseudonyms(bytes(32))),
    }
    joined, brought = build(Rows(rows), logged=logged, **settings), build(Rows(bringing), **settings)
    lost = f"{len(logged) - len(logged.keys() & examples(joined).keys())} logged answers belong to no row"
    notes = tuple(note for note in joined.manifest.notes if not note.startswith(lost))
    assert (
        joined.manifest.model_copy(update={"notes": notes, "digest": brought.manifest.digest})
        == brought.manifest
    )
    assert joined.splits == brought.splits
    assert joined.dropped == brought.dropped
    texts = [text for example in examples(joined).values() for text in example.cloud_outputs.values()]
    assert any("[email:" in text for text in texts) == ("personal-data" in names)
    assert any("sk-proj-a1" in text for text in texts) == ("secrets" not in names)


def test_joining_answers_reads_nothing_again(tmp_path, monkeypatch):
    """The source is read once, and near-duplicates are looked for once, before or after the join."""
    read, searched = [], []
    fill, search = Staged.fill, step.find_near_duplicates
    monkeypatch.setattr(Staged, "fill", lambda self, source: (read.append(1), fill(self, source)))
    monkeypatch.setattr(
        step, "find_near_duplicates", lambda *a, **k: (searched.append(1), search(*a, **k))[1]
    )
    settings = BuildSettings(name="s", decisions=[FixDecision(check="secrets", decision="apply")])
    with prepared(Rows(clean(40)), tmp_path, settings) as rows:
        asked = [example.row_id for _, example in rows.documents(Stored())]
        rows.join(Logged({asked[0]: {"x/y": LoggedAnswer(text="?")}}, frozenset()))
        made = load(seal(rows, tmp_path).folder)
    assert (read, searched) == ([1], [1])
    assert sorted(asked) == sorted(examples(made))
    assert examples(made)[asked[0]].cloud_outputs == {"x/y": "?"}
