"""What a gateway adds: time, CPU and memory a request, with the durable log on, peers in the same run.

One core for the gateway and all its processes, the other for the load (`wrk`, from Debian) and the fake
upstream. Latency is taken in interleaved rounds, direct and through the gateway, one request at a time, as
the difference of the percentiles of all rounds' merged histograms; throughput and CPU with 32 connections.
Requests are 2.6 kB of a chat completion over a real-looking document.

The floor is a forwarder that reads nothing: what it adds is the machine's and the event loop's. Peers are
measured when they are given, each installed in an environment of its own:
  --litellm PATH   the `litellm` command (pip install 'litellm[proxy]')
  --portkey PATH   the server's script (npm install @portkey-ai/gateway), run with node
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from claims import Claims, parser
from streams import hold

from insource.demo.documents import generate
from insource.demo.schema import INSTRUCTION

PATH = "/v1/chat/completions"
HERE = Path(__file__).parent
GATEWAY_CORE, LOAD_CORE = {0}, {max(os.sched_getaffinity(0))}
MODEL = "gpt-4o-mini"
CALLERS_KEY = "sk-not-a-key"
WRK = """
wrk.method = "POST"
wrk.path = "{path}"
wrk.body = io.open("{body}"):read("*a")
{headers}
done = function(summary, latency, requests)
  local e = summary.errors
  local counts = {{}}
  for i = 1, #latency do
    counts[i] = string.format("[%d,%d]", latency(i))
  end
  io.write(string.format('RESULT {{"requests":%d,"seconds":%f,"errors":%d,"latency":[%s]}}\\n',
    summary.requests, summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout,
    table.concat(counts, ",")))
end
"""
PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
PERSONAL = "insource with personal data taken out too"


@dataclass
class Load:
    """What ``wrk`` measured; ``latency_us`` is a histogram: microseconds → how many requests."""

    requests: int
    seconds: float
    errors: int
    latency_us: Counter[int]


@dataclass
class Target:
    """Something that answers at a port; ``process`` is None for the upstream itself."""

    name: str
    port: int
    process: subprocess.Popen[bytes] | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def cpu_s(self) -> float:
        """CPU seconds of the process and its children so far."""
        assert self.process is not None
        ticks = 0
        for pid in _family(self.process.pid):
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def rss_mb(self) -> float:
        assert self.process is not None
        total = 0
        for pid in _family(self.process.pid):
            with contextlib.suppress(OSError):
                total += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return total * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--litellm", type=Path, metavar="PATH", help="LiteLLM's command")
    arguments.add_argument("--portkey", type=Path, metavar="PATH", help="Portkey's start-server.js")
    options = arguments.parse_args()
    if subprocess.run(["which", "wrk"], stdout=subprocess.DEVNULL).returncode:
        sys.exit("error: the load comes from wrk, which is not here.\nhint: apt install wrk")
    claims = Claims()
    seconds = 3 if options.quick else 10
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "plain.json").write_bytes(request_body(streamed=False))
        (root / "stream.json").write_bytes(request_body(streamed=True))
        for think_ms in (0, 20):
            with upstream(think_ms) as direct, gateways(root, direct, options) as targets:
                for target in targets:
                    if target.name != PERSONAL:
                        latency(claims, root, direct, target, think_ms, seconds)
                    throughput(claims, root, target, think_ms, seconds)
                if think_ms:
                    continue
                for target in targets:
                    if target.name != PERSONAL:
                        streams(claims, direct, target, at_once=500)
                memory(claims, root, targets[0], 100_000)
    ratio(claims)
    claims.write(options.json)


def request_body(*, streamed: bool) -> bytes:
    """A chat completion of 2.6 kB over generated specifications."""
    text = "\n\n".join(row["input"] for row in generate({"train": 12}, 0))
    request = {
        "model": MODEL,
        "messages": [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": ""}],
        "temperature": 0,
    } | ({"stream": True} if streamed else {})
    room = 2600 - len(json.dumps(request, separators=(",", ":")))
    while len(json.dumps(text)) > room:
        text = text[:-1]
    request["messages"][1]["content"] = text  # type: ignore[index]
    return json.dumps(request, separators=(",", ":")).encode()


def latency(claims: Claims, root: Path, direct: Target, target: Target, think_ms: int, seconds: int) -> None:
    """Added p50, p95, p99 in ms, one connection."""
    base: Counter[int] = Counter()
    through: Counter[int] = Counter()
    for _ in range(3):
        base += wrk(root, direct, connections=1, seconds=seconds).latency_us
        through += wrk(root, target, connections=1, seconds=seconds).latency_us
    targets = {"p50": 0.5, "p99": 3.0} if target.name == "insource" else {}
    for name, share in PERCENTILES.items():
        added = (quantile(through, share) - quantile(base, share)) / 1000
        claims.add(
            f"{target.name}: added {name}, upstream {think_ms} ms", added, "ms", at_most=targets.get(name)
        )


def quantile(histogram: Counter[int], share: float) -> int:
    """The nearest-rank quantile."""
    rank = max(math.ceil(share * histogram.total()), 1)
    for value in sorted(histogram):
        rank -= histogram[value]
        if rank <= 0:
            return value
    raise ValueError("nothing was measured")


def throughput(claims: Claims, root: Path, target: Target, think_ms: int, seconds: int) -> None:
    """CPU µs a request, and requests a second on one core."""
    wrk(root, target, connections=32, seconds=1)
    before = target.cpu_s()
    done = wrk(root, target, connections=32, seconds=seconds)
    cpu_us = (target.cpu_s() - before) / max(done.requests, 1) * 1e6
    ours = target.name == "insource" and think_ms == 0
    name = f"{target.name}: %s, upstream {think_ms} ms"
    claims.add(name % "CPU a request", cpu_us, "µs")
    claims.add(name % "requests/s", done.requests / done.seconds, "1/s", at_least=3000 if ours else None)
    if done.errors:
        claims.add(name % "failed requests", done.errors, "", at_most=0)


def streams(claims: Claims, direct: Target, target: Target, *, at_once: int) -> None:
    """Time to first byte added, one stream at a time; and how many are held at once."""
    body = request_body(streamed=True)

    def first_byte_ms(one: Target) -> float | None:
        found = hold(
            one.port,
            PATH,
            body,
            {"authorization": f"Bearer {CALLERS_KEY}"} | one.headers,
            at_once=1,
            rounds=30,
        )
        return statistics.median(found.first_byte_s) * 1000 if found.first_byte_s else None

    pairs = [(first_byte_ms(target), first_byte_ms(direct)) for _ in range(3)]
    differences = [through - base for through, base in pairs if through is not None and base is not None]
    added = statistics.median(differences) if differences else None
    claims.add(f"{target.name}: added time to first byte of a stream, p50", added, "ms")
    held = hold(
        target.port,
        PATH,
        body,
        {"authorization": f"Bearer {CALLERS_KEY}"} | target.headers,
        at_once=at_once,
        rounds=1,
    )
    whole = at_once - held.broken
    ours = target.name == "insource"
    claims.add(
        f"{target.name}: streams whole of {at_once} at once", whole, "", at_least=at_once if ours else None
    )
    claims.add(f"{target.name}: the slowest of them", max(held.seconds, default=None), "s")


def memory(claims: Claims, root: Path, target: Target, requests: int) -> None:
    """Resident memory after a tenth and after all of so many requests."""
    sizes, served = [], 0
    for goal in (requests / 10, requests):
        while served < goal:
            served += wrk(root, target, connections=32, seconds=2).requests
        sizes.append(target.rss_mb())
    claims.add(f"{target.name}: memory after {requests:,} requests", sizes[1], "MB")
    claims.add(f"{target.name}: growth since a tenth of them", sizes[1] - sizes[0], "MB", at_most=20)


def ratio(claims: Claims) -> None:
    """Throughput against LiteLLM's, when it was measured."""
    found = {claim["name"]: claim["value"] for claim in claims.claims}
    ours, theirs = (found.get(f"{name}: requests/s, upstream 0 ms") for name in ("insource", "litellm"))
    claims.add("insource: times LiteLLM's throughput", ours / theirs if theirs else None, "x", at_least=25)


def wrk(root: Path, target: Target, *, connections: int, seconds: int) -> Load:
    headers = {"content-type": "application/json", "authorization": f"Bearer {CALLERS_KEY}"} | target.headers
    script = root / f"{target.name}.lua"
    lines = "\n".join(f'wrk.headers["{name}"] = "{value}"' for name, value in headers.items())
    script.write_text(WRK.format(path=PATH, body=root / "plain.json", headers=lines))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script)]
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{target.port}"],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, LOAD_CORE),
    )
    found = re.search(r"RESULT (\{.*\})", done.stdout)
    assert found, done.stdout
    result = json.loads(found.group(1))
    counts = Counter({int(us): int(count) for us, count in result["latency"]})
    return Load(result["requests"], result["seconds"], result["errors"], counts)


@contextlib.contextmanager
def upstream(think_ms: int) -> Iterator[Target]:
    port = _free_port()
    command = [sys.executable, str(HERE / "fake_upstream.py"), str(port), str(think_ms), "5"]
    with _running(command, HERE, LOAD_CORE) as process:
        _wait(port)
        yield Target("direct", port, process)


@contextlib.contextmanager
def gateways(root: Path, direct: Target, options: Namespace) -> Iterator[list[Target]]:
    """Insource first, then the peers that were given, all in front of one upstream."""
    base_url = f"http://127.0.0.1:{direct.port}/v1"
    with contextlib.ExitStack() as stack:

        def start(name: str, command: list[str], port: int, **environment: str) -> Target:
            process = stack.enter_context(_running(command, root, GATEWAY_CORE, **environment))
            _wait(port)
            return Target(name, port, process)

        targets = []
        for name, redact in (("insource", ["secrets"]), (PERSONAL, ["secrets", "personal"])):
            project = root / f"{direct.port}-{len(redact)}"
            project.mkdir()
            settings = f'[log]\nredact = {redact}\n[upstreams.openai]\nbase_url = "{base_url}"\n'
            (project / "insource.toml").write_text(settings)
            port = _free_port()
            ours = [sys.executable, "-m", "insource.cli.main", "gateway", "--port", str(port)]
            targets.append(start(name, [*ours, "--config", str(project / "insource.toml")], port))
        port = _free_port()
        bare = [sys.executable, str(HERE / "bare_forwarder.py"), str(port), str(direct.port)]
        targets.append(start("floor", bare, port))
        if options.litellm:
            parameters = {"model": f"openai/{MODEL}", "api_base": base_url, "api_key": "sk-none"}
            model = {"model_name": MODEL, "litellm_params": parameters}
            (root / "litellm.json").write_text(json.dumps({"model_list": [model]}))
            port = _free_port()
            command = [str(options.litellm), "--config", "litellm.json", "--port", str(port)]
            local = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MASTER_KEY": CALLERS_KEY}
            targets.append(start("litellm", [*command, "--host", "127.0.0.1"], port, **local))
        if options.portkey:
            port = _free_port()
            target = start("portkey", ["node", str(options.portkey), f"--port={port}", "--headless"], port)
            target.headers = {"x-portkey-provider": "openai", "x-portkey-custom-host": base_url}
            targets.append(target)
        for target in targets:
            _answers(target)
        yield targets


@contextlib.contextmanager
def _running(
    command: list[str], folder: Path, cores: set[int], **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    log = (folder / f"{Path(command[0]).name}-{time.time_ns()}.log").open("wb") if folder != HERE else None
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdout=log or subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        env=os.environ | environment,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if log:
            log.close()


def _answers(target: Target) -> None:
    headers = {"content-type": "application/json", "authorization": f"Bearer {CALLERS_KEY}"} | target.headers
    request = urllib.request.Request(
        f"http://127.0.0.1:{target.port}{PATH}", request_body(streamed=False), headers
    )
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                assert b"word0" in reply.read()
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
            if time.monotonic() > deadline:
                detail = error.read()[:500] if isinstance(error, urllib.error.HTTPError) else b""
                sys.exit(f"error: {target.name} does not answer: {error} {detail!r}")
            time.sleep(1)


def _wait(port: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.2)
    sys.exit(f"error: nothing came up at port {port} within two minutes")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _family(pid: int) -> list[int]:
    """A process and all its descendants."""
    found = [pid]
    for one in found:
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += [int(child) for child in children.read_text().split()]
    return found


if __name__ == "__main__":
    main()
