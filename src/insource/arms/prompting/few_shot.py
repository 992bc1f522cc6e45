"""Choose training rows to show as examples, and refuse rows that no prompt may show."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np

from insource.evaluation.sample import sample
from insource.foundation.errors import IntegrityError
from insource.models.embeddings.minilm import MODULES, TOKENIZER, WEIGHTS
from insource.models.prompting.index import CharacterIndex, Embed, EmbeddingIndex, sentence_embeddings
from insource.models.prompting.lookup import Examples
from insource.models.prompting.prompt import Shot
from insource.similarity.normal_text import normalised
from insource.types import Dataset, Example, Labels, Task

# Similarities of all rows with all rows: 2,000 rows are 32 MB.
MOST_COMPARED = 2000
SHOWN_LIMIT = 3
# A shorter text may stand in any document.
WHOLE_DOCUMENT = 30


def shots_of(rows: Sequence[Example]) -> tuple[Shot, ...]:
    """Return rows as examples. A row with its own schema is none: its answer has another form."""
    return tuple(
        Shot(
            row_id=row.row_id, input=row.input, target=row.target, attributes=row.attributes, group=row.group
        )
        for row in rows
        if row.contract is None
    )


def fixed_examples(rows: Sequence[Example], task: Task, count: int) -> Examples:
    """Choose ``count`` examples that stand for all rows, the same ones for every document.

    Greedy facility location: each step takes the row that most raises the mean similarity of all rows to
    their nearest example. Only rows up to the median length are taken, because they share the context with
    the document; labels are not shown twice while others are missing. The order of the rows is irrelevant.

    Source: Lin and Bilmes (2011), "A Class of Submodular Functions for Document Summarization".
    """
    shots = sorted(shots_of(sample(rows, MOST_COMPARED)), key=lambda shot: shot.row_id)
    if not shots:
        return Examples(())
    similar = CharacterIndex.of([shot.input for shot in shots]).between()
    lengths = [len(shot.input) + len(shot.target) for shot in shots]
    short = [at for at, length in enumerate(lengths) if length <= np.median(lengths)]
    covered = np.zeros(len(shots))
    chosen: list[int] = []
    while len(chosen) < min(count, len(short)):
        open_ = [at for at in short if at not in chosen]
        if isinstance(task.output, Labels):
            seen = {shots[at].target for at in chosen}
            open_ = [at for at in open_ if shots[at].target not in seen] or open_
        best = max(open_, key=lambda at: float(np.maximum(covered, similar[at]).sum()))
        covered = np.maximum(covered, similar[best])
        chosen.append(best)
    return Examples([shots[at] for at in chosen])


def retrieved_examples(rows: Sequence[Example], embed: Embed | None) -> Examples:
    """Index all rows, to show the most similar ones to each document; by characters without ``embed``."""
    shots = shots_of(rows)
    texts = [shot.input for shot in shots]
    if not texts:
        return Examples(())
    return Examples(shots, EmbeddingIndex.of(texts, embed) if embed else CharacterIndex.of(texts))


def embeddings_at_hand() -> Embed | None:
    """Return the sentence embeddings of the extra ``embeddings``.

    None without the extra, and where its files were not fetched: the arms that are fitted to labels do.
    """
    installed = all(find_spec(module) for module in MODULES)
    fetched = WEIGHTS.cached.exists() and TOKENIZER.cached.exists()
    return sentence_embeddings if installed and fetched else None


def require_no_test_rows(shots: Sequence[Shot], dataset: Dataset) -> None:
    """Check that no prompt can show what the test split asks about.

    Raises:
        IntegrityError: ``index-holds-test`` when an example is a row of the test split, has the text of one,
            or is of a group that only the test split has.
    """
    test = dataset.splits["test"]
    ids = {example.row_id for example in test}
    texts = {normalised(example.input) for example in test}
    elsewhere = {
        example.group for split, rows in dataset.splits.items() if split != "test" for example in rows
    }
    groups = {example.group for example in test} - elsewhere - {None}
    held = [
        shot.row_id
        for shot in shots
        if shot.row_id in ids or shot.group in groups or normalised(shot.input) in texts
    ]
    if held:
        raise holds_test(f"{len(held)} of {len(shots)} examples", held)


def require_no_test_documents(texts: dict[str, str], dataset: Dataset) -> None:
    """Check that no file of a folder of knowledge holds a document of the test split.

    ``texts`` are the files' texts by name.

    Raises:
        IntegrityError: ``index-holds-test``.
    """
    inputs = [normalised(example.input) for example in dataset.splits["test"]]
    asked = [text for text in inputs if len(text) >= WHOLE_DOCUMENT]
    even = {name: normalised(text) for name, text in texts.items()}
    held = [name for name, text in even.items() if any(one in text for one in asked)]
    if held:
        raise holds_test(f"{len(held)} of {len(texts)} files in the folder of knowledge", held)


def holds_test(what: str, held: Sequence[str]) -> IntegrityError:
    """Return the error ``index-holds-test``."""
    more = f" and {len(held) - SHOWN_LIMIT} more" if len(held) > SHOWN_LIMIT else ""
    return IntegrityError(
        "index-holds-test",
        f"{what} are of the test split or of a group that only it has, so answers would be copied.",
        details=(", ".join(held[:SHOWN_LIMIT]) + more,),
        hint="Take them out, or build the dataset again: insource dataset build",
    )
