"""How fast the local engine answers, by itself and beside processes that compute.

The first part asks for 32 tokens with each setting of the engine's threads: idle, beside one and two
computing processes, in the session of this benchmark and in sessions of their own. The shipped setting has to
stay within three times its idle median.
"""

from __future__ import annotations

import os

import busy_neighbours
from claims import Claims, parser


def main() -> None:
    options = parser(__doc__).parse_args()
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "OMP_NUM_THREADS"):
        os.environ.pop(name, None)  # each setting states its own
    claims = Claims()
    busy_neighbours.measure(claims, quick=options.quick)
    claims.write(options.json)


if __name__ == "__main__":
    main()
