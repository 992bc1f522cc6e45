"""Examples, dropped rows with their reasons, and the dataset that holds both."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from insource.types.base import Frozen
from insource.types.finding import FunnelStep
from insource.types.message import FinishReason
from insource.types.separation import Overlap, Shortfall
from insource.types.task import OutputSpec

Split = Literal["train", "validation", "calibration", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "calibration", "test")


TOKEN_LIMIT = "token_limit"
"""The finish reason of an answer that used all tokens its request allowed, whatever the provider reported."""


ENDED_BADLY: dict[FinishReason, str] = {
    "length": "cut: the answer reached its length limit",
    "content_filter": "refusal: the model or a filter of the provider declined",
    "error": "error: the answer ended with an error",
}
"""How an answer that ended for this reason failed, though a part of it may have come."""


class Provenance(Frozen):
    """Where an example comes from.

    ``label`` says who stands behind the target: people (``checked``) or a model (``teacher``). A teacher's
    answer that a person corrected is ``checked`` and ``human_edited``. ``provider``, ``model``, ``date`` (ISO
    8601) and ``terms`` (the snapshot in the policy file) describe the teacher. ``prompt_version`` and
    ``finish_reason`` (possibly ``TOKEN_LIMIT``) describe the logged call. ``synthetic`` names how `insource
    dataset synthesize` made the row (``edit``, ``recombine``, ``paraphrase``, ``label``) and is empty for a
    row of the source. ``parents`` are the ids of the rows it was made from; ``co_teachers``
    (``provider/model``) are their teachers other than the one named here.
    """

    source: str
    line: int | None = None
    label: Literal["checked", "teacher"] = "checked"
    human_edited: bool = False
    provider: str = ""
    model: str = ""
    date: str = ""
    terms: str = ""
    prompt_version: str = ""
    finish_reason: str = ""
    synthetic: str = ""
    parents: tuple[str, ...] = ()
    co_teachers: tuple[str, ...] = ()

    @property
    def from_teacher(self) -> bool:
        """Whether the label or the input contains a model's words that nobody edited."""
        return self.label == "teacher" or bool(self.synthetic == "paraphrase" and self.model)


class CloudCall(Frozen):
    """How a cloud model was asked about one document, as far as it is recorded.

    ``prompt`` is everything the model was sent except the document: instruction, schema, examples. ``time``
    is ISO 8601. ``repeats`` holds its further answers to the same request.
    """

    prompt: str = ""
    prompt_version: str = ""
    temperature: float | None = None
    time: str = ""
    finish_reason: str = ""
    repeats: tuple[str, ...] = ()


class LoggedAnswer(Frozen):
    """A cloud model's answer to a document, with its latency in seconds if it was measured.

    ``failure`` says why there is no usable answer (an error, a refusal, a cut, a time-out), else it is empty.
    """

    text: str
    latency_s: float | None = None
    call: CloudCall | None = None
    failure: str = ""


class Example(Frozen):
    """One document with its target.

    ``target`` is the canonical answer: compact JSON in schema order, or a label. ``attributes`` are the
    requested fields when a document asks for only some; ``contract`` is the document's own JSON Schema, if it
    has one. ``cloud_outputs`` holds the logged answer of each model, unchanged except for accepted fixes that
    changed the target too. ``acceptable`` has further right values by path, null included; the path of a
    label or text is empty. ``facts`` are what a text answer has to contain: ``value`` (or ``any_of`` several)
    and the options of ``x-insource`` by which it is found. ``cloud_calls`` says how
    a model was asked, where that is recorded, ``cloud_failures`` why it has no usable answer, which counts as
    wrong. ``reasoning`` is trained before the target, where the schema declares it, and is never scored.

    Examples:
        >>> from insource import Example
        >>> example = Example(
        ...     row_id="row-1",
        ...     digest="sha256:0",
        ...     input="Rated voltage: 480 V",
        ...     target='{"voltage":"480 V"}',
        ...     provenance={"source": "rows.jsonl", "line": 1},
        ... )
        >>> example.provenance.label
        'checked'
    """

    row_id: str
    digest: str
    input: str
    target: str
    attributes: tuple[str, ...] | None = None
    contract: dict[str, Any] | None = None
    group: str | None = None
    time: str | None = None
    cloud_outputs: dict[str, str] = Field(default_factory=dict)
    cloud_latency_s: dict[str, float] = Field(default_factory=dict)
    # Left out where empty, so that a dataset without them keeps its bytes, and with them its digest.
    acceptable: dict[str, tuple[Any, ...]] = Field(default_factory=dict, exclude_if=lambda held: not held)
    facts: tuple[dict[str, Any], ...] = Field((), exclude_if=lambda held: not held)
    # Not written when there is none: datasets without it keep their bytes, and so their digests.
    cloud_calls: dict[str, CloudCall] = Field(default_factory=dict, exclude_if=lambda calls: not calls)
    cloud_failures: dict[str, str] = Field(default_factory=dict, exclude_if=lambda held: not held)
    reasoning: str = Field("", exclude_if=lambda held: not held)
    provenance: Provenance


class Dropped(Frozen):
    """A row that did not become an example. ``reason`` is a slug; ``detail`` explains it in words."""

    row_id: str
    line: int | None
    reason: str
    detail: str


class DatasetManifest(Frozen):
    """The identity of a dataset. ``read = sum(counts) + sum(dropped)`` always holds.

    ``groups`` counts the groups of each split, ``labels`` the examples by the source of their target, and
    ``cloud_rows`` the examples with an answer or failure of each model. ``groups_in_train`` lists the groups
    with training rows; it divides the test split into seen and unseen groups. ``template_overlap`` counts the
    groups in both train and test, which given splits may intend. ``overlaps`` lists what the splits share or
    shared, ``shortfalls`` the splits that are too small, and ``label_counts`` the examples of each label by
    split when answers are labels. ``test_digest`` is the digest of the test split; looks are counted under
    it.
    """

    schema_version: int = 1
    name: str
    digest: str
    source: str
    read: int
    counts: dict[Split, int]
    dropped: dict[str, int]
    output: OutputSpec
    split_reason: str
    funnel: tuple[FunnelStep, ...] = ()
    groups: dict[Split, int] = {}
    labels: dict[str, int] = {}
    cloud_rows: dict[str, int] = {}
    groups_in_train: tuple[str, ...] = ()
    template_overlap: int = 0
    overlaps: tuple[Overlap, ...] = ()
    shortfalls: tuple[Shortfall, ...] = ()
    label_counts: dict[str, dict[Split, int]] = {}
    test_digest: str = ""
    cloud_models: tuple[str, ...] = ()
    simulated_models: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Dataset(Frozen):
    r"""Four disjoint splits, the drops, and the manifest that names them.

    Examples:
        >>> import json
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from insource import Dataset, build_dataset
        >>> rows = [{"input": f"Voltage: {n} V", "output": {"voltage": f"{n} V"}} for n in range(100, 140)]
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder, "rows.jsonl")
        ...     _ = path.write_text("\n".join(map(json.dumps, rows)))
        ...     dataset: Dataset = build_dataset(path, name="specs")
        >>> list(dataset.splits)
        ['train', 'validation', 'calibration', 'test']
        >>> sum(map(len, dataset.splits.values())) + len(dataset.dropped) == dataset.manifest.read
        True
    """

    splits: dict[Split, tuple[Example, ...]]
    dropped: tuple[Dropped, ...]
    manifest: DatasetManifest
