"""The public API: what a user may rely on, name by name."""

import importlib
import inspect
from importlib.resources import files

import insource

PUBLIC = {
    "Arm",
    "Call",
    "Comparison",
    "Completion",
    "Config",
    "Consumption",
    "Dataset",
    "Display",
    "Estimate",
    "EvalRecord",
    "Evaluation",
    "Example",
    "Feedback",
    "InsourceError",
    "JsonSchema",
    "Labels",
    "Log",
    "Message",
    "Model",
    "ModelInfo",
    "Project",
    "RecordedModel",
    "Recorder",
    "Request",
    "RunResult",
    "ServedModel",
    "Session",
    "Task",
    "__version__",
    "build_dataset",
    "build_scorer",
    "compare",
    "fit_policy",
    "load",
    "render",
    "run",
    "summarise",
    "wrap",
    "write_report",
}


def test_the_public_names_are_these():
    """Adding a name is a decision, removing one breaks users: both change this list on purpose."""
    assert set(insource.__all__) == PUBLIC
    assert set(dir(insource)) == PUBLIC


def test_every_public_name_is_there_and_documented():
    for name in sorted(PUBLIC - {"__version__"}):
        value = getattr(insource, name)
        assert inspect.getdoc(value), name
        assert value.__module__.startswith("insource."), name
    assert insource.__version__ == importlib.metadata.version("insource")


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(insource, "does_not_exist")


def test_the_package_is_typed():
    assert files("insource").joinpath("py.typed").is_file()
