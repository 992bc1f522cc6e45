"""A project with a deployed model and a log of gateway calls, whose documents and answers can change."""

import json
from datetime import UTC, datetime, timedelta

from support.example_results import example_result

from insource import build_dataset
from insource.dataset.saved.folder import save
from insource.foundation.rng import generator
from insource.store.calls.calls import insert_calls
from insource.store.database import open_database
from insource.types import Call, JsonSchema, Policy, Route, RunResult
from insource.types.dataset import Provenance
from insource.types.result import RoutingSummary, StageRun

START = datetime(2026, 11, 1, tzinfo=UTC)
RUN = example_result().run_id
MODEL = f"equipment@{RUN}"
KINDS = ("pump", "valve", "motor", "sensor", "relay")
OUTPUT = JsonSchema(
    definition={
        "type": "object",
        "properties": {
            "voltage": {"type": ["string", "null"]},
            "kind": {"type": "string", "enum": [*KINDS, "other"]},
        },
    }
)


class World:
    """Draws calls; its attributes are what may drift."""

    def __init__(self, seed=0):
        self.rng = generator(seed, "tests.monitored")
        self.words = ("rated", "with", "for", "indoor", "use", "series", "compact", "two", "year", "warranty")
        self.foreign = 0.0
        self.null = 0.1
        self.sure = 0.95
        self.feature = ""
        self.made = 0

    def document(self):
        kind = KINDS[self.rng.integers(len(KINDS))]
        if self.rng.random() < self.foreign:
            said = "Nennspannung der Pumpe laut Typenschild bitte beachten"
        else:
            said = " ".join(self.rng.choice(self.words, 8))
        return f"{kind} {self.rng.integers(100, 900)} V {said}", kind

    def calls(self, n, **fields):
        return [self._call(**fields) for _ in range(n)]

    def _call(self, **fields):
        document, kind = self.document()
        number, self.made = self.made, self.made + 1
        confidence = float(min(0.999, self.rng.beta(40 * self.sure, 40 * (1 - self.sure))))
        local = confidence >= 0.8
        voltage = None if self.rng.random() < self.null else f"{self.rng.integers(100, 110)} V"
        route = Route(
            to="local" if local else "cloud",
            model=MODEL if local else "gpt-4o",
            reason="confident" if local else "low-confidence",
            confidence=confidence,
            threshold=0.8,
        )
        return Call(
            call_id=f"c{number:06}",
            started_at=START + number * timedelta(seconds=30),
            source="gateway",
            task="equipment",
            feature=self.feature,
            endpoint="chat",
            model_asked="insource",
            model_answered=route.model,
            request={"messages": [{"role": "system", "content": "x"}, {"role": "user", "content": document}]},
            response_text=json.dumps({"voltage": voltage, "kind": kind}),
            latency_s=float(self.rng.gamma(4, 0.05)),
            route=route,
            **fields,
        )


def project(folder, section="", threshold=0.8, task="equipment", output=OUTPUT, window=200, learned=None):
    """Write a project whose newest run serves a model."""
    result = example_result()
    policy = Policy(
        threshold=threshold,
        basis="guaranteed",
        max_error=0.1,
        delta=0.05,
        calibration_n=100,
        expected_local_share=0.9,
        reason="test",
    )
    manifest = result.dataset.model_copy(update={"output": output})
    result = result.model_copy(
        update={"routing": RoutingSummary(policy=policy, confidence=learned), "dataset": manifest}
    )
    run = folder / ".insource" / "runs" / result.run_id
    run.mkdir(parents=True)
    (run / "result.json").write_text(result.model_dump_json())
    made = {"schema_version": 1, "run_id": result.run_id, "stage": "run", "key": "0" * 64, "seconds": 1.0}
    made |= {"started_at": result.started_at, "finished_at": result.finished_at}
    (run / "manifest.json").write_text(json.dumps(made | {"insource": "0", "outputs": [], "result": {}}))
    (folder / "rows.jsonl").write_text('{"input": "a", "output": "b"}\n')
    monitor = f"\n[monitor]\nwindow = {window}\n{section}\n"
    (folder / "insource.toml").write_text(f'[task]\nname = "{task}"\n{monitor}')
    return folder


def with_dataset(folder, texts, synthetic=()):
    """Give the newest run of a project a dataset with these documents."""
    rows = [{"input": text, "output": {"voltage": None, "kind": "pump"}} for text in texts]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    dataset = build_dataset(folder / "rows.jsonl", name="equipment")
    train = [
        *dataset.splits["train"],
        *(
            dataset.splits["train"][0].model_copy(
                update={
                    "input": text,
                    "row_id": f"s{n}",
                    "provenance": Provenance(source="x", synthetic="edit"),
                }
            )
            for n, text in enumerate(synthetic)
        ),
    ]
    changed = dataset.model_copy(update={"splits": {**dataset.splits, "train": tuple(train)}})
    saved = save(changed, folder / ".insource" / "datasets")
    result_file = folder / ".insource" / "runs" / RUN / "result.json"
    result = RunResult.model_validate_json(result_file.read_text())
    stages = (
        StageRun(stage="dataset", run_id=saved.name, digest="0" * 12, seconds=1.0, path=saved.name),
        *result.stages[1:],
    )
    result_file.write_text(result.model_copy(update={"stages": stages}).model_dump_json())


def log(folder, calls):
    """Store calls in the log of a project."""
    with open_database(folder / ".insource" / "insource.db") as database, database.write() as connection:
        insert_calls(connection, calls)
