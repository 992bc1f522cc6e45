"""Projects whose finished run chose a language model: tuned by random adapters, or behind a prompt."""

import shutil

from support.example_results import example_training
from support.fitted_models import LABELS, finished_run

from insource.export.adapter_gguf import write_adapter
from insource.export.stage import ADAPTER_FILE, TOKENIZER_FILE
from insource.models.prompting.folder import save as save_prompt
from insource.models.prompting.lookup import Examples
from insource.models.prompting.model import Prompting
from insource.models.prompting.prompt import Prompt, Shot
from insource.training.base import load_model, unpacked
from insource.types import Labels, Served, Task

MAX_TOKENS = 8


def random_adapters(base, folder, count):
    """Write adapters with random weights, which change every answer; return their GGUF files."""
    import torch
    from peft import LoraConfig, get_peft_model

    wanted = LoraConfig(task_type="CAUSAL_LM", r=2, lora_alpha=16, target_modules=["q_proj", "v_proj"])
    model = get_peft_model(load_model(base, torch.float32), wanted)
    files = []
    for seed in range(count):
        torch.manual_seed(seed)
        for name, weights in model.named_parameters():
            if "lora_" in name:
                torch.nn.init.normal_(weights, std=0.1)
        peft, files = folder / f"peft-{seed}", [*files, folder / str(seed) / ADAPTER_FILE]
        model.save_pretrained(peft)
        files[-1].parent.mkdir()
        write_adapter(peft, base.gguf, files[-1])
        shutil.copyfile(unpacked(base) / TOKENIZER_FILE, files[-1].with_name(TOKENIZER_FILE))
    return files


def _project(folder, name):
    folder.mkdir(parents=True)
    toml = f"[task]\nname = '{name}'\n\n[serving]\nthreads = 2\ncontext_tokens = 256\n"
    (folder / "insource.toml").write_text(toml)


def tuned_project(folder, name, base, adapter):
    """Write a project whose run chose the base model with this adapter; return its task."""
    _project(folder, name)
    training = example_training().model_copy(update={"base_model": base.name})
    changes = {
        "training": training,
        "base_digest": base.digest,
        "max_new_tokens": MAX_TOKENS,
        "paths": {"adapter": str(adapter)},
        "instruction": f"Which team is this for ({name})?",
        "served": Served(arm="tuned", model=base.name),
    }
    finished_run(folder / ".insource", **changes)
    return Task(name=name, instruction=changes["instruction"], output=Labels(names=LABELS))


def prompted_project(
    folder,
    name,
    base,
    output=None,
    target="delivery",
    context_tokens=256,
    max_tokens=MAX_TOKENS,
    **changes,
):
    """Write a project whose run chose the base model behind a prompt with one example."""
    _project(folder, name)
    output = output or Labels(names=LABELS)
    task = Task(name=name, instruction="Which team?", output=output)
    prompt = Prompt(
        task=task,
        base=base.name,
        base_digest=base.digest,
        context_tokens=context_tokens,
        max_tokens=max_tokens,
        examples="fixed",
        shots=1,
    )
    kept = Prompting(prompt, Examples((Shot(row_id="r1", input="Where is my parcel?", target=target),)))
    files = "20260101T000000Z-prompt-abcdef/prompt"
    save_prompt(kept, folder / ".insource" / "runs" / files)
    served = Served(arm="few-shot", model=base.name, kind="prompted", folder=files)
    finished_run(folder / ".insource", None, output, served=served, **changes)
    return kept
