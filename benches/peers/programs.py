"""How the server and each load program are started, and how what they print becomes one shape."""

import contextlib
import json
import os
import pathlib
import subprocess
import tempfile
import urllib.request
from dataclasses import dataclass

HERE = pathlib.Path(__file__).resolve().parent
SERVERS = HERE.parents[1] / "tests" / "interop" / "servers"
SERVER = "cometd-java"
BATCH = 10
# A program that has not ended this long after its load has hung.
PATIENCE = 120


class Hung(SystemExit):
    """A program has not ended, and was killed."""


@dataclass(frozen=True)
class Workload:
    """One load, of which one program after the other is the source."""

    name: str
    transport: str
    clients: int
    rooms: int
    rate: int
    size: int
    warmup: float
    jvm_warmup: float
    duration: float
    drain: float

    def __str__(self):
        return (
            f"{self.name} {self.transport}, {self.clients} clients in {self.rooms} rooms, "
            f"{self.rate} messages/s in batches of {BATCH}, {self.size} B, {self.duration:g} s"
        )


@contextlib.contextmanager
def server():
    """The URL of a fresh CometD server that ends with the block."""
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(
            os.environ,
            INTEROP_RUN=folder,
            # CometD's own defaults, but that a session outlives any backlog.
            PEER_TIMEOUT="30000",
            PEER_MAX_INTERVAL="30000",
            PEER_HEAP="1g",
            # Only some of the clients can compress, and that costs more than all the rest.
            PEER_DEFLATE="false",
        )
        up = subprocess.run([SERVERS / "up", SERVER], env=environment, stdout=subprocess.PIPE, check=True)
        url = up.stdout.decode().strip()
        port = url.split(":")[2].split("/")[0]
        try:
            yield url
        finally:
            subprocess.run([SERVERS / "down", SERVER, "--port", port], env=environment, check=True)


def forget(url):
    """Frees the server from the sessions of a program that has ended."""
    request = urllib.request.Request(url.rsplit("/", 1)[0] + "/forget", method="POST")
    urllib.request.urlopen(request, timeout=10).read()


def java(url, workload):
    build = _build("java")
    command = ["java", "-Xmx1g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"]
    command += ["-cp", f"{build}/classes:{build}/lib/*", "peers.Load"]
    return _result(command + _options(url, workload, workload.jvm_warmup), workload)


def npm_cometd(url, workload):
    return _npm("cometd", url, workload)


def npm_faye(url, workload):
    return _npm("faye", url, workload)


def bare(url, workload):
    return _result([os.environ["BARE_RECEIVER"], *_options(url, workload, workload.warmup)], workload)


def bayeux(url, workload):
    command = [os.environ["BAYEUX"], "bench", url, "/bench", "-t", workload.transport]
    command += ["-c", workload.clients, "--channels", workload.rooms, "--per-client", "1", "--publishers", "1"]
    command += ["-r", workload.rate, "--batch", BATCH, "-s", workload.size, "-d", f"{workload.duration}s"]
    command += ["--warmup", f"{workload.warmup}s", "--drain", f"{workload.drain}s", "-o", "json"]
    report = _result(command, workload)
    client, messages, delivery = report["client"], report["messages"], report["latency"]["delivery"]
    seconds = [it for it in report["intervals"] if it["start_s"] < workload.duration]
    return {
        "cpu_seconds": client["cpu_seconds"],
        "arrived_in_window": sum(it["delivered"] for it in seconds),
        "expected": messages["expected"],
        "received": messages["delivered"],
        "lost": messages["lost"],
        "duplicates": messages["duplicates"],
        "p50_us": delivery["percentiles"]["p50"],
        "p99_us": delivery["percentiles"]["p99"],
        "max_us": delivery["max"],
        "rss_mib_end": client["rss_mib"],
        "rss_mib_peak": client["rss_peak_mib"],
        "failures": sum(it["count"] for it in report["errors"]),
        "first_failure": "".join(it["first"] for it in report["errors"][:1]),
    }


def _npm(library, url, workload):
    command = ["node", f"{_build('node')}/load.mjs", "--library", library]
    return _result(command + _options(url, workload, workload.warmup), workload)


def _options(url, workload, warmup):
    options = ["--url", url, "--transport", workload.transport, "--clients", workload.clients]
    options += ["--channels", workload.rooms, "--rate", workload.rate, "--batch", BATCH, "--size", workload.size]
    return options + ["--warmup", warmup, "--duration", workload.duration, "--drain", workload.drain]


def _build(kind):
    build = subprocess.run([HERE / "build", kind], stdout=subprocess.PIPE, check=True)
    return build.stdout.decode().strip()


def _result(command, workload):
    command = [str(word) for word in command]
    limit = workload.jvm_warmup + workload.duration + workload.drain + PATIENCE
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=limit, check=True)
    except subprocess.CalledProcessError as failure:
        raise SystemExit(f"benches/peers: {failure}")
    except subprocess.TimeoutExpired as failure:
        raise Hung(f"benches/peers: {failure}")
    return json.loads(done.stdout)
