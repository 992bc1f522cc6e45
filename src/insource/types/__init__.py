"""The core types: frozen values without I/O."""

from insource.types.base import Frozen
from insource.types.call import Call, Route
from insource.types.ceiling import NoiseCeiling
from insource.types.dataset import (
    SPLITS,
    TOKEN_LIMIT,
    CloudCall,
    Dataset,
    DatasetManifest,
    Dropped,
    Example,
    LoggedAnswer,
    Provenance,
    Split,
)
from insource.types.decision import Assumption, BreakEven, Verdict
from insource.types.error_mix import ErrorMix
from insource.types.estimate import NOT_MEASURED, Estimate
from insource.types.evaluation import (
    Arm,
    Bucket,
    ClassMetrics,
    Comparison,
    Disagreement,
    EvalRecord,
    Evaluation,
    FieldGrounding,
    FieldMetrics,
    Score,
    SlotScore,
    SurfaceForm,
    Tier,
)
from insource.types.finding import Decided, Finding, Fix, FixDecision, FunnelStep, Instance, Severity
from insource.types.handicap import Fairness, Handicap
from insource.types.message import Completion, FinishReason, Message, TokenEvidence, TokenLogprob, Usage
from insource.types.result import (
    ParitySummary,
    RoutedCall,
    RoutingSummary,
    RunResult,
    Served,
    StageRun,
    SweepTrial,
    TrainingPoint,
    TrainingSummary,
)
from insource.types.review import ReviewDecision, ReviewVerdict
from insource.types.routing import Policy
from insource.types.row import Row
from insource.types.separation import Overlap, Shortfall
from insource.types.task import AbsentFields, JsonSchema, Labels, OutputSpec, Reasoning, Style, Task, Text

__all__ = [
    "NOT_MEASURED",
    "SPLITS",
    "TOKEN_LIMIT",
    "AbsentFields",
    "Arm",
    "Assumption",
    "BreakEven",
    "Bucket",
    "Call",
    "ClassMetrics",
    "CloudCall",
    "Comparison",
    "Completion",
    "Dataset",
    "DatasetManifest",
    "Decided",
    "Disagreement",
    "Dropped",
    "ErrorMix",
    "Estimate",
    "EvalRecord",
    "Evaluation",
    "Example",
    "Fairness",
    "FieldGrounding",
    "FieldMetrics",
    "Finding",
    "FinishReason",
    "Fix",
    "FixDecision",
    "Frozen",
    "FunnelStep",
    "Handicap",
    "Instance",
    "JsonSchema",
    "Labels",
    "LoggedAnswer",
    "Message",
    "NoiseCeiling",
    "OutputSpec",
    "Overlap",
    "ParitySummary",
    "Policy",
    "Provenance",
    "Reasoning",
    "ReviewDecision",
    "ReviewVerdict",
    "Route",
    "RoutedCall",
    "RoutingSummary",
    "Row",
    "RunResult",
    "Score",
    "Served",
    "Severity",
    "Shortfall",
    "SlotScore",
    "Split",
    "StageRun",
    "Style",
    "SurfaceForm",
    "SweepTrial",
    "Task",
    "Text",
    "Tier",
    "TokenEvidence",
    "TokenLogprob",
    "TrainingPoint",
    "TrainingSummary",
    "Usage",
    "Verdict",
]
