"""What a virtual key adds to a call: the processor time of admitting and settling it, without the call.

One caller at a time waits for its own commits; sixty-four at once share theirs. The counters are in a
real file; compare with the gateway's own time for a call in the benchmark of the gateway.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from claims import Claims, parser

from insource.gateway.admission.ask import AdmissionRequest
from insource.gateway.admission.keys import Access, KeyAdmitter, TaskRules
from insource.gateway.admission.ledger import KeyLedger
from insource.providers.prices import PriceTable
from insource.providers.tags import Tags
from insource.store.keys import create_key, open_keys

MODEL = "gpt-4o-mini"
LIMITS: dict[str, dict[str, Any]] = {
    "no limit": {},
    "a rate": {"requests_per_minute": 100_000},
    "a budget": {"budget_usd": Decimal(1_000_000)},
    "a rate and a budget": {"requests_per_minute": 100_000, "budget_usd": Decimal(1_000_000)},
}


def request(key: str) -> AdmissionRequest:
    """A chat completion of 2.6 kB."""
    document = {"model": MODEL, "max_tokens": 500, "messages": [{"role": "user", "content": "x" * 2500}]}
    return AdmissionRequest(
        method="POST",
        path="/v1/chat/completions",
        headers=[(b"authorization", f"Bearer {key}".encode())],
        body=json.dumps(document).encode(),
        document=document,
        tags=Tags(),
        upstream="openai",
        endpoint="chat",
        model=MODEL,
    )


async def microseconds(admitter: KeyAdmitter, asked: AdmissionRequest, at_once: int, calls: int) -> float:
    """Processor time of this process, in µs a call."""

    async def one() -> None:
        admission = await admitter.admit(asked)
        await admission.settle(Decimal("0.0001"))

    await one()
    begin = time.process_time()
    for _ in range(calls // at_once):
        await asyncio.gather(*(one() for _ in range(at_once)))
    return (time.process_time() - begin) / (calls // at_once * at_once) * 1e6


async def measure(claims: Claims, workspace: Path, calls: int) -> None:
    ledger = KeyLedger(workspace)
    admitter = KeyAdmitter(
        ledger,
        rules=TaskRules({}),
        upstreams={"openai": Access("https://api.openai.com/v1", "KEY")},
        price=PriceTable().cost,
        require_key=False,
        environment={"KEY": "secret"},
    )
    with open_keys(workspace) as database:
        secrets = {name: create_key(database, name, **limits)[1] for name, limits in LIMITS.items()}
    for name, secret in {"none, the caller's own": "sk-own", **secrets}.items():
        for at_once in (1, 64):
            spent = await microseconds(admitter, request(secret), at_once, calls)
            claims.add(f"key: {name}, {at_once} at once", spent, "µs CPU a call")
    ledger.close()


def main() -> None:
    arguments = parser(__doc__).parse_args()
    claims = Claims()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(claims, Path(folder), 1_000 if arguments.quick else 20_000))
    claims.write(arguments.json)


if __name__ == "__main__":
    main()
