"""``insource dataset``: from rows in a source to four splits that can be trusted."""

from __future__ import annotations

import click

from insource.cli.lazy_group import LazyGroup, Verbs

# Verb → (module, one line).
DATASET_VERBS: Verbs = {
    "schema": ("dataset.schema", "What the answers look like, field by field, and why"),
    "check": ("dataset.check", "What is wrong with the rows, and what could be done about it"),
    "fix": ("dataset.fix", "Accept or decline the fixes that a check proposes"),
    "review": ("dataset.review", "Decide row by row whether the answers are right"),
    "build": ("dataset.build", "Apply the accepted fixes, split, and write the dataset"),
    "synthesize": ("dataset.synthesize", "More training rows, from real ones or by a teacher"),
    "policy": ("dataset.policy", "Whose answers may be trained on"),
    "diff": ("dataset.diff", "What changed from one dataset to another"),
    "export": ("dataset.export", "OpenAI chat, prompt and completion, or a Hugging Face folder"),
}


@click.group(
    "dataset", cls=LazyGroup, headings={"Commands": DATASET_VERBS}, short_help="Check and build the dataset"
)
def command() -> None:
    """The dataset: rows, checks, fixes, splits."""
