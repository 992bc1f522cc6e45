"""Write a made-up log: 100 questions a month to a cloud model at $30 for 1,000, over three months.

python few_calls.py > calls.jsonl
insource logs import auto calls.jsonl --task invoices
insource decide
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 8, 1, tzinfo=UTC)
CALLS, DAYS = 300, 91
PROMPT = "Return the supplier, the number and the total of the invoice as JSON."
SUPPLIERS = ("Alder Works", "Brook Mills", "Cedar Tools", "Dune Paper", "Elm Castings")


def exchange(number: int) -> dict[str, Any]:
    """One request with its answer, as an application logs it."""
    facts = {
        "supplier": SUPPLIERS[number * 7 % len(SUPPLIERS)],
        "number": f"INV-{20_000 + number * 37}",
        "total": round(40 + number * 13.7 % 900, 2),
    }
    document = f"{facts['supplier']}\nInvoice {facts['number']}\nTotal due: {facts['total']:.2f} EUR"
    messages = [{"role": "system", "content": PROMPT}, {"role": "user", "content": document}]
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": json.dumps(facts)},
        "finish_reason": "stop",
    }
    return {
        "id": f"call-{number}",
        "timestamp": (START + number * timedelta(days=DAYS) / CALLS).isoformat(),
        "latency_ms": 900 + number * 31 % 700,
        "cost_usd": 0.03,
        "request": {"model": "big-cloud-model", "messages": messages},
        "response": {
            "model": "big-cloud-model",
            "choices": [choice],
            "usage": {"prompt_tokens": 520, "completion_tokens": 40},
        },
    }


if __name__ == "__main__":
    for number in range(CALLS):
        print(json.dumps(exchange(number)))
