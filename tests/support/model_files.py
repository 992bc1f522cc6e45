"""Model files that tests hand in without weights."""

import struct

EMPTY_GGUF = struct.pack("<4sIQQ", b"GGUF", 3, 0, 0)  # version 3, no tensors, no metadata
