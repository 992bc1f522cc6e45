"""Render decisions as short Markdown, for a comment on a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from insource.report import markup, words
from insource.report.page import Table
from insource.report.sections.deciding.gates import gates
from insource.report.sections.deciding.headline import WORDS, basis, decision_banner
from insource.report.sections.deciding.kills import summary
from insource.report.sections.deciding.next_step import in_a_sentence
from insource.report.sections.deciding.options import options
from insource.types.decided import Decision


def render_decision_markdown(decisions: Decision | Sequence[Decision]) -> str:
    """Return the verdict, the three numbers, what rules it out, options, next experiment and gates.

    Several decisions follow each other, each under the name of its task.
    """
    several = [decisions] if isinstance(decisions, Decision) else [*decisions]
    lines: list[str] = []
    for decision in several:
        lines += _decision(Decision.model_validate(words.visible(decision.model_dump())))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


def _decision(shown: Decision) -> Iterator[str]:
    banner = decision_banner(shown)
    word, sentence = WORDS[shown.verdict.outcome], markup.text(shown.verdict.sentence)
    yield from (f"### {markup.text(shown.task)}: {word}", "", sentence, "")
    if banner.warning:
        yield from (f"> Simulated cloud. {markup.text(banner.warning)}", "")
    names, numbers = zip(*banner.numbers, strict=True)
    yield from (*markup.table(Table("", names, [numbers])), "")
    yield from (f"- {markup.text(line)}" for line in (*shown.verdict.reasons, *basis(shown)))
    yield from (f"- Would change the verdict: {markup.text(flip)}" for flip in shown.verdict.flips_if)
    yield ""
    if shown.kills:
        yield from (f"**Does anything rule it out?** {markup.text(summary(shown))}", "")
        met = (kill for kill in shown.kills if kill.met)
        yield from (f"- {markup.text(kill.sentence)} {_instead(kill.instead)}".rstrip() for kill in met)
        yield ""
    ranked = options(shown)
    if ranked is not None and isinstance(table := ranked.blocks[0], Table):
        yield from (*markup.table(Table("", table.columns, table.rows, table.numeric)), "")
    if shown.next is not None:
        yield from (f"**Next:** {markup.text(in_a_sentence(shown.next))}", "")
    gated = gates(shown)
    if gated is not None and isinstance(table := gated.blocks[0], Table):
        yield from (*markup.table(table), "")
    yield from (_made(shown), "")


def _instead(kind: str | None) -> str:
    return f"Instead: {markup.text(kind)}." if kind else ""


def _made(shown: Decision) -> str:
    parts = (shown.decided_at, shown.machine, shown.command, f"Insource {shown.insource_version}")
    return markup.text(", ".join(part for part in parts if part) + ".")
