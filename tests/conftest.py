"""What all tests share: markers, no network, the embedded model, small invented data, the command."""

import fcntl
import ipaddress
import json
import os
import re
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings
from support.hashed_words import HashedWords

from insource.foundation.canonical import digest
from insource.models.catalogue import DEFAULT_MODEL, resolve
from insource.models.embeddings import minilm
from insource.models.weights.wheel import cache_dir
from insource.training.base import unpacked
from insource.types import Example, JsonSchema, Labels, Provenance, Task

# Set here, not in a fixture: libraries read them when they are imported, and children inherit them.
os.environ |= {"TOKENIZERS_PARALLELISM": "false"}

BESIDE_OTHERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) > 1
if BESIDE_OTHERS:  # threads of one process on a core that another worker uses wait for each other
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")

# How long an example takes is no property of the code: shared machines stall, first calls load libraries.
settings.register_profile("insource", deadline=None)
settings.load_profile("insource")

COMMAND = [sys.executable, "-m", "insource.cli.main"]
COMMAND_TIMEOUT_S = 1500  # bounded, and generous: shared machines stall for minutes

LABELS = ("billing", "delivery", "technical")
COMPLAINTS = {
    "billing": ("I was charged twice", "the invoice shows the wrong total", "the refund is not there yet"),
    "delivery": ("the parcel never came", "the courier left it in the rain", "half of the box is missing"),
    "technical": ("the grinder makes a loud noise", "the display stays dark", "it leaks under the tank"),
}
OPENINGS = ("Hello,", "Good morning,", "Hi there,", "Dear team,", "To whom it may concern,")
PUMP_SCHEMA = {
    "type": "object",
    "properties": {
        "model": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{3}$"},
        "voltage": {"type": ["string", "null"], "enum": ["230 V", "400 V", None]},
    },
    "required": ["model", "voltage"],
    "additionalProperties": False,
}


TESTS = Path(__file__).parent
MARKED_FOLDERS = {"faults": "fault", "e2e": "e2e"}
# Workers take tests in this order: the long ones first, so that none of them starts when all others are done.
LONG_FOLDERS = ("e2e", "browser", "faults", "integration", "statistics")


def pytest_configure(config):
    """A key of the person's own environment (INSOURCE_TRAINING__EPOCHS) must not steer a test."""
    for name in [name for name in os.environ if name.startswith("INSOURCE_") and "__" in name]:
        del os.environ[name]
    if getattr(config.option, "loadgroup", False) and hasattr(pytest.Item, "id"):  # a worker of pytest-xdist
        config.pluginmanager.register(_Groups())


@pytest.hookimpl(tryfirst=True)  # before -m selects by these markers
def pytest_collection_modifyitems(items):
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        if marker := MARKED_FOLDERS.get(folder):
            item.add_marker(marker)
        if "embedded_model" in item.fixturenames:
            item.add_marker("model")
            item.add_marker(pytest.mark.xdist_group("model"))  # an engine uses every core
        elif _shares_a_module_fixture(item):
            item.add_marker(pytest.mark.xdist_group(str(item.path.relative_to(TESTS))))
    items.sort(key=_place)


class _Groups:
    """With pytest 9.2, pytest-xdist 3.8 forgets its groups without a word.

    It writes them where the name of a test no longer is (https://github.com/pytest-dev/pytest-xdist/issues/1386).
    """

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items):
        for item in items:
            for mark in item.iter_markers("xdist_group"):
                item._id = item.id.parse(f"{item.nodeid}@{mark.args[0]}")


def _shares_a_module_fixture(item):
    """Whether a second worker would have to make again what the tests of this module share."""
    definitions = item._fixtureinfo.name2fixturedefs
    found = (definitions[name][-1] for name in item.fixturenames if name in definitions)
    return any(definition.scope == "module" for definition in found)


def _place(item):
    folder = item.path.relative_to(TESTS).parts[0]
    return LONG_FOLDERS.index(folder) if folder in LONG_FOLDERS else len(LONG_FOLDERS)


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch):
    """A test that reaches for another machine fails, whatever the code under test catches."""
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guard(host):
        text = host.decode() if isinstance(host, bytes) else host
        if text not in (None, "", "localhost") and not _is_loopback(text):
            pytest.fail(f"a test tried to reach {text}; only loopback is allowed")

    def guarded(original):
        def call(self, address):
            if self.family in (socket.AF_INET, socket.AF_INET6):
                guard(address[0])
            return original(self, address)

        return call

    def lookup(host, *args, **kwargs):
        guard(host)
        return getaddrinfo(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded(connect))
    monkeypatch.setattr(socket.socket, "connect_ex", guarded(connect_ex))
    monkeypatch.setattr(socket, "getaddrinfo", lookup)


def _is_loopback(host):
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


@pytest.fixture(scope="session")
def embedded_model():
    """The embedded model in the user's cache, unpacked for training; pip fetches it when it is not there yet.

    The sentence embeddings are fetched beside it: commands of a test measure them where they are installed.
    One worker at a time: the others find what the first one has fetched and unpacked.
    """
    cache_dir().mkdir(parents=True, exist_ok=True)
    with (cache_dir() / ".tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        base = resolve(DEFAULT_MODEL)
        unpacked(base)
        if find_spec("onnxruntime"):
            minilm.files()
    return base


@pytest.fixture(autouse=True)
def _one_core_for_the_model(request):
    """Beside other workers an engine, here or in a command, has the threads of one core."""
    if not BESIDE_OTHERS or "embedded_model" not in request.fixturenames:
        yield
        return
    usable = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(usable)})
    yield
    os.sched_setaffinity(0, usable)


@pytest.fixture(scope="session")
def example_task():
    """Pump notes to JSON: two fields, one of them often absent."""
    return Task(name="pumps", instruction="Extract the pump.", output=JsonSchema(definition=PUMP_SCHEMA))


@pytest.fixture(scope="session")
def label_task():
    """Messages of a coffee machine shop to one of three desks."""
    return Task(
        name="tickets",
        instruction="Which desk?",
        output=Labels(names=LABELS),
        primary_metric="accuracy",
    )


def ticket_rows(count):
    """Rows of the label task, every input different, labels in turn."""
    rows = []
    for index in range(count):
        label = LABELS[index % 3]
        complaint = COMPLAINTS[label][index // 3 % 3]
        text = f"{OPENINGS[index % 5]} {complaint}. Order {4000 + index}."
        rows.append({"id": f"t{index}", "input": text, "output": label})
    return rows


def pump_rows(count):
    """Rows of the JSON task, every input different, the voltage absent from every third."""
    rows = []
    for index in range(count):
        model = f"{'ABCDEFGH'[index % 8]}X-{100 + index}"
        voltage = (None, "230 V", "400 V")[index % 3]
        supply = f" Runs on {voltage}." if voltage else " Hand driven."
        answer = {"model": model, "voltage": voltage}
        rows.append({"id": f"p{index}", "input": f"Pump {model}.{supply}", "output": answer})
    return rows


def examples_of(rows):
    """Rows as the examples a built dataset would hold."""
    return tuple(
        Example(
            row_id=row["id"],
            digest=digest(row["id"]),
            input=row["input"],
            target=row["output"]
            if isinstance(row["output"], str)
            else json.dumps(row["output"], separators=(",", ":")),
            cloud_outputs=row.get("cloud_outputs", {}),
            provenance=Provenance(source="test"),
        )
        for row in rows
    )


@pytest.fixture(scope="session")
def rows():
    """Builders of invented rows and examples, by name."""

    class Rows:
        tickets = staticmethod(ticket_rows)
        pumps = staticmethod(pump_rows)
        examples = staticmethod(examples_of)
        labels = LABELS
        pump_schema = PUMP_SCHEMA

    return Rows


@pytest.fixture
def project(tmp_path):
    """Writes a project's folder (rows, or raw lines, and configuration) and returns it."""

    def make(rows=(), config="", *, files=None):
        lines = (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows)
        (tmp_path / "data.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        (tmp_path / "insource.toml").write_text(config, encoding="utf-8")
        for name, value in (files or {}).items():
            (tmp_path / name).write_text(json.dumps(value), encoding="utf-8")
        return tmp_path

    return make


@pytest.fixture
def insource(tmp_path):
    """Runs the real command in a child process; whatever it is asked, it shows no traceback."""

    def call(*arguments, env=None, cwd=None, prelude="", timeout=COMMAND_TIMEOUT_S):
        command = [*COMMAND, *arguments]
        if prelude:
            start = f"{prelude}\nfrom insource.cli.main import main\nmain()"
            command = [sys.executable, "-c", start, *arguments]
        done = subprocess.run(
            command,
            cwd=Path(cwd or tmp_path),
            env=os.environ | (env or {}),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return call


@pytest.fixture
def refuses(insource):
    """Runs a command that has to be refused: exit code, error code, one hint, nothing on standard output."""

    def call(*arguments, code, exit_code=1, **options):
        done = insource(*arguments, **options)
        assert done.returncode == exit_code, done.stderr
        assert done.stdout == ""
        assert done.stderr.lstrip().rpartition("error: ")[2]
        found = re.findall(r"docs/reference/errors\.md#([a-z0-9-]+)", done.stderr)
        assert found == [code], done.stderr
        assert "hint: " in done.stderr
        return done.stderr

    return call


@pytest.fixture(autouse=True)
def _embeddings_without_weights(request, monkeypatch):
    """Sentence embeddings are hashed words, save in tests that may fetch weights (marker ``model``)."""
    if not request.node.get_closest_marker("model"):
        monkeypatch.setattr(minilm, "_opened", HashedWords)
