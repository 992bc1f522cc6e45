"""Splits through the real command: stored, printed, sealed."""

import json

from insource.store.database import open_database
from insource.store.looks import record_look

CONFIG = '[task]\nname = "pumps"\ninstruction = "Extract the pump."\nmargin = 0.05\n'


def dataset_rows(rows, count):
    return [row | {"id": f"p{n}"} for n, row in enumerate(rows.pumps(count))]


def test_build_says_what_is_shared_and_missing_and_how_often_test_was_seen(project, insource, rows):
    folder = project(dataset_rows(rows, 80), CONFIG)
    done = insource("dataset", "build", "--json")
    manifest = json.loads(done.stdout)
    assert manifest["shortfalls"][0]["need"] == 314
    assert f"test has {manifest['counts']['test']} of the 314 examples needed" in done.stderr
    assert "The test split has been looked at 0 times" in done.stderr
    assert manifest["split_reason"] in done.stderr
    (card,) = (folder / ".insource" / "datasets").glob("pumps@*/README.md")
    text = card.read_text(encoding="utf-8")
    assert f"`{manifest['test_digest'][:12]}`" in text
    assert all(overlap["summary"] in text for overlap in manifest["overlaps"])


def test_a_rebuilt_dataset_with_the_same_test_documents_keeps_its_count(project, insource, rows):
    records = dataset_rows(rows, 80)
    folder = project(records, CONFIG)
    first = json.loads(insource("dataset", "build", "--json").stdout)
    with open_database(folder / ".insource" / "insource.db") as database:
        record_look(database, first["test_digest"], "run", "tuned")
    turned = [row | {"id": f"other{n}", "split": None} for n, row in enumerate(reversed(records))]
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in turned), encoding="utf-8")
    again = insource("dataset", "build", "--json")
    second = json.loads(again.stdout)
    assert second["digest"] != first["digest"]
    assert second["test_digest"] == first["test_digest"]
    assert "The test split has been looked at 1 time\n" in again.stderr


def test_a_corrected_label_and_more_data_reset_no_count(project, insource, rows):
    records = dataset_rows(rows, 120)
    folder = project(records[:80], CONFIG)
    first = json.loads(insource("dataset", "build", "--json").stdout)
    with open_database(folder / ".insource" / "insource.db") as database:  # as before documents were kept
        record_look(database, first["test_digest"], "run", "tuned")
    (path,) = (folder / ".insource" / "datasets").glob("pumps@*/test.jsonl")
    tested = json.loads(path.read_text(encoding="utf-8").splitlines()[0])["row_id"]
    for record in records:
        if record["id"] == tested:
            record["output"] = records[int(tested[1:]) - 1]["output"]
    write = (folder / "data.jsonl").write_text
    write("".join(json.dumps(row) + "\n" for row in records[:80]), encoding="utf-8")
    assert "The test split has been looked at 1 time\n" in insource("dataset", "build").stderr
    insource("dataset", "export", "--split", "test", "--to", "out")
    write("".join(json.dumps(row) + "\n" for row in records), encoding="utf-8")
    last = insource("dataset", "build", "--json")
    count = json.loads(last.stdout)["counts"]["test"]
    was = first["counts"]["test"]
    assert f"{was} of {count} test documents were looked at, at most 2 times" in last.stderr


def test_splits_stay_when_rows_are_added_until_the_folder_is_deleted(project, insource, rows):
    records = dataset_rows(rows, 120)
    folder = project(records[:80], CONFIG)

    def test_ids():
        path = max((folder / ".insource" / "datasets").glob("pumps@*"), key=lambda p: p.stat().st_mtime_ns)
        lines = (path / "test.jsonl").read_text(encoding="utf-8").splitlines()
        return {json.loads(line)["row_id"] for line in lines}

    insource("dataset", "build")
    before = test_ids()
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in records), encoding="utf-8")
    insource("dataset", "build")
    after = test_ids()
    assert before < after
    assert {int(row_id[1:]) for row_id in after - before} <= set(range(80, 120))
    config = (folder / "insource.toml").read_text(encoding="utf-8")
    (folder / "insource.toml").write_text(config + '\n[dataset]\ngroup_by = "template"\n', encoding="utf-8")
    refused = insource("dataset", "build")
    assert refused.returncode == 1
    assert "splits-stored-otherwise" in refused.stderr
