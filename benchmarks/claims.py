"""What every benchmark here shares: its options, and the document it writes."""

from __future__ import annotations

import argparse
import json
import operator
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from insource.workflow.machine import machine

Relation = Callable[[float, float], bool]


def parser(description: str | None) -> argparse.ArgumentParser:
    """``--quick`` and ``--json PATH``, as every benchmark takes them."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawTextHelpFormatter)
    made.add_argument("--quick", action="store_true", help="small sizes, minutes instead of hours")
    made.add_argument("--json", type=Path, metavar="PATH", help="write the claims there")
    return made


class Claims:
    """Measured figures with their targets; prints each as it is known."""

    def __init__(self) -> None:
        self.claims: list[dict[str, Any]] = []

    def add(
        self,
        name: str,
        value: float | None,
        unit: str,
        *,
        at_least: float | None = None,
        at_most: float | None = None,
    ) -> None:
        """One figure. Without a bound it is stated, not judged; None is *not measured* and never holds."""
        target, relation = (at_least, operator.ge) if at_least is not None else (at_most, operator.le)
        holds = None if target is None else value is not None and bool(relation(value, target))
        claim = {"name": name, "value": value, "unit": unit, "target": target, "holds": holds}
        self.claims.append(claim)
        shown = "not measured" if value is None else f"{value:.4g} {unit}"
        sign = "≥" if at_least is not None else "≤"
        verdict = "" if target is None else f"   target {sign} {target:g}: {'holds' if holds else 'MISSED'}"
        print(f"{name:<64} {shown}{verdict}", flush=True)

    def write(self, path: Path | None) -> None:
        """The document, to ``path`` when one is given."""
        document = {"claims": self.claims, "machine": machine(), "date": f"{datetime.now(UTC):%Y-%m-%d}"}
        print(f"\n{document['machine']}, {document['date']}")
        if path:
            path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
