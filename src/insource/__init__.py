"""Insource brings a narrow LLM job home.

The public API is ``insource.__all__``; names are loaded when they are first used, so that importing
the package costs nothing. Start reading at ``insource.pipeline``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from insource.foundation.version import __version__

if TYPE_CHECKING:
    from insource.config.loading import load
    from insource.config.sections import Config
    from insource.dataset.build import build as build_dataset
    from insource.evaluation.compare import compare
    from insource.evaluation.metrics import summarise
    from insource.evaluation.scorers import build_scorer
    from insource.foundation.errors import InsourceError
    from insource.logs.query import Log
    from insource.logs.recorded_model import RecordedModel
    from insource.logs.recorder import Recorder
    from insource.logs.wrap import wrap
    from insource.models.protocol import Model, ModelInfo, Request
    from insource.pipeline import run
    from insource.report.render import render, write_report
    from insource.routing.cascade import fit_policy
    from insource.serving.supervisor import ServedModel
    from insource.store.calls.feedback import Feedback
    from insource.store.calls.usage import Consumption
    from insource.types import (
        Arm,
        Call,
        Comparison,
        Completion,
        Dataset,
        Estimate,
        EvalRecord,
        Evaluation,
        Example,
        JsonSchema,
        Labels,
        Message,
        RunResult,
        Task,
    )
    from insource.workflow.project import Project
    from insource.workflow.session import Display, Session

# Public name → (module, name there).
_PUBLIC = {
    "Labels": ("insource.types", "Labels"),
    "JsonSchema": ("insource.types", "JsonSchema"),
    "EvalRecord": ("insource.types", "EvalRecord"),
    "Arm": ("insource.types", "Arm"),
    "Call": ("insource.types", "Call"),
    "Comparison": ("insource.types", "Comparison"),
    "Completion": ("insource.types", "Completion"),
    "Config": ("insource.config", "Config"),
    "Consumption": ("insource.store.calls.usage", "Consumption"),
    "Dataset": ("insource.types", "Dataset"),
    "Display": ("insource.workflow.session", "Display"),
    "Estimate": ("insource.types", "Estimate"),
    "Evaluation": ("insource.types", "Evaluation"),
    "Example": ("insource.types", "Example"),
    "Feedback": ("insource.store.calls.feedback", "Feedback"),
    "InsourceError": ("insource.foundation.errors", "InsourceError"),
    "Log": ("insource.logs.query", "Log"),
    "Message": ("insource.types", "Message"),
    "Model": ("insource.models.protocol", "Model"),
    "ModelInfo": ("insource.models.protocol", "ModelInfo"),
    "Project": ("insource.workflow.project", "Project"),
    "RecordedModel": ("insource.logs.recorded_model", "RecordedModel"),
    "Recorder": ("insource.logs.recorder", "Recorder"),
    "Request": ("insource.models.protocol", "Request"),
    "RunResult": ("insource.types", "RunResult"),
    "ServedModel": ("insource.serving.supervisor", "ServedModel"),
    "Session": ("insource.workflow.session", "Session"),
    "Task": ("insource.types", "Task"),
    "build_dataset": ("insource.dataset.build", "build"),
    "build_scorer": ("insource.evaluation.scorers", "build_scorer"),
    "compare": ("insource.evaluation.compare", "compare"),
    "fit_policy": ("insource.routing.cascade", "fit_policy"),
    "load": ("insource.config.loading", "load"),
    "render": ("insource.report.render", "render"),
    "run": ("insource.pipeline", "run"),
    "summarise": ("insource.evaluation.metrics", "summarise"),
    "wrap": ("insource.logs.wrap", "wrap"),
    "write_report": ("insource.report.render", "write_report"),
}

__all__ = [
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
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'insource' has no attribute {name!r}")
    module, attribute = _PUBLIC[name]
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return __all__
