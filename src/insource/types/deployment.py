"""What is deployed for a task, and the evidence that moves its traffic."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple

from insource.types.base import Frozen
from insource.types.routing import Loss

SCHEMA_VERSION = 1
Stage = Literal["idle", "shadow", "canary"]
"""Where the challenger is: there is none, it answers nobody, or it answers a share of the calls."""
AuditSource = Literal["shadow", "canary", "live"]
EventKind = Literal[
    "deployed",
    "shadow",
    "canary",
    "advanced",
    "promoted",
    "held",
    "rolled-back",
    "guard-tripped",
    "alert",
    "anchors",
    "retrain",
    "unreadable",
]


class Version(Frozen):
    """What can answer a task: the arm of a run with its policy.

    ``digest`` is of everything that was certified (prompt, output contract, model, policy);
    ``policy_digest`` of the policy alone, which promises at most ``max_error`` of what ``loss`` counts.
    """

    name: str
    task: str
    run_id: str
    arm: str
    digest: str
    policy_digest: str
    loss: Loss = "documents"
    max_error: float


class Deployment(Frozen):
    """Which versions answer a task, at one revision.

    The ``champion`` answers the calls that the ``challenger`` does not; without a champion, the cloud does.
    A ``canary`` challenger answers ``share`` of the calls, by a hash of the caller and ``salt``; ``only``
    restricts it to calls with these tags. ``previous`` is what a rollback of the champion goes back to. The
    ``…_revision`` of a version or step is the one that it began at: evidence is told apart by it, because
    clocks jump.
    """

    schema_version: int = SCHEMA_VERSION
    task: str
    revision: int = 0
    champion: Version | None = None
    challenger: Version | None = None
    previous: Version | None = None
    stage: Stage = "idle"
    share: float = 0.0
    champion_since: datetime
    challenger_since: datetime
    step_since: datetime
    champion_revision: int = 0
    challenger_revision: int = 0
    step_revision: int = 0
    salt: str = ""
    only: dict[str, str] = {}


class DeploymentEvent(Frozen):
    """One decision about a task's traffic, with the evidence that it was taken on.

    ``by`` is ``operator`` or the process that decided by itself. ``revision`` is that of the deployment which
    the event led to.
    """

    task: str
    revision: int
    at: datetime
    kind: EventKind
    by: str
    reason: str
    version: str = ""
    evidence: dict[str, float | int | str] = {}


class Audit(Frozen):
    """One answer of a version beside the cloud's answer to the same call.

    ``served``: the policy served the local answer, or would have. ``wrong``: the two answers differ in what
    ``loss``, that of the policy, counts: ``lost`` of ``counted`` documents, fields, values or weights, of
    which no document has more than ``most``. Audits of earlier versions, without ``lost``, count as a whole.
    ``unanswered`` says why the two could not be compared; such an audit is there for its cost alone.

    ``uniform``: the call was drawn with the same probability as every other one, so it may enter an
    unweighted test; ``weight`` is 1 / that probability. ``rarest`` is the largest weight that a call could
    have had at that time, None in audits of earlier versions. ``step`` is the revision of the deployment.
    ``expected`` is the mean of 1 - confidence over the answers that this version served before, as the same
    gateway saw them; ``deviations`` and ``squares`` sum, over the answers since the audit before, how much
    they differ from it. ``cost_usd`` is what the cloud's answer cost, None where it is unknown or was given
    to the caller anyway (``source`` is ``shadow``).
    """

    task: str
    version: str
    call_id: str
    at: datetime
    source: AuditSource
    uniform: bool = True
    weight: float = 1.0
    rarest: float | None = None
    served: bool = True
    wrong: bool
    wrong_fields: int = 0
    fields: int = 0
    loss: Loss = "documents"
    lost: float | None = None
    counted: float = 1.0
    most: float = 1.0
    unanswered: str = ""
    confidence: float | None = None
    expected: float | None = None
    deviations: float = 0.0
    squares: float = 0.0
    step: int = 0
    cloud_model: str = ""
    cost_usd: Decimal | None = None


class Compared(NamedTuple):
    """How many of the fields of two answers differ; ``slots`` has the path of each and what became of it."""

    wrong_fields: int
    fields: int
    slots: tuple[tuple[str, str], ...] = ()


class Spent(NamedTuple):
    """What the audits of a day cost in US dollars, and how many of them have no known price."""

    usd: Decimal = Decimal(0)
    unpriced: int = 0


class AnchorCheck(Frozen):
    """One answer to an anchor: a document whose label a person gave.

    ``right`` is against that label; ``same`` against the first answer of the same side, None for the first.
    """

    task: str
    anchor_id: str
    at: datetime
    side: Literal["cloud", "local"]
    model: str
    right: bool
    same: bool | None = None
