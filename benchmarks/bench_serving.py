"""How fast the local engine answers: beside processes that compute, and against other stacks.

The first part asks for 32 tokens with each setting of the engine's threads: idle, beside one and two
computing processes, in the session of this benchmark and in sessions of their own. The shipped setting has to
stay within three times its idle median.

The second part needs ``--project``, the folder of a finished run whose tuned model answers in JSON, such as
that of `insource demo`. Its test documents are answered by the engine's own defaults, by Insource, and by
transformers held to the same grammar, one after the other. ``--compact`` is the same project trained with
`training.compact_answers = true`.
"""

from __future__ import annotations

import os
from pathlib import Path

import busy_neighbours
import serving_stacks
from claims import Claims, parser


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--project", type=Path, help="folder with insource.toml and a finished run")
    arguments.add_argument("--compact", type=Path, help="the same, trained on answers without keys")
    arguments.add_argument("--only-project", action="store_true", help="leave the first part out")
    options = arguments.parse_args()
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "OMP_NUM_THREADS"):
        os.environ.pop(name, None)  # each setting states its own
    claims = Claims()
    if not options.only_project:
        busy_neighbours.measure(claims, quick=options.quick)
    if options.project:
        serving_stacks.measure(claims, options.project, options.compact, quick=options.quick)
    claims.write(options.json)


if __name__ == "__main__":
    main()
