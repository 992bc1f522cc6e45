"""Layouts of machine-written records."""

from __future__ import annotations

import numpy as np

from insource.demo.chance import happens, pick
from insource.demo.sheet import Sheet


def key_value(sheet: Sheet, rng: np.random.Generator) -> str:
    """Pairs such as ``voltage=480V; phase=3Ø`` on one line."""
    between = pick(rng, ("; ", " | ", " "))
    quote = '"' if between == " " else ""
    return between.join(f"{item.code}={quote}{item.value}{quote}" for item in sheet.items)


def xml_record(sheet: Sheet, rng: np.random.Generator) -> str:
    """An XML record with one element per value."""
    root = pick(rng, ("device", "item", "asset", "spec"))
    lines = [f"<{item.code}>{item.value}</{item.code}>" for item in sheet.items]
    vendor = f' vendor="{sheet.vendor.name}"' if happens(rng, 0.5) else ""
    return "\n".join([f"<{root}{vendor}>", *lines, f"</{root}>"])


def yaml_record(sheet: Sheet, rng: np.random.Generator) -> str:
    """A YAML block with the vendor as the key."""
    lines = [f"  {item.code}: {item.value}" for item in sheet.items]
    return "\n".join([f"{sheet.vendor.name.lower().replace(' ', '-')}:", *lines])


def ini_section(sheet: Sheet, rng: np.random.Generator) -> str:
    """A section of a configuration file, with some distractors as comments."""
    lines = [
        f"; {item.label}: {item.value}"
        if not item.field and happens(rng, 0.4)
        else f"{item.code} = {item.value}"
        for item in sheet.items
    ]
    return "\n".join([f"[{sheet.product.replace(' ', '_')}]", *lines])


def asset_log(sheet: Sheet, rng: np.random.Generator) -> str:
    """A line of an asset-management log."""
    stamp = f"{rng.integers(2019, 2026)}-{rng.integers(1, 13):02}-{rng.integers(1, 29):02}"
    entries = ", ".join(f"{item.code}: {item.value}" for item in sheet.items)
    return f"{stamp} {pick(rng, ('ASSET ADD', 'INFO asset', 'INVENTORY'))} {sheet.vendor.name} {{{entries}}}"
