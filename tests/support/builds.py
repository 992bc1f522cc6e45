"""Walks that build the dataset of a small project, and what may change between two of them."""

from datetime import UTC, datetime

from support.walks import FakeDisplay, session_on

from insource.logs.recorder import Recorder
from insource.models.fake import FakeCloud
from insource.models.protocol import ModelInfo
from insource.workflow.build import build_dataset_folder

CONFIG = """
[task]
name = "specs"
schema = "schema.json"
[dataset]
format = "rows"
"""
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "string"}, "b": {"type": ["integer", "null"]}},
    "required": ["a", "b"],
}
START = datetime(2026, 3, 1, tzinfo=UTC)


def rows(count=40, start=0):
    return [
        {"id": f"r{n}", "input": f"document {n} about x{n * 7}", "output": {"a": f"x{n * 7}", "b": n}}
        for n in range(start, start + count)
    ]


class Cloud:
    """A simulated cloud that counts what it is asked."""

    def __init__(self, name="fake/one"):
        self.info = ModelInfo(name=name, local=False, simulated=True)
        self.asked = []
        self._model = FakeCloud({row["input"]: row["output"] for row in rows(60)}, seed=0)

    def generate(self, request):
        self.asked.append(request.messages[-1].content)
        return self._model.generate(request)


class Walk:
    """One walk that builds the dataset, and what was said on the way."""

    def __init__(self, folder, cloud=None):
        self.display = FakeDisplay()
        self.session = session_on(folder, self.display)
        self.path, self.manifest = build_dataset_folder(self.session, cloud)
        self.read_back = any("Skipped" in note for note in self.display.notes)


def edit(name, old, new):
    """A change of one text in one file of the project."""

    def change(folder):
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))

    return change


def configured(lines):
    """More lines of configuration; a table that is there already goes on."""

    def change(folder):
        table, _, rest = lines.partition("\n")
        text = (folder / "insource.toml").read_text()
        text = text.replace(table, f"{table}\n{rest}") if table in text else f"{text}{lines}"
        (folder / "insource.toml").write_text(f"{text}\n")

    return change


def answered(folder, source="recorder", task="specs"):
    """One more call of the task in the log."""
    with Recorder.open(folder / ".insource") as recorder:
        recording = recorder.begin({"messages": []}, model_asked="x/y", source=source, task=task)
        recording.end(response_text="{}")
