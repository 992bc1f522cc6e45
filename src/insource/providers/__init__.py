"""What providers speak and charge: requests, answers, tokens, prices. One module a dialect."""

from __future__ import annotations

from insource.providers.endpoints import ENDPOINTS, Endpoint
from insource.providers.reader import AnswerReader, open_reader

__all__ = ["ENDPOINTS", "AnswerReader", "Endpoint", "open_reader"]
