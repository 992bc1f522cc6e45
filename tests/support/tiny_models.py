"""Random models of two to six layers, one for each architecture that can be served, as Hugging Face folders.

Weights and vocabularies are made here; each has the shape, the way to split text and the form of chat of its
family. What a released tokenizer would show beyond that is not measured.
"""

import json
from functools import cache

from insource.models.conversion.pre_tokenizers import named

CHATML = (
    "{%- for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>' + '\\n' }}"
    "{%- endfor %}{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{%- endif %}"
)
LLAMA_3 = (
    "{{- bos_token }}{%- for m in messages %}"
    "{{- '<|start_header_id|>' + m.role + '<|end_header_id|>\\n\\n' + m.content | trim + '<|eot_id|>' }}"
    "{%- endfor %}{%- if add_generation_prompt %}"
    "{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}"
)
THINKING = CHATML.replace(
    "assistant\\n' }}{%- endif",
    "assistant\\n' }}{%- if enable_thinking is defined and enable_thinking is false %}"
    "{{ '<think>\\n\\n</think>\\n\\n' }}{%- endif %}{%- endif",
)
DATED = "{{- '<|im_start|>system\\nToday: ' + strftime_now('%d %B %Y') + '<|im_end|>\\n' }}" + CHATML
GEMMA = (
    "{{ bos_token }}{%- if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}"
    "{%- endif %}{%- for m in messages %}"
    "{%- set role = 'model' if m.role == 'assistant' else m.role %}"
    "{{ '<start_of_turn>' + role + '\\n' + m.content | trim + '<end_of_turn>\\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{%- endif %}"
)
GEMMA_3 = (
    "{{ bos_token }}{%- if messages[0].role == 'system' %}{%- set first = messages[0].content + '\\n\\n' %}"
    "{%- set turns = messages[1:] %}{%- else %}{%- set first = '' %}{%- set turns = messages %}{%- endif %}"
    "{%- for m in turns %}{%- set role = 'model' if m.role == 'assistant' else m.role %}"
    "{{ '<start_of_turn>' + role + '\\n' + (first if loop.first else '') + m.content | trim"
    " + '<end_of_turn>\\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{%- endif %}"
)
PHI = (
    "{%- for m in messages %}{{ '<|' + m.role + '|>' + m.content + '<|end|>' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<|assistant|>' }}{%- endif %}"
)
MISTRAL = (
    "{{ bos_token }}{%- for m in messages %}{%- if m.role == 'system' %}{{ '[SYSTEM_PROMPT]' + m.content +"
    " '[/SYSTEM_PROMPT]' }}{%- elif m.role == 'user' %}{{ '[INST]' + m.content + '[/INST]' }}"
    "{%- else %}{{ m.content + eos_token }}{%- endif %}{%- endfor %}"
)

SHARPER = 4.0  # queries and keys against those of a fresh model

QWEN_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
LLAMA_TOKENS = (
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
)
GEMMA_TOKENS = ("<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>")
PHI_TOKENS = ("<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>")
MISTRAL_TOKENS = ("<s>", "</s>", "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]")

TEXT = [
    "Voltage: 480 V, 60 Hz, 3-phase; 12 inputs and 8 outputs. Protocols: Modbus TCP, EtherNet/IP.",
    "The pump does not start. Please send a technician to hall 4, my number is 555-0100.",
    '{"model": "PLC-200", "voltage": 24, "phase": null, "label": "billing"}',
    "Extract the requested fields as JSON. Classify the document: answer with its label alone.",
    "Größe café naïve 日本語 Ünïcode x² — it's we'll they're I'd CamelCase HTTPServer",
]


def byte_pairs(pre, specials):
    """A byte-pair vocabulary of about 400 tokens that splits text as the pre-tokenizer of this name."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    known = named(pre)
    tokenizer = Tokenizer(models.BPE(ignore_merges=known.whole_words))
    tokenizer.pre_tokenizer = known.build()
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=list(specials), initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(TEXT, trainer)
    return json.loads(tokenizer.to_str())


def sentence_pieces(specials, *, prefix):
    """A SentencePiece vocabulary with bytes to fall back on; ``prefix`` sets a space before a text."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    trained.train_from_iterator(TEXT, trainers.BpeTrainer(vocab_size=260, show_progress=False))
    model = json.loads(trained.to_str())["model"]
    merged = ["".join(merge) for merge in model["merges"]]
    letters = [token for token in model["vocab"] if token not in merged]
    tokens = ["<unk>", *specials, *(f"<0x{byte:02X}>" for byte in range(256)), *merged, *letters]
    vocabulary = {token: place for place, token in enumerate(dict.fromkeys(tokens))}
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}
    prepend = [{"type": "Prepend", "prepend": "\u2581"}] if prefix else []
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_special(token, vocabulary[token]) for token in ("<unk>", *specials)],
        "normalizer": {"type": "Sequence", "normalizers": [*prepend, replace]},
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
            ],
        },
        "model": {
            "type": "BPE",
            "unk_token": "<unk>",
            "fuse_unk": True,
            "byte_fallback": True,
            "vocab": vocabulary,
            "merges": model["merges"],
        },
    }


def _special(token, place):
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": place, "content": token, "special": True, **flags}


# name → (transformers' class, settings beside the common ones, vocabulary, template, bos, eos)
ARCHITECTURES = {
    "llama": ("Llama", {}, ("smollm", QWEN_TOKENS), CHATML, None, "<|im_end|>"),
    "llama3": (
        "Llama",
        {
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 10000.0,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64,
            },
            "tie_word_embeddings": False,
        },
        ("llama-bpe", LLAMA_TOKENS),
        LLAMA_3,
        "<|begin_of_text|>",
        "<|eot_id|>",
    ),
    "mistral": ("Mistral", {"head_dim": 16}, ("prefix", MISTRAL_TOKENS), MISTRAL, "<s>", "</s>"),
    "mistral-tekken": ("Mistral", {"head_dim": 32}, ("tekken", MISTRAL_TOKENS), MISTRAL, "<s>", "</s>"),
    "qwen2": ("Qwen2", {}, ("qwen2", QWEN_TOKENS), CHATML, None, "<|im_end|>"),
    "qwen3": ("Qwen3", {"head_dim": 32}, ("qwen2", QWEN_TOKENS), THINKING, None, "<|im_end|>"),
    "gemma2": (
        "Gemma2",
        {"head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 16},
        ("plain", GEMMA_TOKENS),
        GEMMA,
        "<bos>",
        "<eos>",
    ),
    "gemma3": (
        "Gemma3",
        {"head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 16, "num_hidden_layers": 6},
        ("plain", GEMMA_TOKENS),
        GEMMA_3,
        "<bos>",
        "<eos>",
    ),
    "phi3": ("Phi3", {}, ("prefix", PHI_TOKENS), PHI, None, "<|endoftext|>"),
    "phi4": ("Phi3", {"sliding_window": None}, ("dbrx", PHI_TOKENS), PHI, None, "<|endoftext|>"),
    "phi4-mini": (
        "Phi3",
        {
            "rope_parameters": {
                "rope_type": "longrope",
                "rope_theta": 10000.0,
                "partial_rotary_factor": 0.75,
                "long_factor": [1.0, 1.2, 1.5, 2.0, 3.0, 4.0],
                "short_factor": [1.0, 1.0, 1.1, 1.1, 1.2, 1.2],
                "original_max_position_embeddings": 512,
            },
            "original_max_position_embeddings": 512,
        },
        ("gpt-4o", PHI_TOKENS),
        PHI,
        None,
        "<|endoftext|>",
    ),
    "smollm3": (
        "SmolLM3",
        {"num_hidden_layers": 4},
        ("llama-bpe", QWEN_TOKENS),
        DATED,
        None,
        "<|im_end|>",
    ),
    "lfm2": (
        "Lfm2",
        {"layer_types": ["conv", "full_attention", "conv"], "num_hidden_layers": 3, "block_multiple_of": 16},
        ("llama-bpe", ("<|startoftext|>", *QWEN_TOKENS)),
        "{{- bos_token }}" + CHATML,
        "<|startoftext|>",
        "<|im_end|>",
    ),
}


@cache
def tokenizer_of(kind, specials):
    """The ``tokenizer.json`` for an entry of ``ARCHITECTURES``."""
    if kind in ("prefix", "plain"):
        return sentence_pieces(specials, prefix=kind == "prefix")
    return byte_pairs(kind, specials)


def tiny_model(folder, name, *, dtype="bfloat16", seed=0, sharper=SHARPER, **changes):
    """Write a random model of this architecture to ``folder``; ``changes`` go into its configuration.

    The sharper its attention, the more positions matter, and the rounding of bfloat16.
    """
    import torch
    import transformers

    family, settings, (kind, specials), template, bos, eos = ARCHITECTURES[name]
    tokenizer = tokenizer_of(kind, specials)
    ids = {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
    size = max([*tokenizer["model"]["vocab"].values(), *ids.values()]) + 1
    common = {
        "vocab_size": size + 3,  # released models have rows without a token, too
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
        "tie_word_embeddings": True,
        "bos_token_id": ids.get(bos),
        "eos_token_id": ids[eos],
        "pad_token_id": ids[eos],
    }
    config = getattr(transformers, f"{family}{'Text' if family == 'Gemma3' else ''}Config")(
        **(common | settings | changes)
    )
    torch.manual_seed(seed)
    model = getattr(transformers, f"{family}ForCausalLM")(config)
    with torch.no_grad():
        for place, parameter in model.named_parameters():
            # Norms and biases of released models are not ones and zeros.
            parameter.add_(torch.randn_like(parameter) * 0.02)
            # Fresh attention is flat, so that positions would hardly matter.
            if any(part in place for part in ("q_proj.weight", "k_proj.weight", "qkv_proj")):
                parameter.mul_(sharper)
    model.to(getattr(torch, dtype)).save_pretrained(folder)
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    tokens = {"eos_token": eos, "pad_token": eos} | ({"bos_token": bos} if bos else {})
    written = {"tokenizer_class": "PreTrainedTokenizerFast"} | tokens
    (folder / "tokenizer_config.json").write_text(json.dumps(written), encoding="utf-8")
    return folder
