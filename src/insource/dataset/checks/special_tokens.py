"""Find texts that spell a control token of the base model, such as ``<|im_end|>``."""

from __future__ import annotations

import json
from collections import Counter

from insource.dataset.checks.check import Check, Context, listed
from insource.dataset.checks.row_view import RowView
from insource.types import Finding


class SpecialTokens(Check):
    """Training and serving read them as text. Another server may read them as the token, and end there.

    They are often what a chat template left in exported data.
    """

    name = "special-tokens"
    title = "Control tokens in the text"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._by_token: Counter[str] = Counter()

    def observe(self, index: int, view: RowView) -> None:
        super().observe(index, view)
        if self.context.control is None:
            return
        said = view.row.output
        answer = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
        in_input = self.context.control.spelled_in(view.row.input)
        in_answer = self.context.control.spelled_in(answer)
        self._by_token.update({*in_input, *in_answer})
        places = {"input": in_input, "answer": in_answer}
        details = [f"{place}: {listed(tokens)}" for place, tokens in places.items() if tokens]
        if details:
            self.hits.add(view.row, "; ".join(details))

    def finding(self) -> Finding:
        if self.context.control is None:
            return self.skip("control tokens are not known: the base model is not on this machine yet")
        found = listed([f"{token} ({count:,})" for token, count in self._by_token.most_common()])
        return self.report(
            f"{self.hits.count:,} rows spell control tokens of the base model"
            + (f": {found}; they are trained and served as text" if found else ""),
            measures={"rows_by_token": dict(self._by_token.most_common())},
        )
