"""The sections of ``insource.toml``. Every key has a type, a default, a unit and a description."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from insource.config.dataset import DatasetSection
from insource.config.decision import DecisionSection
from insource.config.evaluation import EvaluationSection
from insource.config.gateway import GatewaySection, UpstreamSection
from insource.config.log import LogSection, PricesSection
from insource.config.monitor import MonitorSection
from insource.config.reference import ReferenceSection
from insource.config.retrain import RetrainSection
from insource.config.rollout import RolloutSection
from insource.config.routing import RoutingSection
from insource.config.serving import ServingSection
from insource.config.task import ProjectSection, TaskSection
from insource.config.training import TrainingSection
from insource.types import Frozen


class Config(Frozen):
    """The content of ``insource.toml``. A stage receives its own section, not the whole configuration.

    Examples:
        >>> from insource import Config
        >>> config = Config(task={"name": "specs", "margin": 0.05})
        >>> config.task.margin, config.training.model
        (0.05, 'smollm2-135m-instruct')
    """

    project: ProjectSection = ProjectSection()
    task: TaskSection = TaskSection()
    dataset: DatasetSection = DatasetSection()
    reference: ReferenceSection = ReferenceSection()
    training: TrainingSection = TrainingSection()
    evaluation: EvaluationSection = EvaluationSection()
    serving: ServingSection = ServingSection()
    routing: RoutingSection = RoutingSection()
    rollout: RolloutSection = RolloutSection()
    monitor: MonitorSection = MonitorSection()
    retrain: RetrainSection = RetrainSection()
    gateway: GatewaySection = GatewaySection()
    upstreams: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")], UpstreamSection] = {}
    log: LogSection = LogSection()
    prices: PricesSection = PricesSection()
    decision: DecisionSection = DecisionSection()
