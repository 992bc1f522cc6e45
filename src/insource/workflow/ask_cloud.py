"""Ask the configured cloud model: what it will cost, the question, and every call in the log."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from decimal import Decimal

from insource.arms.factory import CloudPrice
from insource.arms.prompts import CLOUD_MAX_TOKENS, described
from insource.foundation.errors import PrerequisiteError, UserError
from insource.foundation.money import show_usd
from insource.logs.collect import collect, cost_per_1000_usd
from insource.logs.recorder import STORE_FILE
from insource.models.openai import OpenAIModel
from insource.models.protocol import Model, Request
from insource.providers.prices import PriceTable
from insource.providers.token_estimates import tokens_in
from insource.store.database import open_database
from insource.types import Dataset, Example, Task, Usage
from insource.workflow.session import Session


def cloud_model(session: Session) -> Model | None:
    """The model named by ``reference.model``, or None when none is.

    Raises:
        PrerequisiteError: ``no-api-key``; keys come from the environment only.
        UserError: ``local-only`` for a task whose documents may not leave.
    """
    section = session.config.reference
    if not section.model:
        return None
    key = os.environ.get(section.api_key_env, "")
    if not key:
        raise PrerequisiteError(
            "no-api-key",
            f"Asking {section.model} needs a key, and ${section.api_key_env} is not set.",
            hint=f"export {section.api_key_env}=…, or name another variable in reference.api_key_env.",
        )
    return OpenAIModel(section.model, section.base_url, key, session.config.task.privacy)


def confirm_cost(session: Session, model: Model, task: Task, examples: Sequence[Example]) -> None:
    """Say what asking about these documents will cost, and go on only after a yes, and within the cap.

    Raises:
        UserError: ``not-confirmed``.
    """
    if model.info.simulated or not examples:
        return
    prompt = sum(len(m.content) for e in examples for m in described(task, e))
    answer = sum(len(e.target) for e in examples)
    usage = Usage(input_tokens=tokens_in(prompt), output_tokens=tokens_in(answer))
    cost = PriceTable(session.config.prices.models).cost(model.info.name, usage)
    if session.cap_usd is not None and (cost is None or cost > session.cap_usd):
        about = f"about {show_usd(cost)}" if cost is not None else "an unknown amount (no price is listed)"
        raise UserError(
            "not-confirmed",
            f"Nothing was sent: asking {model.info.name} about {len(examples):,} documents costs {about}, "
            f"and the cap is ${session.cap_usd:,.2f}.",
            hint="Raise --max-usd, or ask about fewer documents.",
        )
    confirm_spending(session, f"{model.info.name} about {len(examples)} documents", cost)


def confirm_spending(session: Session, asking: str, cost: Decimal | None) -> None:
    """Ask whether to spend about ``cost`` USD on ``asking``: a model and what it is asked.

    Raises:
        UserError: ``not-confirmed``.
    """
    price = f"about {show_usd(cost)}" if cost is not None else "an unknown amount (no price is listed)"
    if not session.display.confirm(f"Asking {asking} costs {price}. Continue?"):
        raise UserError(
            "not-confirmed",
            "Nothing was sent: spending money needs a yes.",
            hint="Answer yes at the terminal, or pass --yes.",
        )


def cloud_price(session: Session, dataset: Dataset, task: Task, model: str) -> CloudPrice:
    """The configured price, else the mean of the logged calls, else unknown."""
    reference = session.config.reference
    is_meant = model == reference.model or (not reference.model and len(dataset.manifest.cloud_models) == 1)
    if reference.cost_per_1000_usd is not None and is_meant:
        return CloudPrice(reference.cost_per_1000_usd, reference.cost_source or "insource.toml")
    with open_database(session.project.workspace / STORE_FILE) as database:
        logged = cost_per_1000_usd(database, task=task.name, model=model)
    if logged is None:
        return CloudPrice(None, "")
    return CloudPrice(float(logged[0]), f"mean of {logged[1]} logged calls, {PriceTable().source}")


def ask_cloud(
    session: Session,
    examples: Sequence[Example],
    ask: Callable[[Example], Request],
    task: Task,
    cloud: Model,
) -> None:
    """Ask the cloud about every document that has no answer yet; each call is recorded in the log."""
    simulated = " (simulated)" if cloud.info.simulated else ""
    session.begin("log", f"asking {cloud.info.name}{simulated}, every call on the record")
    started = time.monotonic()
    with session.recorder() as recorder:
        failed = collect(
            cloud,
            examples,
            ask,
            recorder,
            task=task.name,
            prices=session.config.prices.models,
            confirm=lambda pending: confirm_cost(session, cloud, task, pending),
            progress=lambda done, total: session.display.progress("calls", done, total),
        )
    if failed:
        session.display.note(f"{cloud.info.name} failed on {failed} documents; they count as its failures")
    session.note_stage("log", started, digest_of=[cloud.info.name, [e.digest for e in examples]])


def cloud_prompt(task: Task) -> Callable[[Example], Request]:
    """How a cloud model is asked about a document."""
    return lambda example: Request(messages=described(task, example), max_tokens=CLOUD_MAX_TOKENS)
