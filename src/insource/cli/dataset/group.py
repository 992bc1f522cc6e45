"""``insource dataset``: check the rows of a source and build the dataset."""

from __future__ import annotations

import click

from insource.cli.lazy_group import LazyGroup, Verbs

# Command → (module, one line of help).
DATASET_VERBS: Verbs = {
    "schema": ("dataset.schema", "Infer the output schema from the answers"),
    "check": ("dataset.check", "Find defects in the rows and propose fixes"),
    "fix": ("dataset.fix", "Accept or decline the proposed fixes"),
    "review": ("dataset.review", "Review and correct the answers row by row"),
    "build": ("dataset.build", "Apply the accepted fixes, split the rows, write the dataset"),
    "synthesize": ("dataset.synthesize", "Make more training rows, from real rows or with a teacher model"),
    "policy": ("dataset.policy", "Set which models' answers may be used for training"),
    "diff": ("dataset.diff", "Compare two datasets"),
    "export": ("dataset.export", "Write a dataset for OpenAI, TRL or Hugging Face"),
}


@click.group(
    "dataset", cls=LazyGroup, headings={"Commands": DATASET_VERBS}, short_help="Check and build the dataset"
)
def command() -> None:
    """Check, fix, review, split and export the rows."""
