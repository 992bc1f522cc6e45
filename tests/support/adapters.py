"""LoRA adapters in GGUF with random weights, strong enough to change what the embedded model says."""

import gguf
import numpy as np

RANK, WIDTH, SCALE = 4, 576, 0.05


def write_adapter(path, seed):
    """Write an adapter of the queries of the first five layers of the embedded model."""
    rng = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(RANK))
    for layer in range(5):
        for part, shape in (("lora_a", (RANK, WIDTH)), ("lora_b", (WIDTH, RANK))):
            values = rng.normal(0, SCALE * 4, shape).astype(np.float32)
            writer.add_tensor(f"blk.{layer}.attn_output.weight.{part}", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
