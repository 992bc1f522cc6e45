"""Hosted decision models: typed questions about a document, answered with a probability for each option.

Two contracts are known. ``openai`` is OpenAI's ``POST /v1/decisions`` (public beta), by the types of its
Python client, ``openai-python``. ``systemone`` is TypeSafe's ``POST /v1/systemone``, by its API reference at
docs.typesafe.ai and the guides of other servers of that contract, such as Databricks.
"""
