"""Passages of the user's own reference documents in the prompt, for facts that the input does not state."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from insource.arms.factory import ArmFactory, ArmInputs, ArmNeeds
from insource.arms.local import Local
from insource.arms.prompting.few_shot import embeddings_at_hand, require_no_test_documents
from insource.arms.prompting.plans import Chosen, Making, local_of, prompt_of, prompted_plan, verify
from insource.arms.prompting.rungs import UNCHOSEN, named
from insource.dataset.rows.records import BadRow
from insource.dataset.sources.text_extraction import EXTRACTORS, text_of_document
from insource.evaluation.plan import ArmPlan
from insource.foundation.canonical import digest
from insource.foundation.errors import DataError, PrerequisiteError, UserError
from insource.models.prompting.index import CharacterIndex, EmbeddingIndex, TextIndex
from insource.models.prompting.lookup import Knowledge
from insource.models.prompting.model import Prompting
from insource.models.prompting.prompt import Passage
from insource.types import Arm

KIND = "rag"
PASSAGES = 3
PASSAGE_CHARACTERS = 600
SHOWN_FILES = 3


class Read(NamedTuple):
    """The texts of a folder by file, and the files without one, each with its reason."""

    texts: dict[str, str]
    unread: dict[str, str]


def plans(inputs: ArmInputs) -> tuple[ArmPlan, ...]:
    """Return the plan of each base model, on the few documents; raises as ``read_knowledge``."""
    read = read_knowledge(inputs)
    return tuple(
        _plan(inputs, local_of(inputs, model), read) for model in inputs.settings.prompted_models or ("",)
    )


def read_knowledge(inputs: ArmInputs) -> Read:
    """Read the configured folder.

    Raises:
        UserError: ``knowledge-not-found``.
        DataError: ``knowledge-empty``.
        IntegrityError: ``index-holds-test`` when a file holds a document of the test split.
    """
    read = read_folder(Path(inputs.settings.knowledge))
    require_no_test_documents(read.texts, inputs.dataset)
    return read


def verify_all(inputs: ArmInputs) -> None:
    """Check models and folder before anything is trained; raises as ``verify`` and ``read_knowledge``."""
    verify(inputs)
    read_knowledge(inputs)


def read_folder(folder: Path) -> Read:
    """Extract the text of every document in a folder and its sub-folders, in the order of their names.

    Raises:
        UserError: ``knowledge-not-found`` when it is no folder.
        DataError: ``knowledge-empty`` when no file in it has a text.
    """
    if not folder.is_dir():
        raise UserError(
            "knowledge-not-found",
            f"There is no folder {folder} (`evaluation.knowledge`).",
            hint="Write the folder of your reference documents there, or remove the key.",
        )
    texts: dict[str, str] = {}
    unread: dict[str, str] = {}
    for path in sorted(one for one in folder.rglob("*") if one.is_file() and not one.name.startswith(".")):
        name = path.relative_to(folder).as_posix()
        if path.suffix.lower() not in EXTRACTORS:
            unread[name] = f"files of the kind `{path.suffix}` are not read"
            continue
        try:
            texts[name] = text_of_document(path).text
        except BadRow as error:
            unread[name] = f"{error.reason}: {error.detail}"
        except PrerequisiteError as error:
            unread[name] = error.message
    if not texts:
        raise DataError(
            "knowledge-empty",
            f"No file in {folder} has a text that can be read.",
            details=tuple(f"{name}: {reason}" for name, reason in list(unread.items())[:SHOWN_FILES]),
            hint=f"Put documents there ({', '.join(sorted(EXTRACTORS))}), or remove `evaluation.knowledge`.",
        )
    return Read(texts, unread)


def passages_of(source: str, text: str, size: int = PASSAGE_CHARACTERS) -> list[Passage]:
    """Cut a text into passages of about ``size`` characters, at blank lines where there are some.

    A longer paragraph is cut after a sentence or between words. Nothing is left out but white space.
    """
    pieces = [piece for part in re.split(r"\n\s*\n", text) for piece in _pieces(part.strip(), size)]
    passages: list[str] = []
    for piece in pieces:
        if passages and len(passages[-1]) + len(piece) + 2 <= size:
            passages[-1] += f"\n\n{piece}"
        else:
            passages.append(piece)
    return [Passage(source=source, text=passage) for passage in passages]


def _pieces(text: str, size: int) -> list[str]:
    pieces = []
    while len(text) > size:
        head = text[:size]
        ends = [match.end() for match in re.finditer(r"[.!?]\s|\n", head)]
        at = ends[-1] if ends else head.rfind(" ") + 1 or size
        pieces.append(text[:at].strip())
        text = text[at:].strip()
    return [piece for piece in (*pieces, text) if piece]


def _plan(inputs: ArmInputs, local: Local, read: Read) -> ArmPlan:
    arm = Arm(
        name=named("RAG", inputs, local, constrained=True),
        model=local.base.name,
        kind=KIND,
        role="candidate",
        local=True,
        constrained=True,
        description="untuned, with the most similar passages of the reference documents in its prompt",
    )

    embed = embeddings_at_hand()

    def work(folder: Path) -> Chosen:
        passages = [one for name, text in read.texts.items() for one in passages_of(name, text)]
        texts = [one.text for one in passages]
        indices: list[TextIndex] = [CharacterIndex.of(texts)]
        if embed is not None:
            indices.append(EmbeddingIndex.of(texts, embed))
        knowledge = Knowledge(tuple(passages), tuple(indices))
        prompt = prompt_of(local, constrained=True).model_copy(update={"passages": PASSAGES})
        settings = {
            "instruction": local.task.instruction,
            "passages": f"the {PASSAGES} most similar of {len(passages):,}, from {len(read.texts):,} files",
        }
        effort = UNCHOSEN.model_copy(update={"settings": settings})
        return Chosen(Prompting(prompt, knowledge=knowledge), effort, _unread_note(read))

    settings = {"passages": PASSAGES, "characters": PASSAGE_CHARACTERS, "embeddings": embed is not None}
    return prompted_plan(inputs, Making(arm, local, settings, work, {"knowledge": digest(read._asdict())}))


def _unread_note(read: Read) -> str:
    if not read.unread:
        return ""
    first = "; ".join(f"{name} ({reason})" for name, reason in list(read.unread.items())[:SHOWN_FILES])
    return f"{len(read.unread)} of {len(read.texts) + len(read.unread)} files have no text: {first}"


def _configured(inputs: ArmInputs) -> str:
    return (
        ""
        if inputs.settings.knowledge
        else "no folder of reference documents is configured (`evaluation.knowledge`)"
    )


FACTORY = ArmFactory(
    KIND,
    "candidate",
    plans,
    ArmNeeds(extra="serve", module="xllamacpp", configured=_configured),
    verify=verify_all,
)
