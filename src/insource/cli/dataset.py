"""``insource dataset``: from rows in a source to four splits that can be trusted."""

from __future__ import annotations

import click

from insource.cli.verbs import VerbGroup

# Verb → (module, one line).
DATASET_VERBS: dict[str, tuple[str, str]] = {
    "schema": ("dataset_schema", "What the answers look like, field by field, and why"),
    "check": ("dataset_check", "What is wrong with the rows, and what could be done about it"),
    "fix": ("dataset_fix", "Accept or decline the fixes that a check proposes"),
    "review": ("dataset_review", "Decide row by row whether the answers are right"),
    "build": ("dataset_build", "Apply the accepted fixes, split, and write the dataset"),
    "synthesize": ("dataset_synthesize", "More training rows, from real ones or by a teacher"),
    "policy": ("dataset_policy", "Whose answers may be trained on"),
    "diff": ("dataset_diff", "What changed from one dataset to another"),
    "export": ("dataset_export", "OpenAI chat, prompt and completion, or a Hugging Face folder"),
}


@click.group("dataset", cls=VerbGroup, verbs=DATASET_VERBS, short_help="Check and build the dataset")
def command() -> None:
    """The dataset: rows, checks, fixes, splits."""
