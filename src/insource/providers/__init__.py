"""Provider formats and prices: requests, answers, tokens, costs. One module per API dialect."""

from __future__ import annotations

from insource.providers.endpoints import ENDPOINTS, Endpoint
from insource.providers.reader import AnswerReader, open_reader

__all__ = ["ENDPOINTS", "AnswerReader", "Endpoint", "open_reader"]
