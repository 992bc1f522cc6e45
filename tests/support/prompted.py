"""Prompted models without an engine: a model that copies from its prompt, and prompts to put before it."""

from contextlib import contextmanager

from support.arms import TableLocal

from insource.models.prompting.prompt import Prompt, Shot
from insource.models.protocol import ModelInfo
from insource.types import Completion


class Copying:
    """Answers with the last answer in its prompt, as a small model does; counts a word as a token."""

    info = ModelInfo(name="copying", local=True)

    def __init__(self):
        self.asked = []

    def generate(self, request):
        self.asked.append(request)
        answers = [message.content for message in request.messages if message.role == "assistant"]
        return Completion(text=answers[-1] if answers else "no idea", model="copying", latency_s=0.001)

    def count_tokens(self, messages):
        return sum(len(message.content.split()) for message in messages)


class CopyingLocal(TableLocal):
    """A ``Local`` whose base model copies the last answer in its prompt."""

    model = None

    @contextmanager
    def serve(self, name, adapter):
        self.model = self.model or Copying()
        yield self.model


def prompt_of(task, **changes):
    """A prompt with room for everything."""
    plain = {"base": "small", "base_digest": "b" * 64, "context_tokens": 2048, "max_tokens": 64}
    return Prompt(task=task, **plain | changes)


def shots_of(texts, groups=None):
    """Examples ``r0``, ``r1``, … whose answer is their own id."""
    groups = groups or [None] * len(texts)
    return [
        Shot(row_id=f"r{at}", input=text, target=f"r{at}", group=group)
        for at, (text, group) in enumerate(zip(texts, groups, strict=True))
    ]
