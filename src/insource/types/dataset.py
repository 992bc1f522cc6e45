"""Examples, what was dropped and why, and the dataset they make up."""

from __future__ import annotations

from typing import Any, Literal

from insource.types.base import Frozen
from insource.types.task import OutputSpec

Split = Literal["train", "validation", "calibration", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "calibration", "test")


class Provenance(Frozen):
    """Where an example comes from. ``label`` is who vouches for the target."""

    source: str
    line: int | None = None
    label: Literal["checked", "teacher"] = "checked"


class LoggedAnswer(Frozen):
    """What a cloud model answered to a document, and how long it took when that was measured."""

    text: str
    latency_s: float | None = None


class Example(Frozen):
    """One document with its target.

    ``target`` is the canonical answer: compact JSON in schema order, or a label. ``attributes`` are
    the fields asked for when a document asks for only some; ``contract`` is the document's own JSON
    Schema when it has one. ``cloud_outputs`` holds logged answers, byte for byte, by model.
    """

    row_id: str
    digest: str
    input: str
    target: str
    attributes: tuple[str, ...] | None = None
    contract: dict[str, Any] | None = None
    group: str | None = None
    time: str | None = None
    cloud_outputs: dict[str, str] = {}
    cloud_latency_s: dict[str, float] = {}
    provenance: Provenance


class Dropped(Frozen):
    """A row that did not become an example. ``reason`` is a slug, ``detail`` says it in words."""

    row_id: str
    line: int | None
    reason: str
    detail: str


class DatasetManifest(Frozen):
    """The identity of a dataset: ``read = sum(counts) + sum(dropped)`` holds, and a test says so.

    ``groups_in_train`` are the groups with training rows, from which seen and unseen groups of the
    test split follow. ``template_overlap`` counts groups that straddle train and test, which given
    splits may do on purpose.
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
    groups_in_train: tuple[str, ...] = ()
    template_overlap: int = 0
    cloud_models: tuple[str, ...] = ()
    simulated_models: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Dataset(Frozen):
    """Four disjoint splits, the drops, and the manifest that names them."""

    splits: dict[Split, tuple[Example, ...]]
    dropped: tuple[Dropped, ...]
    manifest: DatasetManifest
