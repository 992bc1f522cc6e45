"""Made tickets with labels: a few words tell the label, the rest is filler."""

from insource.arms.classical.label_fit import LabelRows
from insource.foundation.rng import generator
from insource.types import Example

WORDS = {
    "billing": ("invoice", "refund", "charge", "payment", "receipt"),
    "technical": ("crash", "error", "install", "login", "update"),
    "shipping": ("parcel", "courier", "delivery", "tracking", "address"),
}
FILLER = ("please", "help", "me", "with", "this", "today", "because", "it", "is", "not", "right", "so")


def tickets(n, labels=tuple(WORDS), seed=0):
    """``n`` pairs of text and label."""
    rng = generator(seed, "tickets")
    made = []
    for number in range(n):
        label = labels[number % len(labels)]
        words = [*rng.choice(WORDS[label], 2), *rng.choice(FILLER, 6)]
        made.append((" ".join(rng.permutation(words)) + f" {number}", label))
    return made


def label_rows(pairs, units=None):
    texts, labels = zip(*pairs, strict=True)
    return LabelRows(texts, labels, units or texts)


def examples(pairs, groups=None):
    return tuple(
        Example(
            row_id=f"r{n}",
            digest=f"{text}",
            input=text,
            target=label,
            group=groups[n] if groups else None,
            provenance={"source": "made"},
        )
        for n, (text, label) in enumerate(pairs)
    )
