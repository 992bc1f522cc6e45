"""A random Llama of two layers as a GGUF file that the engine serves and the trainer unpacks.

Its weights are large enough that an adapter learns to tell a few labels apart in a hundred steps.
"""

import numpy as np
from gguf import GGUFWriter, TokenType

from insource.foundation.rng import generator

HIDDEN, INNER, HEADS, KEY_HEADS, LAYERS = 32, 64, 4, 2, 2
CONTEXT_TOKENS = 2048
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


def write_tiny_gguf(path, seed=0, *, pads=True):
    """Write the model; its tokenizer knows every byte and merges none but one pair."""
    alphabet = byte_alphabet()
    words = [*CONTROL, *alphabet, "he"]
    writer = GGUFWriter(path, "llama")
    writer.add_context_length(CONTEXT_TOKENS)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10_000.0)
    writer.add_rope_dimension_count(HIDDEN // HEADS)
    writer.add_vocab_size(len(words))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(words)
    kinds = [TokenType.CONTROL] * len(CONTROL) + [TokenType.NORMAL] * (len(words) - len(CONTROL))
    writer.add_token_types(kinds)
    writer.add_token_merges(["h e"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    if pads:
        writer.add_pad_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    rng = generator(seed, "tiny gguf")
    for name, shape in _shapes(len(words)).items():
        weights = np.ones(shape) if len(shape) == 1 else rng.normal(0, 0.15, shape)
        writer.add_tensor(name, weights.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def byte_alphabet():
    """The 256 letters in which GPT-2's tokenizer writes bytes."""
    from tokenizers.pre_tokenizers import ByteLevel

    return sorted(ByteLevel.alphabet())


def _shapes(vocabulary):
    key = HIDDEN // HEADS * KEY_HEADS
    layer = {
        "attn_norm": (HIDDEN,),
        "attn_q": (HIDDEN, HIDDEN),
        "attn_k": (key, HIDDEN),
        "attn_v": (key, HIDDEN),
        "attn_output": (HIDDEN, HIDDEN),
        "ffn_norm": (HIDDEN,),
        "ffn_gate": (INNER, HIDDEN),
        "ffn_up": (INNER, HIDDEN),
        "ffn_down": (HIDDEN, INNER),
    }
    layers = {f"blk.{n}.{name}.weight": shape for n in range(LAYERS) for name, shape in layer.items()}
    return {
        "token_embd.weight": (vocabulary, HIDDEN),
        "output_norm.weight": (HIDDEN,),
        "output.weight": (vocabulary, HIDDEN),
        **layers,
    }
