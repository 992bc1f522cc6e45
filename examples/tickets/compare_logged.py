"""Two cloud models whose answers were logged, compared by document on the same tickets."""

from __future__ import annotations

from pathlib import Path

from insource.dataset.build import build
from insource.evaluation.compare import compare
from insource.evaluation.scorers import build_scorer
from insource.types import Arm, Comparison, Completion, EvalRecord, Example, Labels, Task

ROWS = Path(__file__).with_name("tickets.jsonl")
LARGE, SMALL = "example/large", "example/small"


def main() -> Comparison:
    """Build the dataset, score both models' answers, and say which is better, if one is."""
    labels = Labels(names=("billing", "delivery", "technical"))
    dataset = build(ROWS, name="tickets", output=labels)
    task = Task(name="tickets", instruction="Route the support ticket.", output=labels)
    examples = [example for split in dataset.splits.values() for example in split]

    found = compare(
        (Arm(name=SMALL, model=SMALL, kind="cloud"), judge(task, examples, SMALL)),
        (Arm(name=LARGE, model=LARGE, kind="cloud"), judge(task, examples, LARGE)),
        metric="accuracy",
        margin=0.05,
    )
    print(f"{found.n} tickets: {found.better} better, {found.worse} worse, {found.same} the same")
    print(found.sentence)
    return found


def judge(task: Task, examples: list[Example], model: str) -> list[EvalRecord]:
    """One record a ticket: the logged answer against the label."""
    score = build_scorer(task, None)
    records = []
    for example in examples:
        answer = Completion(text=example.cloud_outputs[model], model=model)
        records.append(
            EvalRecord(
                row_id=example.row_id,
                group=example.group,
                status="scored",
                completion=answer,
                score=score(example, answer),
            )
        )
    return records


if __name__ == "__main__":
    main()
