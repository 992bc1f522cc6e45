"""Reading along in what a provider answers, for the record; never altering it. One module a dialect."""

from __future__ import annotations

from insource.logs.reading.reader import ENDPOINTS, AnswerReader, Endpoint, open_reader

__all__ = ["ENDPOINTS", "AnswerReader", "Endpoint", "open_reader"]
