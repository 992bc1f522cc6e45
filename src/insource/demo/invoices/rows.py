"""Which documents a run of the demo uses, and how they are written for the dataset and for the log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from insource.demo.invoices.recording import Recorded
from insource.types import Frozen, Split

# The peer's own split, by layout: layouts of `train` are ours for training, calibration and the part of the
# test split that is like the training documents; those of `valid` and `test` stay what they are.
LIKE_TRAINING = "train"
UNSEEN: dict[str, Split] = {"valid": "validation", "test": "test"}
# Where each split begins among the hundred documents of a layout: a document is in the same split whatever
# the size of the demo.
FIRST: dict[Split, int] = {"test": 0, "calibration": 20, "train": 40}

TRAIN_LAYOUTS, MOST_TRAIN = 20, 60


class PerLayout(Frozen):
    """Documents of each layout in each split.

    ``train``, ``calibration`` and ``seen`` (a part of the test split) are of the peer's 20 training layouts,
    ``validation`` of its 4 validation layouts, ``unseen`` (the other part) of its 6 test layouts.
    """

    train: int
    validation: int
    calibration: int
    seen: int
    unseen: int

    def splits(self, invoice_split: str) -> dict[Split, range]:
        """Return the places that each split has in a layout of one of the peer's splits."""
        if invoice_split == LIKE_TRAINING:
            counts: dict[Split, int] = {
                "test": self.seen,
                "calibration": self.calibration,
                "train": self.train,
            }
            return {split: range(FIRST[split], FIRST[split] + count) for split, count in counts.items()}
        split = UNSEEN[invoice_split]
        return {split: range(self.validation if split == "validation" else self.unseen)}


def chosen(calls: Iterable[Recorded], sizes: PerLayout) -> Iterator[tuple[Split, Recorded]]:
    """Yield the documents of the demo with their splits, in the order in which they were made."""
    for call in calls:
        for split, places in sizes.splits(call.document.split).items():
            if call.document.place in places:
                yield split, call


def row(split: Split, call: Recorded) -> dict[str, Any]:
    """Return the row of one document: input, exact label, the recorded answer and how it was asked for."""
    document = call.document
    return {
        "id": document.id,
        "input": document.text,
        "output": document.gold,
        "split": split,
        "group": document.layout,
        "cloud_outputs": {call.model: call.output},
        "cloud_calls": {
            call.model: {
                "prompt": call.prompt,
                "temperature": call.request["temperature"],
                "time": call.at.isoformat(timespec="seconds"),
                "finish_reason": call.finish_reason,
            }
        },
        "latency_s": {call.model: round(call.latency_ms / 1000, 4)},
    }


def exchange(call: Recorded) -> dict[str, Any]:
    """Return the call as an application would have logged it: the request beside its response."""
    message = {"role": "assistant", "content": call.output}
    return {
        "id": f"invoices-{call.document.id}",
        "timestamp": call.at.isoformat(timespec="milliseconds"),
        "latency_ms": round(call.latency_ms, 3),
        "request": call.request,
        "response": {
            "object": "chat.completion",
            "created": int(call.timestamp),
            "model": call.model,
            "provider": call.provider,
            "choices": [{"index": 0, "message": message, "finish_reason": call.finish_reason}],
            "usage": call.usage,
        },
        "metadata": {"layout": call.document.layout},
    }


def lines(records: Iterable[dict[str, Any]]) -> str:
    """Return records as JSON Lines."""
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
