"""The steps from a trained model to its formats, each a run of its own that is kept once its parity holds.

A step works in a partial folder. It gets its name after its answers were compared with the trained model's,
so neither a killed process nor a failed gate leaves a file that looks finished.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

from insource.dataset.identity import identity_of
from insource.export.adapter_gguf import ADAPTER_FILE
from insource.export.agreement import Measure, Said, greedy, judge_step, require
from insource.export.merged.gguf_file import Written, merged_gguf, quantised_gguf
from insource.export.merged.merging import CONFIG, load_trained, merge
from insource.export.merged.quantise import FileType, short_name
from insource.foundation.files import write_json
from insource.models.catalogue import BaseModel
from insource.models.llamacpp import LlamaCppModel
from insource.models.protocol import Request
from insource.runs.folders import Run, RunStore, StageSpec
from insource.training.base import best_dtype, load_tokenizer, unpacked
from insource.training.memory import release
from insource.training.tokenize import control_tokens, prompt_ids
from insource.types import Example, Task
from insource.types.export import StepParity

VERSION = 2
ANSWERS_FILE, MERGED_FOLDER = "answers.json", "merged"
LIBRARIES = ("gguf", "xllamacpp", "torch", "transformers", "peft")
FILE_TYPES: tuple[FileType, ...] = ("f16", "q8_0", "q6_k", "q5_k_m", "q4_k_m")

Serve = Callable[[Path], AbstractContextManager[LlamaCppModel]]
"""Starts an engine: with an adapter on the base model, or with a whole model, by the file's kind."""


class Steps(NamedTuple):
    """What every step needs.

    ``trained`` is the training run, ``served`` the file of its export that is served: an adapter or a whole
    model. ``weights`` is the folder of the trained adapter or model. ``progress`` gets a step's name.
    """

    runs: RunStore
    base: BaseModel
    task: Task
    trained: Run
    served: Path
    serve: Serve
    measure: Measure
    max_tokens: int
    progress: Callable[[str], None] = lambda step: None

    @property
    def weights(self) -> Path:
        return trained_weights(self.trained)

    def reference(self) -> Run:
        """Return the run with the trained model's answers, and the parity of the file that is served.

        Raises:
            IntegrityError: ``parity-failed``.
        """
        step = "GGUF adapter" if self.served.name == ADAPTER_FILE else "GGUF F16"

        def work(folder: Path) -> dict[str, Any]:
            self.progress("the trained model's own answers")
            drafts = self._asked(self.served)
            said = self._read_back(load_trained(self.base, self.weights, best_dtype()[0]), drafts)
            release()
            write_json(folder / ANSWERS_FILE, [answer._asdict() for answer in said])
            return self._judged(step, said, drafts, lossless=True)

        return self.runs.run(self._spec("answers", {}, {"step": step}), work)

    def merged(self) -> Run:
        """Return the run with the merged weights as safetensors.

        Raises as ``merge``, and ``parity-failed``.
        """

        def work(folder: Path) -> dict[str, Any]:
            trained = self._trained_answers()
            self.progress("merged safetensors")
            merge(self.base, self.weights, folder / MERGED_FOLDER)
            said = self._read_back(load_trained(self.base, folder / MERGED_FOLDER, best_dtype()[0]), trained)
            release()
            return self._judged("merged safetensors", trained, said, lossless=True)

        return self.runs.run(self._spec("merged", {}, {}), work)

    def gguf(self, file_type: FileType) -> Run:
        """Return the run with the merged model as a GGUF file, quantised from 16-bit floats.

        Raises as ``merged_gguf`` and ``quantised_gguf``, and ``parity-failed``.
        """
        step = f"GGUF {file_type.upper()}"

        def work(folder: Path) -> dict[str, Any]:
            trained = self._trained_answers()
            source = self.merged() if file_type == "f16" else self.gguf("f16")
            self.progress(step)
            file = folder / gguf_name(file_type)
            if file_type == "f16":
                written = merged_gguf(self.base.gguf, unpacked(self.base), source.path / MERGED_FOLDER, file)
            else:
                written = quantised_gguf(source.path / gguf_name("f16"), file, file_type)
            lossless = file_type == "f16"
            judged = self._judged(step, trained, self._asked(file), lossless=lossless)
            return judged | written._asdict() | {"note": note_of(file_type, written)}

        return self.runs.run(self._spec("gguf", {}, {"file_type": file_type}), work)

    def _judged(
        self, step: str, trained: Sequence[Said], said: Sequence[Said], *, lossless: bool
    ) -> dict[str, Any]:
        found = judge_step(step, trained, said, self.measure, lossless=lossless)
        require(found)
        return {"parity": found.model_dump(mode="json")}

    def _trained_answers(self) -> list[Said]:
        stored = json.loads((self.reference().path / ANSWERS_FILE).read_text(encoding="utf-8"))
        return [Said(tuple(one["tokens"]), one["text"], one["stopped"]) for one in stored]

    def _asked(self, file: Path) -> list[Said]:
        """Return what the served file answers, greedily and without a grammar."""
        stops = frozenset({load_tokenizer(self.base).eos_token_id})
        with self.serve(file) as served:
            return [Said.of(served.answer_ids(self._request(e)), stops) for e in self.measure.examples]

    def _request(self, example: Example) -> Request:
        messages = self.task.messages(example.input, attributes=example.attributes)
        return Request(messages=messages, max_tokens=self.max_tokens)

    def _read_back(self, model: Any, drafts: Sequence[Said]) -> list[Said]:
        """Return the model's own greedy answers; ``drafts`` make that cheap where they are right."""
        tokenizer = load_tokenizer(self.base)
        control, stops = control_tokens(tokenizer), frozenset({tokenizer.eos_token_id})
        found = []
        for example, draft in zip(self.measure.examples, drafts, strict=True):
            prompt = prompt_ids(tokenizer, control, self._request(example).messages)
            tokens, stopped = greedy(model, prompt, draft.tokens, stops, self.max_tokens)
            same = tokens == draft.tokens
            text = draft.text if same else tokenizer.decode(tokens, skip_special_tokens=True)
            found.append(Said(tokens, text, stopped))
        return found

    def _spec(self, stage: str, inputs: dict[str, str], config: dict[str, Any]) -> StageSpec:
        shared = {"base": self.base.digest, "train": self.trained.digest}
        return StageSpec(
            stage=stage,
            version=VERSION,
            inputs=shared | {"examples": identity_of(self.measure.examples)} | inputs,
            config={
                "task": self.task.model_dump(mode="json", exclude={"privacy"}),
                "max_tokens": self.max_tokens,
            }
            | config,
            seed=0,
            libraries=LIBRARIES,
        )


def trained_weights(run: Run) -> Path:
    """Return the folder of a training run: its adapter, or its whole model after full fine-tuning."""
    whole = run.path / "model"
    return whole if whole.is_dir() else run.path / "adapter"


def is_adapter(weights: Path) -> bool:
    """Return whether a folder holds an adapter, not a whole model."""
    return (weights / CONFIG).exists()


def gguf_name(file_type: FileType) -> str:
    """Return the name of a merged model's GGUF file."""
    return f"model-{file_type}.gguf"


def parity_of(run: Run) -> StepParity:
    """Return how a step agreed with the trained model."""
    return StepParity.model_validate(run.result["parity"])


def note_of(asked: FileType, written: Written) -> str:
    """Return why a file is not of the type that was asked for, empty where it is."""
    if short_name(written.file_type) == asked:
        return ""
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(written.tensors.items()))
    return (
        f"The file is {short_name(written.file_type).upper()}, not {asked.upper()}: the K-types pack 256 "
        f"numbers of a row, and most rows of this model are no multiple of that long. Tensors: {kinds}."
    )
