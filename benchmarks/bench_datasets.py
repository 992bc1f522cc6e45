"""The loop on real public data that is not in this repository: give the paths of the files.

  --snips DATA.jsonl            SNIPS voice commands → intent and slots (Coucke et al., 2018, CC0)
  --oamine DATA.jsonl           OA-Mine product titles → attributes, with logged GPT answers
                                (Brinkmann et al., 2023, Apache-2.0); its schemas.json lies beside it

Rows have `id`, `input`, `output`, `split`; OA-Mine's also `category`, `attributes` and `cloud_outputs`.
OA-Mine is judged as its authors do: only the attributes that the label has, "n/a" for no value, and the
published micro-F1 of the logged answers is recomputed as a check on our scoring.
--quick takes 300 rows for training, validation and calibration, two epochs, and 100 for the test.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import tomlkit
from claims import Claims, parser

# Published by ExtractGPT for these very answers (percent).
PUBLISHED_MICRO_F1 = {
    "gpt-3.5-turbo-0613/list-10shot": 74.01,
    "gpt-4-0613/schema-10shot-train0.2": 80.19,
    "gpt-4-0613/schema-10shot-train1.0": 82.16,
    "gpt-4-0613/schema-10shot-ensemble-shuffle-train0.2": 81.97,
    "gpt-4-0613/schema-10shot-ensemble-shuffle-train1.0": 83.43,
}
NO_VALUE = {"n/a", "none", "null", ""}


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def thinned(rows: list[dict[str, Any]], quick: bool) -> list[dict[str, Any]]:
    """Evenly spaced rows of each split, so that every intent and category keeps its share."""
    if not quick:
        return rows
    kept = []
    for split, limit in (("train", 300), ("test", 100)):
        some = [row for row in rows if row["split"] == split]
        kept += [some[index * len(some) // limit] for index in range(min(limit, len(some)))]
    return kept


def run(name: str, rows: list[dict[str, Any]], settings: dict[str, Any], quick: bool) -> dict[str, Any]:
    """`insource run --json` on these rows in a folder of its own."""
    settings.setdefault("training", {})["epochs"] = 2 if quick else 3
    settings["evaluation"] = {
        "base_documents": 30 if quick else 200,
        "calibration_documents": 30 if quick else 200,
    }
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (home / "data.jsonl").write_text(text, encoding="utf-8")
        (home / "insource.toml").write_text(tomlkit.dumps(settings), encoding="utf-8")
        print(f"{name}: {len(rows)} rows", flush=True)
        command = [sys.executable, "-m", "insource.cli.main", "run", "--json"]
        done = subprocess.run(command, cwd=home, stdout=subprocess.PIPE, text=True, check=True)
        result: dict[str, Any] = json.loads(done.stdout)
        return result


def state(claims: Claims, name: str, result: dict[str, Any]) -> None:
    for one in result["evaluations"]:
        arm = one["arm"]["name"]
        for metric in ("field_accuracy", "exact_match", "format_consistency", "f1"):
            claims.add(f"{name} · {arm} · {metric}", one["metrics"][metric]["value"], "ratio")
        if latency := one["latency_s"].get("p50", {}).get("value"):
            claims.add(f"{name} · {arm} · p50 latency", latency, "s")
    for comparison in result["comparisons"]:
        print(comparison["sentence"])
    print(f"Verdict: {result['verdict']['outcome']}. {result['verdict']['sentence']}\n", flush=True)


def snips(path: Path, quick: bool, claims: Claims) -> None:
    settings = {"task": {"name": "snips", "instruction": "Intent and slots as JSON."}}
    state(claims, "SNIPS", run("SNIPS", thinned(read(path), quick), settings, quick))


def oamine(path: Path, quick: bool, claims: Claims) -> None:
    everything = read(path)
    for model, published in PUBLISHED_MICRO_F1.items():
        ours = 100 * micro_f1(everything, model)
        claims.add(
            f"OA-Mine · {model} · micro-F1 minus published", abs(ours - published), "points", at_most=0.5
        )
    schemas = json.loads((path.parent / "schemas.json").read_text(encoding="utf-8"))
    rows = [prepared(row, schemas) for row in thinned(everything, quick)]
    settings = {
        "task": {
            "name": "oamine",
            "instruction": "Attributes of the product as JSON.",
            "absent_fields": "unscored",
        },
        "dataset": {"on_bad_rows": "drop"},
    }
    state(claims, "OA-Mine", run("OA-Mine", rows, settings, quick))


def prepared(row: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """The row with its category's schema in it, and its logged "n/a" written as null."""
    made = {key: row[key] for key in ("id", "input", "output", "split", "attributes")}
    made["schema"] = bounded(schemas[row["category"]])
    if row["split"] == "test":
        made["cloud_outputs"] = {model: without_na(text) for model, text in row["cloud_outputs"].items()}
    return made


def bounded(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with bounds on its open strings, so that no answer can run on for ever."""
    value = {"type": "string", "maxLength": 120}
    either = {"anyOf": [value, {"type": "array", "items": value, "maxItems": 8}, {"type": "null"}]}
    return {**schema, "properties": dict.fromkeys(schema["properties"], either)}


def without_na(text: str) -> str:
    """An answer with "n/a" as null; one that is not JSON stays as it was logged."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if not isinstance(value, dict):
        return text
    plain = {key: None if str(item).lower() in NO_VALUE else item for key, item in value.items()}
    return json.dumps(plain, ensure_ascii=False)


def micro_f1(rows: list[dict[str, Any]], model: str) -> float:
    """The authors' metric: a slot a label has; right when the answer equals any of the label's values."""
    true = predicted = present = 0
    for row in rows:
        if model not in row.get("cloud_outputs", {}):
            continue
        label = json.loads(row["output"])
        try:
            answer = json.loads(row["cloud_outputs"][model])
        except ValueError:
            answer = {}
        for attribute, gold in label.items():
            said = answer.get(attribute) if isinstance(answer, dict) else None
            says = said is not None and str(said).lower() not in NO_VALUE
            values = gold if isinstance(gold, list) else [gold]
            present += gold is not None
            predicted += says
            true += says and gold is not None and said in values
    precision, recall = true / max(predicted, 1), true / max(present, 1)
    return 2 * precision * recall / max(precision + recall, 1e-9)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--snips", type=Path, metavar="DATA.jsonl")
    arguments.add_argument("--oamine", type=Path, metavar="DATA.jsonl")
    options = arguments.parse_args()
    claims = Claims()
    if options.snips:
        snips(options.snips, options.quick, claims)
    if options.oamine:
        oamine(options.oamine, options.quick, claims)
    if not (options.snips or options.oamine):
        print("Nothing was run: give --snips or --oamine with the path of the data.")
    claims.write(options.json)


if __name__ == "__main__":
    main()
