"""A model of your own, every call of it on record."""

from __future__ import annotations

import sys
from pathlib import Path

from insource import Call, Completion, Message, ModelInfo, RecordedModel, Recorder, Request
from insource.store.calls.calls import find_calls

DOCUMENTS = (
    "I was charged twice for order 1183.",
    "The parcel never came.",
    "Login fails with password: Tr0ub4dor&3-9QzLm",
)


class Keywords:
    """A model: who it is, and an answer to a request. A cloud client would look the same from here."""

    info = ModelInfo(name="example/keywords", local=True)

    def generate(self, request: Request) -> Completion:
        """The first label whose keyword stands in the document."""
        document = request.messages[-1].content.lower()
        keywords = {"charged": "billing", "parcel": "delivery"}
        label = next((label for word, label in keywords.items() if word in document), "technical")
        return Completion(text=label, model=self.info.name)


def main(folder: Path) -> list[Call]:
    """Ask about each document and read the calls back from the log."""
    with Recorder.open(folder) as recorder:
        model = RecordedModel(Keywords(), recorder, "tickets")
        for document in DOCUMENTS:
            message = Message(role="user", content=document)
            model.generate(Request(messages=(message,), max_tokens=8))
        recorder.flush()
        calls = find_calls(recorder.database, task="tickets")
    for call in calls:
        print(
            f"{call.started_at:%H:%M:%S} {call.response_text:<10} {call.request['messages'][-1]['content']}"
        )
    return calls


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "insource-log"))
