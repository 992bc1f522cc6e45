"""Preparing a dataset: near-duplicates against datasketch and SemHash, and label errors.

The checks and the build have scripts of their own: planted_defects.py, dataset_build.py.

1,000,000 and 100,000 made-up short documents (about 200 characters; --quick takes 20,000), of which 2 in 100
are near copies at a known exact Jaccard similarity between 0.80 and 0.95. Every engine reads the same file
in a process of its own and says which documents it holds for repeats: throughput is documents over wall
time, memory the peak of the process. Peers are installed on their own and named by path:

    pip install --target peers datasketch semhash
    python benchmarks/bench_dataset.py --peers peers

datasketch runs with the same shingles, 128 permutations and the bands that ours has, so that recall is
equal, with its own sha1 and with crc32 as its hash. SemHash needs an encoder; no model is downloaded here:
it is given hashed TF-IDF vectors of the same shingles, reduced by a random projection, and its index finds
the neighbours. Read its line as that, not as SemHash with its own model. Likely label errors are planted in
--snips, --clinc or --cfpb when their paths are given, and in made-up rows otherwise.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from claims import Claims, parser

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

THRESHOLD = 0.8
COPIES = 0.02
SEMHASH_DIMENSIONS = 256
Found = dict[int, int]


def write_documents(path: Path, count: int, seed: int) -> dict[int, tuple[int, float]]:
    """The documents, one a line; returns the planted copies with their original and exact similarity."""
    from support.near_copies import documents, near_copy, similarity

    generator = np.random.default_rng(seed)
    copies = int(count * COPIES)
    planted: dict[int, tuple[int, float]] = {}
    originals: list[str] = []
    with path.open("w", encoding="utf-8") as file:
        for text in documents(count - copies, generator, words=32):
            file.write(text + "\n")
            if len(originals) < copies:
                originals.append(text)
        for at, text in enumerate(originals):
            copy = near_copy(text, float(generator.uniform(0.8, 0.95)), generator)
            planted[count - copies + at] = (at, similarity(text, copy))
            file.write(copy + "\n")
    return planted


def ours(texts: Iterator[str]) -> list[int]:
    from insource.similarity.near_duplicates import find_near_duplicates

    return sorted(find_near_duplicates(texts, threshold=THRESHOLD).repeats())


def datasketch(texts: Iterator[str], hashed: Callable[[bytes], int] | None = None) -> list[int]:
    from datasketch import MinHash, MinHashLSH
    from support.near_copies import pieces

    from insource.similarity.minhash import bands_for

    bands = bands_for(THRESHOLD)
    index = MinHashLSH(num_perm=128, params=(bands.number, bands.width))
    own = {} if hashed is None else {"hashfunc": hashed}
    signatures: list[Any] = []
    repeats = []
    for at, text in enumerate(texts):
        signature = MinHash(num_perm=128, seed=1, **own)
        signature.update_batch([piece.encode() for piece in pieces(text)])
        candidates = index.query(signature)
        # Its estimates err by 0.035: with a margin of 0.1 it finds as much as an exact comparison does.
        if any(signatures[other].jaccard(signature) >= THRESHOLD - 0.1 for other in candidates):
            repeats.append(at)
        index.insert(at, signature, check_duplication=False)
        signatures.append(signature)
    return repeats


def datasketch_crc32(texts: Iterator[str]) -> list[int]:
    from zlib import crc32

    return datasketch(texts, crc32)


def semhash(texts: Iterator[str]) -> list[int]:
    from semhash import SemHash
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.random_projection import SparseRandomProjection

    records = list(texts)
    hashing = HashingVectorizer(analyzer="char", ngram_range=(5, 5), n_features=2**16, alternate_sign=False)
    projection = SparseRandomProjection(SEMHASH_DIMENSIONS, random_state=0, dense_output=True)
    projection.fit(hashing.transform(records[:1]))

    class Encoder:
        def encode(self, inputs: Any, **_: Any) -> Any:
            return projection.transform(hashing.transform(list(inputs))).astype(np.float32)

    found = SemHash.from_records(records=records, model=Encoder()).self_deduplicate(threshold=0.82)
    left = {record.record for record in found.filtered}
    return [at for at, text in enumerate(records) if text in left]


ENGINES = {
    "ours": ours,
    "datasketch": datasketch,
    "datasketch, crc32": datasketch_crc32,
    "SemHash's index on hashed TF-IDF": semhash,
}


def run_alone(engine: str, path: str) -> None:
    """The child's work: search, and print seconds, peak memory and the repeats."""
    ENGINES[engine](iter(["warm up the imports", "of this engine"]))
    with Path(path).open(encoding="utf-8") as file:
        begun = time.perf_counter()
        repeats = ENGINES[engine](line.rstrip("\n") for line in file)
        taken = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": taken, "peak_kb": peak, "repeats": repeats}))


def search(engine: str, path: Path, peers: Path | None) -> dict[str, Any]:
    environment = dict(os.environ)
    if engine != "ours":
        # After our own packages: the peers bring versions of shared ones that may differ.
        environment["INSOURCE_PEERS"] = str(peers)
    done = subprocess.run(
        [sys.executable, __file__, "--search", engine, str(path)],
        capture_output=True,
        text=True,
        env=environment,
    )
    if done.returncode:
        print(f"{engine}: {done.stderr.strip().splitlines()[-1]}")
        return {}
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def claims_for_search(claims: Claims, count: int, engines: list[str], peers: Path | None) -> None:
    """Throughput, memory, recall of what was planted and false alarms of each engine on one file."""
    label = f"{count:,} documents"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "documents.txt"
        planted = write_documents(path, count, seed=0)
        speed: dict[str, float] = {}
        for engine in engines:
            measured = search(engine, path, peers)
            if not measured:
                claims.add(f"{engine}, {label}, throughput", None, "documents/s")
                continue
            speed[engine] = count / measured["seconds"]
            found = set(measured["repeats"])
            claims.add(f"{engine}, {label}, throughput", speed[engine], "documents/s")
            mine = engine == "ours"
            claims.add(
                f"{engine}, {label}, peak memory",
                measured["peak_kb"] / 1024,
                "MB",
                at_most=2000 if mine else None,
            )
            near = [at for at, (_, similarity) in planted.items() if similarity < 0.82]
            for name, copies in (("planted copies", list(planted)), ("those below 0.82", near)):
                share = sum(at in found or planted[at][0] in found for at in copies) / len(copies)
                claims.add(f"{engine}, {label}, recall of {name}", share, "", at_least=0.95 if mine else None)
            # An engine may keep the copy and leave out its original.
            planted_for = planted.keys() | {original for original, _ in planted.values()}
            alarms = len(found - planted_for) / (count - len(planted_for))
            claims.add(f"{engine}, {label}, false alarms", alarms, "", at_most=0.01 if mine else None)
    compared = [engine for engine in speed if engine.startswith("datasketch")]
    if "ours" in speed and compared:
        fastest = max(speed[engine] for engine in compared)
        claims.add(
            f"ours against the faster datasketch, {label}", speed["ours"] / fastest, "times", at_least=5
        )


def planted_labels(rows: list[tuple[str, str]], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Class numbers with 5 in 100 exchanged for another class, and which were."""
    names = sorted({label for _, label in rows})
    generator = np.random.default_rng(seed)
    labels = np.array([names.index(label) for _, label in rows])
    wrong = generator.random(len(rows)) < 0.05
    moved = (labels + generator.integers(1, len(names), len(rows))) % len(names)
    return np.where(wrong, moved, labels), wrong


def claims_for_label_errors(claims: Claims, name: str, rows: list[tuple[str, str]]) -> None:
    """Recall of planted label noise where 1 in 100 of the untouched labels is a false alarm."""
    from insource.dataset.checks.label_confidence import label_confidence

    labels, wrong = planted_labels(rows, seed=0)
    begun = time.perf_counter()
    judged = label_confidence(lambda: (text for text, _ in rows), labels)
    taken = time.perf_counter() - begun
    cut = np.sort(judged.margin[~wrong])[int(0.01 * (~wrong).sum())]
    label = f"label errors, {name}, {len(rows):,} rows"
    claims.add(f"{label}, recall at 1 % false alarms", float((judged.margin[wrong] < cut).mean()), "")
    claims.add(f"{label}, recall as reported", float(judged.doubtful[wrong].mean()), "")
    claims.add(f"{label}, false alarms as reported", float(judged.doubtful[~wrong].mean()), "")
    claims.add(f"{label}, time", taken, "s")


def made_up_rows(count: int) -> list[tuple[str, str]]:
    """Rows of 20 classes whose words overlap: half of each text is drawn from all classes' words."""
    from support.near_copies import vocabulary

    generator = np.random.default_rng(0)
    words = vocabulary(generator, 4000)
    rows = []
    for kind in generator.integers(20, size=count):
        own = generator.choice(words[kind * 200 : kind * 200 + 200], 4)
        rows.append((" ".join([*own, *generator.choice(words, 4)]), f"class {kind}"))
    return rows


def labelled(path: Path) -> list[tuple[str, str]]:
    """Inputs and labels of a JSON Lines file; of objects, their intent."""
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [(row["input"], _label(row["output"])) for row in rows]


def _label(output: str) -> str:
    return str(json.loads(output)["intent"]) if output.startswith("{") else output


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--peers", type=Path, metavar="PATH", help="where the peers are installed")
    arguments.add_argument("--snips", type=Path, metavar="PATH", help="data.jsonl of SNIPS")
    arguments.add_argument("--clinc", type=Path, metavar="PATH", help="train.jsonl of CLINC150")
    arguments.add_argument("--cfpb", type=Path, metavar="PATH", help="data.jsonl of the CFPB complaints")
    options = arguments.parse_args()
    claims = Claims()
    engines = list(ENGINES) if options.peers else ["ours"]
    for count in (20_000,) if options.quick else (100_000, 1_000_000):
        # The peers take half an hour for a million documents and more memory than many machines have.
        claims_for_search(
            claims, count, engines if count < 1_000_000 else ["ours", *engines[2:3]], options.peers
        )
    claims_for_label_errors(claims, "made up", made_up_rows(2_000 if options.quick else 20_000))
    for name in ("snips", "clinc", "cfpb"):
        if path := getattr(options, name):
            claims_for_label_errors(claims, name.upper(), labelled(path))
    claims.write(options.json)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--search"]:
        if peers := os.environ.get("INSOURCE_PEERS"):
            sys.path.append(peers)
        run_alone(sys.argv[2], sys.argv[3])
    else:
        main()
