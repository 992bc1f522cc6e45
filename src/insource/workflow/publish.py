"""Write the tuned model's formats into one folder, each after its parity gate."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from insource.arms.local import Local
from insource.evaluation.run import Scorer
from insource.evaluation.sample import sample
from insource.evaluation.scorers import build_scorer, training_forms
from insource.export.adapter_gguf import ADAPTER_FILE, read_base
from insource.export.agreement import Measure
from insource.export.card import public_name
from insource.export.merged.steps import FILE_TYPES, MERGED_FOLDER, Steps, gguf_name, parity_of
from insource.export.stage import TOKENIZER_FILE, card_of, modelfile_of, served_file
from insource.export.stage import parity as served_parity
from insource.foundation.canonical import digest, file_digest
from insource.foundation.errors import IntegrityError, UserError
from insource.foundation.files import is_alive, sync, sync_folder, write_json, write_synced
from insource.models.chat_format import chat_format_of, write_beside
from insource.models.llamacpp import LlamaCppModel
from insource.routing.compact import form_of, with_keys
from insource.runs.folders import Run
from insource.types import Completion, Dataset, Estimate, Example, Score, Task
from insource.types.export import ExportedFile
from insource.workflow.export import Made
from insource.workflow.session import Session

FORMATS = ("adapter", "merged", *FILE_TYPES)
PROMPTS = 50
MANIFEST = "export.json"


class Published(NamedTuple):
    """A finished folder and what is in it."""

    folder: Path
    files: tuple[ExportedFile, ...]
    no_modelfile: str


def steps_of(session: Session, dataset: Dataset, task: Task, made: Made, prompts: int = PROMPTS) -> Steps:
    """Return the steps from the trained model to its formats, checked on validation documents."""
    examples = sample(dataset.splits["validation"], prompts)

    @contextmanager
    def serve(file: Path) -> Iterator[LlamaCppModel]:
        with made.local.here().of(file).serve("parity", 0) as served:
            assert isinstance(served.model, LlamaCppModel), "the embedded engine is asked through this client"
            yield served.model

    return Steps(
        runs=session.project.runs,
        base=made.local.base,
        task=task,
        trained=made.trained,
        served=served_file(made.exported),
        serve=serve,
        measure=Measure(examples, _scorer(dataset, task, made.local), task),
        max_tokens=made.local.max_new_tokens,
        progress=lambda step: session.begin("export", f"{step}, then the parity gate"),
    )


def _scorer(dataset: Dataset, task: Task, local: Local) -> Scorer:
    """Return the task's scorer; what is compared are the model's own texts, with or without keys."""
    scorer = build_scorer(task, training_forms(task, dataset.splits["train"]))
    if not local.compact:
        return scorer

    def score(example: Example, completion: Completion) -> Score:
        form = form_of(example.contract or task.output)
        return scorer(example, completion if form is None else with_keys(completion, form))

    return score


def publish(
    session: Session,
    dataset: Dataset,
    task: Task,
    made: Made,
    formats: Sequence[str],
    folder: Path,
    prompts: int = PROMPTS,
) -> Published:
    """Make each format, check its parity, and write all of them into ``folder``, which appears when complete.

    Raises:
        UserError: ``folder-not-empty``, ``format-not-possible``.
        IntegrityError: ``parity-failed``, and those of the steps; nothing is published then.
        PrerequisiteError: ``disk-full``.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(
            "folder-not-empty",
            f"There is something in {folder} already.",
            hint="Name another folder with --to, or delete this one.",
        )
    if "adapter" in formats and served_file(made.exported).name != ADAPTER_FILE:
        reason = made.exported.result["merged_because"]
        raise UserError(
            "format-not-possible",
            f"This model cannot be exported as a GGUF adapter: {reason}.",
            hint="Leave `adapter` out: --format merged,f16,q8_0",
        )
    steps = steps_of(session, dataset, task, made, prompts)
    files = tuple(_made(session, steps, one) for one in FORMATS if one in formats)
    with _complete_or_absent(folder) as partial:
        no_modelfile = _fill(session, partial, dataset, task, made, files)
    return Published(folder, tuple(file for file, _ in files), no_modelfile)


def _made(session: Session, steps: Steps, name: str) -> tuple[ExportedFile, Path]:
    """Return one format, with its file or folder in a run folder."""
    if name == "adapter":
        run, path = steps.reference(), steps.served
    elif name == "merged":
        run = steps.merged()
        path = run.path / MERGED_FOLDER
    else:
        kind = next(kind for kind in FILE_TYPES if kind == name)
        run = steps.gguf(kind)
        path = run.path / gguf_name(kind)
    session.done(run, f"export {name}")
    result = run.result
    held = sorted(path.rglob("*")) if path.is_dir() else [path]
    return ExportedFile(
        format=name,
        file=path.name,
        bytes=sum(file.stat().st_size for file in held),
        digest=digest({file.name: file_digest(file) for file in held})
        if path.is_dir()
        else file_digest(path),
        file_type=str(result.get("file_type", "")).removeprefix("MOSTLY_"),
        tensors=result.get("tensors", {}),
        note=result.get("note", ""),
        parity=parity_of(run),
    ), path


def _fill(
    session: Session,
    folder: Path,
    dataset: Dataset,
    task: Task,
    made: Made,
    files: Sequence[tuple[ExportedFile, Path]],
) -> str:
    """Write the files, the Modelfile, the card and the list of digests; return why there is no Modelfile."""
    for _, path in files:
        if path.is_dir():
            shutil.copytree(path, folder / path.name)
        else:
            _linked(path, folder / path.name)
    base, exported = made.local.base, made.exported
    shutil.copyfile(exported.path / TOKENIZER_FILE, folder / TOKENIZER_FILE)
    write_beside(folder, chat_format_of(base.gguf), folder / TOKENIZER_FILE)
    if any(file.format == "adapter" for file, _ in files):
        shutil.copytree(exported.path / "adapter", folder / "adapter")
    found = tuple(file for file, _ in files)
    no_modelfile = _write_modelfile(session, folder, task, made, found)
    card = card_of(
        task,
        dataset,
        base,
        made.trained,
        served_parity(exported),
        no_modelfile=no_modelfile,
        files=found,
        measured=_measured(session, made.trained, task),
    )
    write_synced(folder / "README.md", card.encode())
    manifest = {
        "schema_version": 1,
        "task": task.name,
        "base": {"name": public_name(base.name), "licence": base.licence, "digest": base.digest},
        "dataset": dataset.manifest.digest,
        "training": made.trained.digest,
        # Without the ids of documents, which may name files or customers
        "files": [file.model_dump(mode="json", exclude={"parity": {"differing"}}) for file in found],
    }
    write_json(folder / MANIFEST, manifest)
    return no_modelfile


def _write_modelfile(
    session: Session, folder: Path, task: Task, made: Made, files: Sequence[ExportedFile]
) -> str:
    """Write a Modelfile for the smallest whole model, else for the adapter; return why there is none."""
    whole = [file for file in files if file.file.endswith(".gguf") and file.format != "adapter"]
    adapters = [file for file in files if file.format == "adapter"]
    if not whole and not adapters:
        return "Ollama reads GGUF, and no GGUF file was exported."
    base = made.local.base
    smallest = min(whole, key=lambda file: file.bytes, default=None)
    try:
        text = modelfile_of(
            base,
            task,
            read_base(base.gguf),
            smallest.file if smallest else base.gguf.name,
            session.config.serving.context_tokens,
            adapter="" if smallest else ADAPTER_FILE,
        )
    except ValueError as refusal:
        return str(refusal)
    write_synced(folder / "Modelfile", text.encode())
    return ""


def _measured(session: Session, trained: Run, task: Task) -> tuple[str, Estimate] | None:
    """Return the tuned arm's metric on the test split, from the newest result of this training."""
    from insource.runs.result import STAGE, load

    for run in session.project.runs.complete(STAGE):
        try:
            result, _ = load(session.project.runs, run.run_id)
        except IntegrityError:  # another run's result is damaged: no reason to lose this export
            continue
        if result.digests.get("training") == trained.digest:
            arms = [e for e in result.evaluations if e.arm.kind == "tuned"]
            if arms and task.primary_metric in arms[0].metrics:
                return task.primary_metric, arms[0].metrics[task.primary_metric]
    return None


@contextmanager
def _complete_or_absent(folder: Path) -> Iterator[Path]:
    """Yield a folder that takes the name ``folder`` when the block ends well, and is removed otherwise."""
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left in folder.parent.glob(f".{glob.escape(folder.name)}.*.partial"):
        pid = left.name.split(".")[-2]
        if pid.isdecimal() and not is_alive(int(pid)):  # what a killed process left
            shutil.rmtree(left, ignore_errors=True)
    # One a process: two that export into one folder must not write into one another's
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    partial.mkdir()
    try:
        yield partial
        _synchronise(partial)
        if folder.exists():
            folder.rmdir()  # it is empty
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    sync_folder(folder.parent)


def _synchronise(folder: Path) -> None:
    """Flush what was copied to the disk, so that a power cut leaves no folder of empty files."""
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            sync_folder(path)
        else:
            with path.open("rb") as file:
                sync(file.fileno())


def _linked(source: Path, target: Path) -> None:
    """Copy a large file, without using space twice where the file system can share it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
