"""The demo, timed and judged by its own targets: what `make demo` reaches on this machine.

--quick is the default size of the demo; without it, the full size (500 training, 1,000 test documents).
`INSOURCE_TRAINING__COMPACT_ANSWERS=true` measures the tuned model without keys in its answers.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time

from claims import Claims, parser


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--seed", default="0")
    arguments.add_argument("--dir", help="keep the project in this folder, for bench_serving.py --project")
    options = arguments.parse_args()
    claims = Claims()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.dir or temporary
        command = [sys.executable, "-m", "insource.cli.main", "demo", "--dir", folder, "--json"]
        command += ["--seed", options.seed] + ([] if options.quick else ["--full"])
        started = time.monotonic()
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        minutes = (time.monotonic() - started) / 60
    result = json.loads(done.stdout)
    by_name = {one["arm"]["name"]: one for one in result["evaluations"]}
    tuned = by_name["tuned"]
    seen, unseen = tuned["slices"]["seen groups"], tuned["slices"]["unseen groups"]
    in_target, out_target, invented_target = (0.94, 0.90, 0.10) if options.quick else (0.98, 0.95, 0.03)
    claims.add("demo, minutes", minutes, "min", at_most=12 if options.quick else None)
    claims.add("field accuracy, seen layouts", seen["field_accuracy"]["value"], "ratio", at_least=in_target)
    claims.add(
        "field accuracy, unseen layouts", unseen["field_accuracy"]["value"], "ratio", at_least=out_target
    )
    invented = tuned["metrics"]["hallucination_rate"]["value"]
    claims.add("documents with an invented value", invented, "ratio", at_most=invented_target)
    spans = by_name["span ranking"]["metrics"]
    claims.add("span ranking, field accuracy", spans["field_accuracy"]["value"], "ratio", at_least=0.95)
    claims.add("span ranking, exact match", spans["exact_match"]["value"], "ratio", at_least=0.70)
    early = [one["seconds"] for one in result["stages"] if one["stage"].startswith("fit ")]
    claims.add("classical rungs, fitted and cross-validated", sum(early), "s", at_most=60)
    for name, one in by_name.items():
        for metric in ("field_accuracy", "format_consistency", "hallucination_rate", "exact_match"):
            claims.add(f"{name}: {metric}", one["metrics"][metric]["value"], "ratio")
    claims.add("tuned: schema-valid", tuned["metrics"]["schema_valid_rate"]["value"], "ratio", at_least=1)
    policy = result["routing"]["policy"]
    guaranteed = (policy["loss"], policy["basis"]) == ("fields", "guaranteed")
    claims.add("policy: a guarantee on fields", float(guaranteed), "yes", at_least=1)
    claims.add("policy: bound", policy["max_error"], "ratio", at_most=0.1)
    served = {one["name"]: one for one in result["routing"]["served"]}
    claims.add("policy: fields served here", served["all"]["fields"]["value"], "ratio", at_least=0.5)
    for name, one in served.items():
        bound = policy["max_error"] if name == "known groups" else None
        claims.add(f"policy, {name}: wrong of what is served", one["loss"]["value"], "ratio", at_most=bound)
    training = result["training"]
    claims.add("training speed", training["tokens_per_s"], "tokens/s")
    claims.add("training, peak memory", training["peak_memory_bytes"] / 1e9, "GB", at_most=4)
    print(*(f"  {name}: {value} ({why})" for name, value, why in training["choices"]), sep="\n")
    claims.add("tuned: p50", tuned["latency_s"]["p50"]["value"], "s")
    for stage in result["stages"]:
        claims.add(f"stage {stage['stage']}", stage["seconds"], "s")
    claims.write(options.json)


if __name__ == "__main__":
    main()
