"""The settings of a gateway."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from insource.config.rollout import RolloutSection
from insource.gateway.admission.ask import AdmitAll, Admitter
from insource.gateway.http.address import UpstreamSettings
from insource.lifecycle.anchors.attribution import Harm
from insource.logs.recorder import Recorder
from insource.models.protocol import Model, Request
from insource.providers.billing import billing_of
from insource.providers.prices import Priced, PriceTable
from insource.routing.ways.rules import Fail
from insource.types import Completion, Policy, Task, Usage
from insource.types.anchors import Attribution
from insource.types.certified import Certified
from insource.types.deployment import Compared, Version
from insource.types.ways import FieldPolicy, Rule

AUTO = "insource/auto"
REFERENCE = "reference"  # the name of the upstream that a task escalates to

StreamUsage = Literal["estimate", "inject"]
Overload = Literal["cloud", "refuse"]
TierAccepts = Literal["valid", "agreeing"]


@dataclass(frozen=True)
class HttpCloud:
    """An OpenAI-compatible API. ``base_url`` includes the version, as its clients expect it."""

    model: str
    base_url: str
    timeout_s: float = 600.0
    connect_timeout_s: float = 10.0


@dataclass(frozen=True, kw_only=True)
class PassThrough:
    """Which calls are forwarded, to which upstreams. These settings may change while the server runs.

    ``stream_usage`` applies to a stream whose caller did not ask for token counts. ``estimate`` estimates
    them; ``inject`` asks the upstream for them and removes them from the answer. ``max_body_bytes`` limits
    the body of a call, which is held in memory. ``max_upload_bytes`` limits the body of a file or a batch,
    which is not. ``task_of`` takes the document of a request without a task and returns the task that the
    discovered rules name, or an empty string.
    """

    upstreams: tuple[UpstreamSettings, ...] = ()
    admission: Admitter = field(default_factory=AdmitAll)
    stream_usage: StreamUsage = "estimate"
    max_body_bytes: int = 64 << 20
    max_upload_bytes: int = 512 << 20
    task_of: Callable[[dict[str, Any]], str] | None = None


class Alarm(NamedTuple):
    """Something about a task that a person should know: its kind and a sentence."""

    task: str
    kind: str
    message: str


@dataclass(frozen=True, kw_only=True)
class WaySettings:
    """The ways of an answer beside local and cloud.

    ``fields`` is the policy by which the sure fields of an answer are served and the others escalated; None
    escalates whole documents. ``rules`` say which calls take which ways, the first that a call meets;
    ``fail`` says what an unknown cost counts as. ``tier`` is a cheaper cloud model that is asked before the
    dear one; its answer is taken if it is valid, or only if it agrees with the local one. ``cache_s`` is how
    long the answer to a call answers calls exactly like it, in seconds; 0 keeps none.
    """

    fields: FieldPolicy | None = None
    rules: tuple[Rule, ...] = ()
    fail: Fail = "expensive"
    tier: HttpCloud | Model | None = None
    tier_accepts: TierAccepts = "valid"
    cache_s: float = 0.0


class Anchors(Protocol):
    """Tells from rows that people labelled whether the cloud moved, or the local model.

    ``turn`` never waits: it returns what was found last of ``version``, ``open`` before anything was, and
    None only where there are no anchors. ``problem`` says why a round could not be asked. ``not_before`` is
    since when audits of a version count at most: since an operator accepted the cloud as it is.
    ``cloud_trouble`` says why doubtful answers are to be served here, empty while the cloud is asked.
    """

    problem: str
    cloud_trouble: str

    def not_before(self, version: str) -> datetime | None: ...

    def turn(
        self, harm: Harm | None, version: str, answer: Callable[[str], str | None] | None
    ) -> Attribution | None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Registered:
    """A task whose versions are in the registry of deployments, in ``workspace``.

    ``open`` opens a version until its context ends; it blocks, and raises an ``InsourceError`` where that
    fails. ``compare`` takes a local answer and the cloud's and counts the fields that differ, None where the
    cloud's is no answer to the task. It may block. ``most_fields`` is the most that a document can have, None
    where the output contract says it. ``anchors`` tells what moved when the two differ too often.
    """

    workspace: Path
    open: Callable[[Version], AbstractContextManager[TaskSettings]]
    compare: Callable[[str, str], Compared | None]
    most_fields: int | None = None
    anchors: Anchors | None = None


@dataclass(frozen=True, kw_only=True)
class TaskSettings:
    """A task to answer here.

    ``version`` names what answers: callers may ask for ``task@version``; ``digest`` is of what was certified
    of it. ``cloud`` is what the task escalates
    to: an API, or a ``Model`` in its place. Without it nothing can be escalated. ``reference`` is the name of
    that cloud among the upstreams that keys are bound to. ``ask`` makes the local model's request for a
    document; without it, that is the task's prompt under its grammar, with at most ``max_tokens`` in the
    answer. ``confidence`` returns how sure the local model is of an answer that does not state its own
    confidence, None where that is unknown. ``spelled`` returns the bytes of a token of the local model.

    ``ways`` are those of an answer beside local and cloud. ``judge`` states the confidences of an answer and
    of its fields, in place of ``confidence``.

    ``certified`` is what the policy was certified for, by default the prompt and the schema of ``task``.
    ``model_changed`` says what of the local model is not as certified, and is empty if all is. ``redact`` is
    what the log did to the prompts that were certified. ``alarm`` is told, once for each cause, of calls that
    this keeps from the local model.

    ``slots`` is the number of documents that are answered at the same time; tasks with the same ``engine``
    share them. ``/health`` calls ``alive``. ``any_model`` answers callers that name another model too, for a
    server that has nothing else to answer with. With ``registered``, the registry says which versions answer;
    the model here is then the one that it is opened with.
    """

    task: Task
    policy: Policy
    version: str = ""
    digest: str = ""
    local: Model | None = None
    cloud: HttpCloud | Model | None = None
    reference: str = REFERENCE
    ask: Callable[[str], Request] | None = None
    confidence: Callable[[Completion], float | None] = lambda completion: None
    spelled: Callable[[int], bytes] | None = None
    ways: WaySettings = WaySettings()
    judge: Callable[[Completion], Completion] | None = None
    certified: Certified | None = None
    model_changed: str = ""
    redact: Callable[[str], str] = lambda text: text
    alarm: Callable[[Alarm], None] = lambda alarm: None
    alive: Callable[[], bool] = lambda: True
    max_tokens: int = 512
    slots: int = 1
    engine: str = ""
    any_model: bool = False
    rollout: RolloutSection = field(default_factory=RolloutSection)
    registered: Registered | None = None

    def escalating_to(self, cloud: HttpCloud | Model) -> TaskSettings:
        """Return the settings with another cloud."""
        return replace(self, cloud=cloud)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long a call may wait for a local model, and what happens to one that may not.

    At most ``waiting`` calls wait for the slots of a model, and none longer than ``deadline_s`` for its
    answer. ``overload`` sends what is beyond that to the task's cloud, or refuses it with a 429. Without a
    cloud it is refused.
    """

    waiting: int = 64
    deadline_s: float = 60.0
    overload: Overload = "cloud"


@dataclass(frozen=True, kw_only=True)
class GatewaySettings:
    """Upstreams to forward calls to, tasks to answer here, or both.

    ``prices`` is the price table. Without it, ``price`` returns the cost of a call from its model, usage and
    start, and ``priced_by`` names that source. ``retention_days`` and ``retention_gb`` limit the log; None
    keeps everything.
    """

    recorder: Recorder
    pass_through: PassThrough = PassThrough()
    tasks: tuple[TaskSettings, ...] = ()
    limits: Limits = Limits()
    prices: PriceTable | None = None
    price: Callable[[str, Usage, datetime], Decimal | None] = lambda model, usage, at: None
    priced_by: str = ""
    drain_interval_s: float = 1.0
    retention_days: float | None = None
    retention_gb: float | None = None

    def priced(
        self,
        model: str,
        usage: Usage,
        at: datetime,
        provider: str,
        response: dict[str, Any] | None,
        stated_usd: str = "",
    ) -> Priced:
        """Return the cost of an upstream's call and its source.

        ``provider`` is the upstream's base URL, ``stated_usd`` the price in the answer's headers.
        """
        if self.prices is None:
            cost = self.price(model, usage, at)
            return Priced(cost, "" if cost is None else self.priced_by)
        billing = billing_of(response, stated_usd=stated_usd)
        return self.prices.price(model, usage, at, provider=provider, billing=billing)
