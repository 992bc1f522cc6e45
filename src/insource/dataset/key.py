"""Compute the key of a build from everything that the dataset depends on."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Mapping
from typing import Any

from insource.config.dataset import DatasetSection
from insource.dataset.settings import BuildSettings
from insource.foundation.canonical import digest
from insource.runs.folders import StageSpec

STAGE, VERSION = "dataset", 4
LIBRARIES = (
    "insource",
    "charset-normalizer",
    "google-re2",
    "inscriptis",
    "jsonschema-rs",
    "llguidance",
    "lxml",
    "msgspec",
    "numpy",
    "pint",
    "py3langid",
    "pyarrow",
    "pydantic",
    "pypdf",
    "python-docx",
    "referencing",
    "rensa",
    "scikit-learn",
    "scipy",
)
TOKENIZERS = ("tokenizers", "transformers")


def build_spec(
    settings: BuildSettings,
    section: DatasetSection,
    *,
    inputs: Mapping[str, str],
    checks: Mapping[str, Any],
) -> StageSpec:
    """Return what identifies a build; two builds with the same key give the same dataset.

    In the key:

    - ``settings``, whole: the name, the contract, the shares and the order of the splits, the seed, the needs
      (``margin``, ``max_error``, ``delta``), what absent fields mean, fixes, reviews, the policy on teachers;
    - ``section``, whole: which rows are read, and how;
    - ``inputs``, as digests: ``source`` (every file of the source), ``schemas`` (the schemas that rows name),
      ``synthetic`` (the synthetic rows), ``fresh`` (the rows of live traffic, if there are any), ``splits``
      (the stored assignments), ``log`` (the calls and the feedback that rows or answers come from);
    - ``checks``: the instruction, which answers of the log are answers to; and what accepted fixes know
      beside the rows: the key of pseudonyms, the limit and the tokenizer of training;
    - ``VERSION``, the version of Insource, of the Python whose Unicode tables are used, and of the libraries
      that read, compare or write rows.

    ``splits`` is the state after the build: a build on stored splits gives the same bytes as the one that
    stored them, so the second build of the same rows is the first one's.

    Not in the key: everything that only training, evaluation, routing, serving or the report use.
    """
    return StageSpec(
        stage=STAGE,
        version=VERSION,
        # As text: a key sorts its values, and the order of a schema's properties is that of the output. As a
        # digest: what is kept with the key holds no reviewer's word about a document.
        inputs={**inputs, "settings": digest(settings.model_dump_json())},
        config={
            "dataset": section.model_dump(mode="json"),
            "checks": dict(checks),
            "python": f"{sys.version_info.major}.{sys.version_info.minor}",
            "unicode": unicodedata.unidata_version,
        },
        seed=settings.seed,
        libraries=LIBRARIES + (TOKENIZERS if "over-length" in settings.accepted else ()),
    )
