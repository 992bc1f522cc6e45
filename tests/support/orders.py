"""Made orders: one sentence with a drink, cups, perhaps extras, and a tone that no word of it names."""

import json

from insource.foundation.rng import generator
from insource.types import Example, JsonSchema, Task

DRINKS = ("flat white", "espresso", "green tea", "cocoa", "long black")
EXTRAS = ("oat milk", "cinnamon", "honey", "ice")
OPENINGS = {"friendly": ("please could I have", "may I kindly get"), "rude": ("give me", "hand over")}
SCHEMA = {
    "type": "object",
    "properties": {
        "tone": {"enum": ["friendly", "rude"]},
        "order": {
            "type": "object",
            "properties": {
                "drink": {"type": "string"},
                "cups": {"type": "integer"},
                "extras": {"type": "array", "items": {"type": "string"}},
                "name": {"type": ["string", "null"]},
            },
        },
        "shop": {"const": "corner"},
    },
}
TASK = Task(name="orders", instruction="Extract.", output=JsonSchema(definition=SCHEMA))


def orders(n, seed=0, groups=None):
    """``n`` examples."""
    rng = generator(seed, "orders")
    made = []
    for number in range(n):
        tone = ("friendly", "rude")[number % 2]
        drink = DRINKS[rng.integers(len(DRINKS))]
        cups = int(rng.integers(2, 12))
        extras = [EXTRAS[at] for at in sorted(rng.permutation(len(EXTRAS))[: rng.integers(0, 3)])]
        name = ("Ada", "Grace", "Alan", None)[rng.integers(4)]
        opening = OPENINGS[tone][rng.integers(2)]
        text = f"{opening} {cups} cups of {drink}"
        text += f" with {' and '.join(extras)}" if extras else ""
        text += f" for {name}" if name else ""
        order = {"drink": drink, "cups": cups, "extras": extras, "name": name}
        answer = {"tone": tone, "order": order, "shop": "corner"}
        made.append(
            Example(
                row_id=f"r{seed}-{number}",
                digest=f"{text}",
                input=text,
                target=json.dumps(answer, separators=(",", ":")),
                group=groups[number] if groups else None,
                provenance={"source": "made"},
            )
        )
    return tuple(made)
