"""The difference of two datasets, row by row."""

import json

import pytest

from insource.dataset.build import build_folder
from insource.dataset.saved.diff import diff_datasets
from insource.dataset.saved.folder import find
from insource.dataset.settings import BuildSettings
from insource.foundation.errors import DataError
from insource.types import JsonSchema, Labels


def built(tmp_path, records, **settings):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return build_folder(path, tmp_path / "datasets", BuildSettings(name="d", **settings))


def rows(count):
    return [
        {"id": f"r{n}", "input": f"document {n}", "output": "ham" if n % 2 else "spam"} for n in range(count)
    ]


def test_a_dataset_is_equal_to_itself(tmp_path):
    folder = built(tmp_path, rows(30))
    found = diff_datasets(folder, folder)
    assert found.equal
    assert found.same == 30


def placed(count):
    """Rows whose splits are all given: two of ten each judge, the rest train."""
    splits = ["test", "calibration", "validation", *["train"] * 7]
    return [row | {"split": splits[n % 10]} for n, row in enumerate(rows(count))]


def test_added_removed_and_changed_rows_are_counted_and_shown(tmp_path):
    before = built(tmp_path, placed(60))
    records = placed(60)
    records[4]["output"] = "ham"
    records[6]["input"] = "another document"
    del records[8]
    records.append({"id": "new", "input": "a new one", "output": "ham", "split": "train"})
    found = diff_datasets(before, built(tmp_path, records))
    assert not found.equal
    assert (found.added, found.removed, found.same) == ({"train": 1}, {"train": 1}, 57)
    assert (found.added_ids, found.removed_ids) == (("new",), ("r8",))
    assert found.changed == {"target": 1, "input": 1}
    shown = {(change.row_id, change.what): (change.before, change.after) for change in found.changes}
    assert shown == {
        ("r4", "target"): ("spam", "ham"),
        ("r6", "input"): ("document 6", "another document"),
    }


def test_moves_between_splits_are_named(tmp_path):
    before = built(tmp_path, placed(60))
    records = placed(60)
    records[0]["split"] = "train"
    found = diff_datasets(before, built(tmp_path, records))
    assert found.moved == {"test → train": 1}
    assert [(change.before, change.after) for change in found.changes] == [("test", "train")]
    assert found.counts["test"] == (6, 5)


def test_contracts_and_drops(tmp_path):
    labelled = built(tmp_path, rows(30))
    more = built(
        tmp_path,
        [*rows(30), {"input": "x"}],
        output=Labels(names=("ham", "spam", "eggs")),
        on_bad_rows="drop",
    )
    found = diff_datasets(labelled, more)
    assert found.contract == ("label eggs is new",)
    assert found.dropped == {"missing-output": (0, 1)}
    assert not found.equal
    objects = [{**row, "output": {"a": row["output"]}} for row in rows(30)]
    as_json = built(tmp_path, objects)
    assert diff_datasets(labelled, as_json).contract == ("answers were labels and are json",)
    wider = {"type": "object", "properties": {"a": {"type": ["string", "null"]}, "b": {"type": "null"}}}
    changed = built(tmp_path, objects, output=JsonSchema(definition=wider))
    found = diff_datasets(as_json, changed).contract
    assert found[:2] == ("field b is new", "field a is described differently")
    assert "`required` of the schema is another" in found
    tighter = {
        "type": "object",
        "properties": wider["properties"] | {"a": {"type": "string", "maxLength": 9}},
    }
    looser = {
        "type": "object",
        "properties": wider["properties"] | {"a": {"type": "string", "maxLength": 10}},
    }
    pair = [built(tmp_path, objects, output=JsonSchema(definition=one)) for one in (tighter, looser)]
    assert diff_datasets(*pair).contract == ("field a has other bounds",)
    turned = dict(looser, properties=dict(reversed(looser["properties"].items())))
    found = diff_datasets(pair[1], built(tmp_path, objects, output=JsonSchema(definition=turned)))
    assert len(found.contract) == 1
    assert "order" in found.contract[0]


def test_who_answered_and_what_else_a_row_holds_is_compared(tmp_path):
    taught = {"label": "teacher", "provider": "openai", "model": "gpt-4o"}
    before = built(tmp_path, [row | {"provenance": taught} for row in placed(40)])
    records = placed(40)
    records[5] |= {"provenance": taught, "cloud_outputs": {"gpt": "ham"}}
    records[6] |= {"provenance": taught, "time": "2026-05-01"}
    found = diff_datasets(before, built(tmp_path, records))
    assert (found.changed, found.same) == ({"provenance": 38, "other": 2}, 0)
    assert not found.equal
    shown = {change.what: (change.before, change.after) for change in found.changes}
    assert "gpt-4o" in shown["provenance"][0]
    assert shown["provenance"][1] == '{"label": "checked"}'
    assert "cloud_outputs" in shown["other"][1] or "time" in shown["other"][1]


def test_datasets_of_other_digests_are_never_called_the_same(tmp_path):
    before = built(tmp_path, placed(40))
    found = diff_datasets(before, built(tmp_path, [*placed(40)[1:], placed(40)[0]]))
    assert found.same == 40
    assert (found.equal, found.only_in_place) == (False, True)


def test_a_dataset_is_found_by_name_digest_or_path(tmp_path):
    one, two = built(tmp_path, rows(30)), built(tmp_path, rows(31))
    datasets = tmp_path / "datasets"
    assert find(datasets, one.name) == one
    assert find(datasets, two.name.partition("@")[2][:8]) == two
    assert find(datasets, str(one)) == one
    with pytest.raises(DataError) as error:
        find(datasets, "")
    assert error.value.code == "dataset-ambiguous"
    with pytest.raises(DataError) as error:
        find(datasets, "zzz")
    assert error.value.code == "dataset-not-found"
    assert one.name in error.value.message
