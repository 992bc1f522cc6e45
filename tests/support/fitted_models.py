"""Fitted models for tests, under the package of the real ones, and finished runs that chose one.

``python -m support.fitted_models gateway …`` is the command line with these kinds known.
"""

import json
from pathlib import Path

from support.example_results import example_result

import insource.models.fitted
from insource.models.fitted.registry import KINDS, save
from insource.runs.folders import MANIFEST
from insource.types import JsonSchema, Labels, Served

FOLDER = str(Path(__file__).parent / "fitted_kinds")
if FOLDER not in insource.models.fitted.__path__:
    insource.models.fitted.__path__.append(FOLDER)
KINDS |= {
    "keyword": "insource.models.fitted.keyword:KeywordModel",
    "keyword-fields": "insource.models.fitted.keyword:KeywordFields",
}

LABELS = ("billing", "delivery", "technical")
WORDS = {
    "billing": {"invoice": 4.0, "charged": 4.0},
    "delivery": {"parcel": 4.0, "courier": 4.0},
    "technical": {"noise": 4.0, "leaks": 4.0},
}
SURE, UNSURE = "The invoice is wrong, I was charged twice.", "Hello?"
FIELDS = {
    "team": {'"billing"': {"invoice": 4.0}, '"delivery"': {"parcel": 4.0}},
    "urgent": {"true": {"asap": 4.0}, "false": {"whenever": 4.0}},
}
FIELDS_SCHEMA = {
    "type": "object",
    "properties": {
        "team": {"type": "string", "enum": ["billing", "delivery"]},
        "urgent": {"type": "boolean"},
    },
    "required": ["team", "urgent"],
    "additionalProperties": False,
}
RUN = "20260101T000000Z-run-abcdef"


def keyword_labels():
    from insource.models.fitted.keyword import KeywordModel

    return KeywordModel(WORDS)


def keyword_fields():
    from insource.models.fitted.keyword import KeywordFields

    return KeywordFields(FIELDS)


def finished_run(workspace, model=None, output=None, **changes):
    """Write a run that chose this fitted model and trained nothing; its policy wants 0.8."""
    runs = workspace / "runs"
    files = "20260101T000000Z-fit-abcdef/model"
    save(model or keyword_labels(), runs / files)
    result = example_result()
    output = output or Labels(names=LABELS)
    result = result.model_copy(
        update={
            "run_id": RUN,
            "training": None,
            "parity": None,
            "paths": {},
            "instruction": "Which team is this for?",
            "dataset": result.dataset.model_copy(update={"output": output}),
            "routing": result.routing.model_copy(
                update={"policy": result.routing.policy.model_copy(update={"threshold": 0.8})}
            ),
            "served": Served(arm="tfidf", model="tfidf", kind="fitted", folder=files),
            **changes,
        }
    )
    folder = runs / RUN
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(result.model_dump_json())
    manifest = {"key": "k", "seconds": 1, "outputs": [], "result": {}, "stage": "run", "run_id": RUN}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return result


def fields_output():
    return JsonSchema(definition=FIELDS_SCHEMA)


if __name__ == "__main__":
    from insource.cli.main import main

    main()
