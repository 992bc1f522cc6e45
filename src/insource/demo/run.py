"""Write the demo's documents, schema and configuration to a folder, and run the loop on them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import tomlkit

from insource.demo.documents import generate
from insource.demo.route import drive
from insource.demo.schema import INSTRUCTION, SCHEMA
from insource.demo.simulated import simulated_cloud
from insource.foundation.errors import UserError
from insource.foundation.files import replace_text
from insource.models.fake import PUBLISHED
from insource.pipeline import run
from insource.types import Frozen, RunResult, Split
from insource.workflow.ask_cloud import cloud_model
from insource.workflow.session import Session

ROWS_FILE, SCHEMA_FILE, CONFIG_FILE = "documents.jsonl", "schema.json", "insource.toml"
MARK = "# Written by `insource demo`, which writes it again; copy it to change it.\n"
TITLE = "Technical specifications to JSON"


class Sizes(Frozen):
    """Documents per split, and training settings. The base models get ``base`` of the test documents.

    The learning rate is given: to search for one would take as long as the training itself.
    """

    train: int
    validation: int
    calibration: int
    test: int
    base: int
    epochs: float
    learning_rate: float

    def counts(self) -> dict[Split, int]:
        """Return the number of documents per split."""
        return {
            "train": self.train,
            "validation": self.validation,
            "calibration": self.calibration,
            "test": self.test,
        }

    def scaled_to(self, train: int) -> Sizes:
        """Return sizes for ``train`` training documents. Other splits shrink in proportion, never grow."""
        share = min(1.0, train / self.train)

        def part(count: int, least: int) -> int:
            return max(least, round(count * share))

        return Sizes(
            train=train,
            validation=part(self.validation, 4),
            calibration=part(self.calibration, 4),
            test=part(self.test, 16),
            base=part(self.base, 8),
            epochs=self.epochs,
            learning_rate=self.learning_rate,
        )


QUICK = Sizes(
    train=480,
    validation=40,
    calibration=150,
    test=100,
    base=40,
    epochs=2,
    learning_rate=1.5e-3,
)
FULL = Sizes(
    train=500,
    validation=60,
    calibration=200,
    test=1000,
    base=200,
    epochs=4,
    learning_rate=1.5e-3,
)


def prepare(
    folder: Path, sizes: Sizes, *, seed: int, epochs: float | None, model: str | None, cloud: str | None
) -> Path:
    """Write the demo's documents, schema and configuration. Return the path of the configuration.

    The same arguments write the same bytes, so the run resumes after a second call.

    Raises:
        UserError: ``already-there`` when the folder has a configuration that the demo did not write.
    """
    config = claimed(folder, MARK)
    folder.mkdir(parents=True, exist_ok=True)
    write_rows(folder / ROWS_FILE, generate(sizes.counts(), seed))
    replace_text(folder / SCHEMA_FILE, json.dumps(SCHEMA, indent=1) + "\n")
    settings = _settings(sizes, seed=seed, epochs=epochs, model=model, cloud=cloud)
    replace_text(config, MARK + tomlkit.dumps(settings))
    return config


def claimed(folder: Path, mark: str) -> Path:
    """Return the path of the demo's configuration in this folder, which ``mark`` begins.

    Raises:
        UserError: ``already-there`` when the folder has a configuration that begins otherwise.
    """
    config = folder / CONFIG_FILE
    if config.exists() and not config.read_text(encoding="utf-8").startswith(mark):
        raise UserError(
            "already-there",
            f"{config} already exists and was not written by this demo.",
            hint="Choose another folder for the demo: insource demo --dir PATH",
        )
    return config


def _settings(
    sizes: Sizes, *, seed: int, epochs: float | None, model: str | None, cloud: str | None
) -> dict[str, Any]:
    training: dict[str, Any] = {
        "epochs": epochs or sizes.epochs,
        "learning_rate": sizes.learning_rate,
        "sweep": "off",
    }
    if model:
        training["model"] = model
    reference: dict[str, Any] = {"model": cloud or ""}
    if not cloud:
        reference["cost_per_1000_usd"] = float(PUBLISHED.cost_usd_per_call) * 1000
        reference["cost_source"] = PUBLISHED.source
    return {
        "project": {"title": TITLE, "seed": seed},
        "task": {"name": "specifications", "instruction": INSTRUCTION, "schema": SCHEMA_FILE},
        "dataset": {"path": ROWS_FILE},
        "reference": reference,
        "training": training,
        "evaluation": {"base_documents": sizes.base},
        "routing": {"loss": "fields", "on_infeasible": "median"},
        "decision": {"documents_per_month": 50_000},
    }


def walk(session: Session) -> RunResult:
    """Run the loop with the chosen cloud or a simulated one, and send documents through the gateway."""
    cloud = cloud_model(session) or simulated_cloud(session)
    return run(session, cloud=cloud, drive=partial(drive, cloud))


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write rows as JSON Lines."""
    replace_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
