"""The sections of `insource.toml`: every key with its type, default, unit and one sentence."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from insource.types import Frozen
from insource.types.task import AbsentFields

Metric = Literal["field_accuracy", "exact_match", "accuracy"]
Moment = Annotated[datetime, AfterValidator(lambda at: at if at.tzinfo else at.replace(tzinfo=UTC))]


class ProjectSection(Frozen):
    title: str = Field("", description="The headline of the report; the task's name when empty.")
    seed: int = Field(0, ge=0, description="The one seed every random stream is derived from.")
    workspace: str = Field(".insource", description="Where the log, datasets, runs and models are kept.")


class TaskSection(Frozen):
    name: str = Field("task", pattern=r"^[a-z0-9][a-z0-9_-]*$", description="Short name, used in file names.")
    instruction: str = Field(
        "Extract the requested fields as JSON.",
        description="The system message. Keep it short: the tuned model learns the rest.",
    )
    schema_path: str = Field("", alias="schema", description="File with the JSON Schema of an answer.")
    schemas_path: str = Field(
        "", alias="schemas", description="File with named schemas, for rows that name theirs."
    )
    labels: tuple[str, ...] = Field((), description="The labels of a classification task.")
    primary_metric: Metric | None = Field(
        None, description="What the verdict is about; field_accuracy, or accuracy for labels."
    )
    margin: float = Field(
        0.02,
        gt=0,
        lt=1,
        description="The largest loss on the primary metric that counts as not worse (ratio).",
    )
    absent_fields: AbsentFields = Field(
        "null", description="What a field missing from a label means: nothing there, or not annotated."
    )
    privacy: Literal["cloud-allowed", "local-only"] = Field(
        "cloud-allowed", description="Whether a document of this task may leave the machine."
    )


class ColumnsSection(Frozen):
    """``[dataset.columns]``: the columns, or dotted paths, of a table with other names."""

    input: str | tuple[str, ...] = Field(
        "input", description="The document; several columns are joined as `name: value` lines."
    )
    output: str | tuple[str, ...] = Field(
        "output", description="The right answer; several columns are the fields of a JSON object."
    )
    id: str = Field("id", description="What names the row.")
    group: str = Field("group", description="What several documents have in common.")
    time: str = Field("time", description="When the document came.")
    split: str = Field("split", description="Which split the row belongs to.")
    prompt: str = Field("prompt", description="The instruction that came with the document.")
    file: str = Field(
        "",
        description="The document's file, in a table of labels; file_name, file, filename, path when empty.",
    )


class CallsSection(Frozen):
    """``[dataset.calls]``: which calls of the log become rows, and how."""

    task: str = Field(
        "", description="Only calls of this task; that of `[task] name` when empty, `*` is all."
    )
    prompt_version: str | None = Field(None, description="Only calls of this version of the prompt.")
    model: str | None = Field(None, description="Only the model that answered.")
    provider: str | None = Field(None, description="Only this upstream.")
    outcome: Literal["ok", "error", "interrupted"] | None = Field(
        None, description="Only calls that ended so; failed ones are of use when they were corrected."
    )
    since: Moment | None = Field(None, description="Calls from then on; UTC when no zone is given.")
    until: Moment | None = Field(None, description="Calls before then.")
    feedback: tuple[Literal["corrected", "up", "down", "none"], ...] = Field(
        (), description="Only calls whose last feedback is one of these; all when empty."
    )
    group: str = Field(
        "user", description="What must not straddle two splits: `user`, `conversation`, or the name of a tag."
    )


class DatasetSection(Frozen):
    path: str = Field(
        "data.jsonl", description="File or folder with the rows; not looked at when they come from the log."
    )
    format: Literal["auto", "rows", "chat", "completion", "documents", "log"] = Field(
        "auto",
        description="What the rows are: `rows` or columns of a table, `chat` or `completion` examples, a "
        "folder of `documents`, the `log`. `auto` looks and says why.",
    )
    columns: ColumnsSection = ColumnsSection()
    calls: CallsSection = CallsSection()
    labels: str = Field(
        "", description="Table with the labels of a folder of documents, relative to that folder."
    )
    encoding: str = Field("", description="Encoding of tables and documents that are not UTF-8, e.g. cp1252.")
    conversations: Literal["drop", "last", "render"] = Field(
        "drop", description="Requests with earlier turns: left out, taken for the last turn, or written out."
    )
    teacher: str = Field(
        "",
        description="The provider/model whose answers the labels of a file are, when no person checked them.",
    )
    validation: float = Field(0.1, gt=0, lt=1, description="Share carved from train when not given (ratio).")
    calibration: float = Field(0.1, gt=0, lt=1, description="Share carved from train when not given (ratio).")
    test: float = Field(0.2, gt=0, lt=1, description="Share carved from train when not given (ratio).")
    group_by: Literal["auto", "group", "template", "input"] = Field(
        "auto",
        description="What stays in one split: the rows of a `group`, those whose text is the same without "
        "its values, or equal inputs; auto takes groups when whole ones come near the shares.",
    )
    order: Literal["random", "time"] = Field(
        "random", description="Draw the splits, or let the newest units be test, the next calibration."
    )
    fixes: str = Field("dataset-fixes.toml", description="File with the decisions about the checks' fixes.")
    reviews: str = Field("dataset-reviews.jsonl", description="File with the reviewers' decisions.")
    synthetic: str = Field(
        "synthetic.jsonl", description="File of `insource dataset synthesize`; its rows join at every build."
    )
    policy: str = Field("teachers.toml", description="File that says whose answers may be trained on.")
    on_bad_rows: Literal["error", "drop"] = Field(
        "error", description="Stop at rows that cannot be used, or drop them with their reason."
    )

    @model_validator(mode="after")
    def _leaves_rows_to_train_on(self) -> Self:
        if self.validation + self.calibration + self.test >= 1:
            raise ValueError("validation, calibration and test have to leave a share to train on")
        return self


class ReferenceSection(Frozen):
    model: str = Field(
        "",
        description="The cloud model to ask, as provider/model. Empty: only the rows' own `cloud_outputs`.",
    )
    base_url: str = Field("https://api.openai.com/v1", description="Base URL of an OpenAI-compatible API.")
    api_key_env: str = Field(
        "OPENAI_API_KEY", description="Name of the environment variable with the provider's key."
    )
    cost_per_1000_usd: float | None = Field(
        None, ge=0, description="Cost of 1,000 documents in the cloud, when known (US dollars)."
    )
    cost_source: str = Field("", description="Where that cost comes from; shown beside it.")


class TrainingSection(Frozen):
    model: str = Field("smollm2-135m-instruct", description="Base model: a catalogue name or gguf/PATH.")
    epochs: float | None = Field(
        None, gt=0, description="Passes over the training split; planned when empty."
    )
    learning_rate: float | None = Field(None, gt=0, description="Peak learning rate; planned when empty.")
    batch_size: int | None = Field(None, gt=0, description="Rows a step; planned when empty.")
    rank: int | None = Field(None, gt=0, description="Rank of the LoRA adapters; planned when empty.")
    max_tokens: int = Field(2048, gt=0, description="Longest row allowed; longer ones stop the run (tokens).")
    validation_documents: int = Field(
        32, gt=0, description="At most this many validation documents a look (documents)."
    )


class EvaluationSection(Frozen):
    test_documents: int | None = Field(
        None, gt=0, description="At most this many test documents for the tuned model; all when empty."
    )
    base_documents: int = Field(
        40, gt=0, description="Test documents for the untuned models, a subset of the above (documents)."
    )
    calibration_documents: int | None = Field(
        None, gt=0, description="At most this many calibration documents; all when empty."
    )
    parity_prompts: int = Field(6, gt=0, description="Validation prompts of the parity gate (documents).")
    max_new_tokens: int | None = Field(
        None, gt=0, description="Longest answer allowed; 1.5 times the longest training answer when empty."
    )


class ServingSection(Frozen):
    threads: int | None = Field(
        None, gt=0, description="Threads of the engine; the cores this process may use when empty."
    )
    context_tokens: int = Field(2048, gt=0, description="Context of one request, prompt and answer (tokens).")
    port: int = Field(0, ge=0, le=65535, description="Port of `insource serve`; 0 takes a free one.")


class RoutingSection(Frozen):
    max_error: float = Field(
        0.1, gt=0, lt=1, description="Largest share of wrong documents among those served locally (ratio)."
    )
    delta: float = Field(0.05, gt=0, lt=1, description="Chance the bound may fail to hold (ratio).")
    on_infeasible: Literal["cloud", "median"] = Field(
        "cloud",
        description="When the data cannot support the bound: ask the cloud always, or work at the median "
        "confidence without any guarantee.",
    )


class GatewayTask(Frozen):
    """``[gateway.tasks.<name>]``: what holds for the calls tagged with that name."""

    privacy: Literal["cloud-allowed", "local-only"] = Field(
        "cloud-allowed", description="Whether its calls may leave the machine."
    )


class GatewaySection(Frozen):
    host: str = Field("127.0.0.1", description="Address to listen on; this machine only by default.")
    port: int = Field(8790, ge=0, le=65535, description="Port of `insource gateway`; 0 takes a free one.")
    max_body_mb: float = Field(
        64, gt=0, description="Largest call; it is held in memory and beyond this refused (MB)."
    )
    max_upload_mb: float = Field(512, gt=0, description="Largest file passed on, never held (MB).")
    stream_usage: Literal["estimate", "inject"] = Field(
        "estimate",
        description="Token counts of a stream whose caller did not ask for them: estimate and mark them, "
        "or ask the provider for them and keep its extra chunk from the caller.",
    )
    on_log_failure: Literal["pass", "refuse"] = Field(
        "pass", description="When a call cannot be logged: serve it and count the loss, or refuse it."
    )
    require_key: bool = Field(
        False, description="Refuse calls without a virtual key; beyond loopback that is always so."
    )
    tasks: dict[str, GatewayTask] = Field(
        {}, description='`[gateway.tasks.<name>]` with `privacy = "local-only"` or `"cloud-allowed"`.'
    )
    untagged: Literal["refuse", "allow"] = Field(
        "refuse",
        description="Where a task is local-only: what becomes of calls that name none of the listed tasks.",
    )


class UpstreamSection(Frozen):
    kind: Literal["openai", "anthropic", "azure", "gemini"] | None = Field(
        None, description="The API it speaks; its name when that is one of these, else openai."
    )
    base_url: str = Field(
        "", description="What the provider's own clients are given; the provider's public one when empty."
    )
    api_key_env: str = Field(
        "",
        description="Name of the environment variable with the key that callers with a virtual key use.",
    )
    timeout_s: float = Field(600, gt=0, description="Longest silence before an answer is given up (seconds).")
    connect_timeout_s: float = Field(10, gt=0, description="Longest wait for a connection (seconds).")
    retries: int = Field(
        0, ge=0, le=5, description="Repetitions of what is safe to repeat, before a byte of the answer."
    )


class LogSection(Frozen):
    redact: tuple[Literal["secrets", "personal"], ...] = Field(
        ("secrets",), description="Built-in rules applied before anything is written."
    )
    patterns: tuple[str, ...] = Field(
        (), description="Regular expressions of your own (RE2) to take out as well; `name=regex` names one."
    )
    presidio: bool = Field(False, description="Let Presidio look for personal data too (extra `presidio`).")
    metadata_only: tuple[str, ...] = Field(
        (),
        description="Tasks whose requests and answers are not kept, only counts, cost and times; `*` is all.",
    )
    retention_days: float | None = Field(
        None, gt=0, description="Calls older than this are purged by themselves (days); kept when empty."
    )
    retention_gb: float | None = Field(
        None, gt=0, description="The oldest calls go when the store is larger than this (GB)."
    )


class OwnPrice(Frozen):
    """A model's prices in US dollars per million tokens; what is not given costs as input or output do.

    ``batch`` is the share of all that a call in a batch costs.
    """

    input: Decimal = Field(ge=0)
    output: Decimal = Field(ge=0)
    cached: Decimal | None = Field(None, ge=0)
    cache_write: Decimal | None = Field(None, ge=0)
    audio_input: Decimal | None = Field(None, ge=0)
    audio_output: Decimal | None = Field(None, ge=0)
    batch: Decimal = Field(Decimal(1), ge=0, le=1)


class PricesSection(Frozen):
    models: dict[str, OwnPrice] = Field(
        {},
        description="Your own prices by model, before the table's: `input`, `output`, and if they differ"
        " `cached`, `cache_write`, `audio_input`, `audio_output` (US dollars per million tokens), `batch`"
        " (ratio).",
    )


class DecisionSection(Frozen):
    documents_per_month: float = Field(50_000, gt=0, description="Volume of the task (documents a month).")
    hardware_usd: float = Field(0, ge=0, description="Hardware to buy (US dollars); 0 for a machine at hand.")
    hardware_months: float = Field(36, gt=0, description="Months the hardware is written off over.")
    power_watts: float = Field(90, ge=0, description="Power drawn while working (watts).")
    kwh_usd: float = Field(0.25, ge=0, description="Price of electricity (US dollars a kWh).")
    engineering_usd_per_month: float = Field(
        400, ge=0, description="Running work: watching, retraining (US dollars a month)."
    )


class Config(Frozen):
    """The whole of ``insource.toml``. A stage receives its own section, never this."""

    project: ProjectSection = ProjectSection()
    task: TaskSection = TaskSection()
    dataset: DatasetSection = DatasetSection()
    reference: ReferenceSection = ReferenceSection()
    training: TrainingSection = TrainingSection()
    evaluation: EvaluationSection = EvaluationSection()
    serving: ServingSection = ServingSection()
    routing: RoutingSection = RoutingSection()
    gateway: GatewaySection = GatewaySection()
    upstreams: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")], UpstreamSection] = {}
    log: LogSection = LogSection()
    prices: PricesSection = PricesSection()
    decision: DecisionSection = DecisionSection()
