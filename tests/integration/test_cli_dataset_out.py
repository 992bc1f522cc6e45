"""Datasets in, more of them, and out again, through the real command."""

import json

from support.fake_provider import Answer, fake_provider

CONFIG = '[task]\nname = "pumps"\ninstruction = "Extract the pump."\n'


def dataset_rows(rows):
    return [row | {"id": f"p{n}"} for n, row in enumerate(rows.pumps(60))]


def test_build_diff_and_export(project, insource, rows):
    folder = project(dataset_rows(rows), CONFIG)
    first = json.loads(insource("dataset", "build", "--json").stdout)
    assert sum(first["counts"].values()) + sum(first["dropped"].values()) == first["read"] == 60
    refused = insource("dataset", "diff")
    assert refused.returncode == 1
    assert "nothing-to-compare" in refused.stderr
    lines = (folder / "data.jsonl").read_text(encoding="utf-8").splitlines()
    (folder / "data.jsonl").write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")
    insource("dataset", "build")
    shown = insource("dataset", "diff").stdout
    assert "p59" in shown
    found = json.loads(insource("dataset", "diff", first["digest"][:12], "--json").stdout)
    assert found["removed_ids"] == ["p59"]
    done = insource("dataset", "export", "--format", "hf", "--to", "out", "--json")
    assert set(json.loads(done.stdout)["rows"]) == {"train", "validation", "calibration"}
    assert (folder / "out" / "README.md").read_text(encoding="utf-8").startswith("---\npretty_name")
    again = insource("dataset", "export", "--format", "hf", "--to", "out")
    assert again.returncode == 1
    assert "already-exported" in again.stderr
    sealed = insource("dataset", "export", "--split", "test", "--to", "test-only")
    assert "sealed" in sealed.stderr
    assert [path.name for path in sorted((folder / "test-only").iterdir())] == [
        "README.md",
        "test.jsonl",
        "test.provenance.jsonl",
    ]


def test_what_may_not_be_trained_on_is_not_exported_for_training(project, insource, refuses, rows):
    taught = {"provenance": {"label": "teacher", "provider": "openai", "model": "gpt-4o"}}
    folder = project([row | taught for row in dataset_rows(rows)], CONFIG)
    built = json.loads(insource("dataset", "build", "--json").stdout)
    insource("dataset", "policy", "--refuse", "openai/*")
    refuses("dataset", "export", "--to", "out", code="teacher-not-allowed")
    assert not (folder / "out").exists()
    assert insource("dataset", "export", "--to", "held", "--split", "calibration").returncode == 0
    insource("dataset", "policy", "--allow", "openai/*")
    everything = [option for split in built["counts"] for option in ("--split", split)]
    insource("dataset", "export", "--to", "out", *everything)
    toml = folder / "insource.toml"
    toml.write_text(toml.read_text(encoding="utf-8").replace("data.jsonl", "out"), encoding="utf-8")
    again = json.loads(insource("dataset", "build", "--json").stdout)
    assert again["labels"] == built["labels"] == {"teacher": sum(built["counts"].values())}
    insource("dataset", "policy", "--refuse", "openai/*")
    refuses("train", code="teacher-not-allowed")


def test_a_teacher_writes_more_within_its_cap_and_the_policy_holds_training_back(project, insource, rows):
    def reworded(seen):
        request = json.loads(seen.body)
        text = request["messages"][-1]["content"]
        message = {"role": "assistant", "content": f"Put differently: {text}"}
        document = {
            "model": "gpt-4o-mini",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150},
        }
        return Answer([json.dumps(document).encode()])

    with fake_provider() as provider:
        provider.answer = reworded
        reference = f'[reference]\nmodel = "openai/gpt-4o-mini"\nbase_url = "{provider.url}/v1"\n'
        folder = project(dataset_rows(rows), CONFIG + reference)
        key = {"OPENAI_API_KEY": "sk-test"}
        ask = ("dataset", "synthesize", "--method", "paraphrase", "--count", "4", "--max-usd", "1")
        refused = insource(*ask, env=key)
        assert "not-confirmed" in refused.stderr
        assert provider.seen == []
        done = json.loads(insource(*ask, "--yes", "--json", env=key).stdout)
        assert (done["made"], done["questions"]) == (4, 4)
        assert 0 < float(done["spent_usd"]) < 1
        again = json.loads(insource(*ask, "--yes", "--json", env=key).stdout)
        assert (again["already"], again["questions"]) == (4, 0)
        assert len(provider.seen) == 4
    built = json.loads(insource("dataset", "build", "--json").stdout)
    assert built["read"] == 64
    held = insource("train")
    assert held.returncode == 1
    assert "teacher-not-allowed" in held.stderr
    assert "4 training rows" in held.stderr
    insource("dataset", "policy", "--allow", "openai/gpt-4o-mini", "--terms", "2026-05")
    rules = json.loads(insource("dataset", "policy", "--json").stdout)
    assert [(rule["model"], rule["train"], rule["terms"]) for rule in rules] == [
        ("openai/gpt-4o-mini", "allow", "2026-05")
    ]
    newest = json.loads(insource("dataset", "build", "--json").stdout)["digest"][:12]
    train = (folder / ".insource" / "datasets" / f"pumps@{newest}" / "train.jsonl").read_text(
        encoding="utf-8"
    )
    made = [row for row in map(json.loads, train.splitlines()) if row["provenance"]["synthetic"]]
    assert [row["provenance"]["terms"] for row in made] == ["2026-05"] * 4


def test_what_synthesize_cannot_do_is_said(project, insource, refuses, rows):
    project(dataset_rows(rows), CONFIG)
    refuses("dataset", "synthesize", "--method", "paraphrase", code="no-teacher")
    usage = insource("dataset", "synthesize", "--method", "label")
    assert usage.returncode == 2
    assert "--inputs and --method label need each other" in usage.stderr
