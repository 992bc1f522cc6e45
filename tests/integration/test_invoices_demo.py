"""The project of the invoices demo: its dataset, its log, its prices, and its cloud behind the gateway."""

import json
from decimal import Decimal

import pytest
from support.invoice_wheel import LAYOUTS, MODEL, charged, write_wheel

from insource import Display, Project, Session, load
from insource.config.log import OwnPrice
from insource.demo.invoices import run as demo
from insource.demo.invoices.recording import recorded
from insource.demo.invoices.wheel import WHEEL, generated
from insource.foundation.errors import InsourceError, PrerequisiteError, UserError
from insource.logs.recorder import STORE_FILE
from insource.models.protocol import Request
from insource.models.weights.wheel import kept
from insource.providers.prices import PriceTable
from insource.store.calls.calls import find_calls
from insource.store.database import open_database
from insource.types import Message, Usage
from insource.workflow.build import build_dataset


class Notes(Display):
    def __init__(self):
        self.lines = []

    def stage(self, name, about):
        self.lines.append(f"{name}: {about}")

    def note(self, text):
        self.lines.append(text)

    def dataset(self, manifest, folder):
        pass


@pytest.fixture
def pinned(tmp_path, monkeypatch):
    """The small wheel, in the cache already."""
    monkeypatch.setenv("INSOURCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(demo, "WHEEL", write_wheel(tmp_path / "cache" / "wheels"))


def prepared(tmp_path, **changes):
    settings = {"seed": 0, "epochs": None, "model": None} | changes
    return demo.prepare(tmp_path / "project", demo.QUICK.scaled_to(40), **settings)


def session_of(config):
    return Session(Project.of(load(config)), Notes(), "insource demo --invoices")


@pytest.mark.usefixtures("pinned")
def test_the_same_arguments_write_the_same_bytes(tmp_path):
    folder = prepared(tmp_path).parent
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    prepared(tmp_path)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first
    assert first.keys() == {"insource.toml", "documents.jsonl", "calls.jsonl", "schema.json"}


@pytest.mark.usefixtures("pinned")
def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    own = tmp_path / "project" / "insource.toml"
    own.parent.mkdir()
    for written in (
        "[project]\n",
        "# Written by `insource demo`, which writes it again; copy it to change it.\n",
    ):
        own.write_text(written)
        with pytest.raises(UserError) as caught:
            prepared(tmp_path)
        assert caught.value.code == "already-there"
        assert own.read_text() == written
        assert list(own.parent.iterdir()) == [own]


@pytest.mark.usefixtures("pinned")
def test_the_dataset_keeps_the_split_and_holds_the_clouds_answers(tmp_path):
    dataset, task = build_dataset(session_of(prepared(tmp_path)))
    assert not dataset.manifest.dropped
    assert dataset.manifest.cloud_models == (MODEL,)
    assert not dataset.manifest.simulated_models
    groups = {split: {one.group for one in rows} for split, rows in dataset.splits.items()}
    new = {layout for layout, split in LAYOUTS.items() if split == "test"}
    assert groups["train"] == groups["calibration"] == groups["test"] - new
    assert new <= groups["test"]
    assert not new & (groups["train"] | groups["validation"] | groups["calibration"])
    assert set(dataset.manifest.groups_in_train) == groups["train"]
    for rows in dataset.splits.values():
        for example in rows:
            assert example.cloud_latency_s[MODEL] >= 1
            assert example.cloud_calls[MODEL].prompt
    assert task.primary_metric == "field_accuracy"


@pytest.mark.usefixtures("pinned")
def test_the_log_has_every_recorded_call_once_with_what_it_cost(tmp_path):
    session = session_of(prepared(tmp_path))
    for _ in range(2):
        demo.import_calls(session)
    with open_database(session.project.workspace / STORE_FILE) as database:
        calls = find_calls(database, limit=10_000)
    written = [
        json.loads(line) for line in (tmp_path / "project" / "calls.jsonl").read_text().strip().split("\n")
    ]
    assert len(calls) == len(written) == 42 * len(LAYOUTS)
    assert {call.task for call in calls} == {demo.TASK}
    assert sum(call.cost_usd for call in calls) == sum(
        Decimal(str(one["response"]["usage"]["cost"])) for one in written
    )
    assert sum(call.usage.input_tokens for call in calls) == sum(
        one["response"]["usage"]["prompt_tokens"] for one in written
    )
    assert {call.usage.cached_tokens for call in calls} == {256}
    assert {call.tags["layout"] for call in calls} == set(LAYOUTS)
    assert not any(call.simulated for call in calls)
    assert min(call.started_at for call in calls).date().isoformat() == "2026-09-26"
    assert any("Andrii Boiko, Apache-2.0" in line for line in session.display.lines)


@pytest.mark.usefixtures("pinned")
def test_the_settings_hold_what_was_charged_and_when(tmp_path):
    config = load(prepared(tmp_path, seed=3, epochs=0.5, model="qwen3-0.6b"))
    assert config.config.reference.cost_per_1000_usd == pytest.approx(
        1000 * sum(charged(number) for number in range(210)) / 210, abs=1e-6
    )
    assert "210 recorded calls" in config.config.reference.cost_source
    assert "Somewhere on 2026-09-26" in config.config.reference.cost_source
    assert (config.config.project.seed, config.config.training.epochs) == (3, 0.5)
    assert config.config.training.model == "qwen3-0.6b"


@pytest.mark.usefixtures("pinned")
def test_the_recorded_cloud_answers_its_documents_and_no_others(tmp_path):
    session = session_of(prepared(tmp_path))
    cloud = demo.recorded_cloud(session)
    assert (cloud.info.name, cloud.info.replayed, cloud.info.simulated) == (MODEL, True, False)
    row = json.loads(session.project.rows_path.read_text().strip().split("\n")[0])
    asked = Request(messages=(Message(role="user", content=row["input"]),), max_tokens=9)
    assert cloud.generate(asked).text == row["cloud_outputs"][MODEL]
    with pytest.raises(InsourceError, match="no logged answer"):
        cloud.generate(Request(messages=(Message(role="user", content="another"),), max_tokens=9))


@pytest.fixture(scope="module")
def real():
    """The calls of the real wheel, from this machine's cache; pip fetches it when it is not there yet."""
    try:
        path = kept(WHEEL)
    except PrerequisiteError as error:
        pytest.skip(f"the wheel is not at hand: {error.message}")
    return recorded(path, generated(path))


def test_the_real_wheel_gives_every_document_its_answer(real):
    assert len(real) == 3000
    layouts = {call.document.layout: call.document.split for call in real}
    assert sorted(layouts.values()) == ["test"] * 6 + ["train"] * 20 + ["valid"] * 4
    assert {call.finish_reason for call in real} == {"stop"}


def test_the_stated_prices_are_those_that_were_charged(real):
    table = PriceTable({real[0].model: OwnPrice.model_validate(demo.PRICES)})
    for call in real:
        usage = Usage(
            input_tokens=call.usage["prompt_tokens"],
            output_tokens=call.usage["completion_tokens"],
            cached_tokens=call.usage["prompt_tokens_details"]["cached_tokens"],
        )
        assert table.cost(call.model, usage) == pytest.approx(call.cost_usd, abs=Decimal("1e-8"))
