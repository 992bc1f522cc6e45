"""Sentence embeddings without their weights: the words of a text, hashed to vectors."""

import hashlib

import numpy as np

from insource.models.embeddings import minilm


class HashedWords:
    """A vector for each word, their sum for a text, of length 1."""

    def embed(self, texts):
        return np.array([self._one(text) for text in texts], dtype=np.float32).reshape(-1, minilm.DIMENSIONS)

    def _one(self, text):
        total = np.zeros(minilm.DIMENSIONS)
        for word in ["", *text.split()]:
            seed = int.from_bytes(hashlib.sha256(word.encode("utf-8", "replace")).digest()[:4], "big")
            total += np.random.default_rng(seed).normal(size=minilm.DIMENSIONS)
        return total / np.linalg.norm(total)
