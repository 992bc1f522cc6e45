"""What providers speak and charge: requests, answers, tokens, prices. One module a dialect."""

from __future__ import annotations

from insource.providers.reader import ENDPOINTS, AnswerReader, Endpoint, open_reader

__all__ = ["ENDPOINTS", "AnswerReader", "Endpoint", "open_reader"]
