"""What the measuring scripts share: the program, the embedded server and the verdict."""

import contextlib
import math
import os
import subprocess

BAYEUX = os.environ.get("BAYEUX", "target/release/bayeux")


@contextlib.contextmanager
def embedded_server():
    """The URL of a `bayeux serve` that ends with the block."""
    with serving() as (_, url):
        yield url


@contextlib.contextmanager
def serving():
    """The process of a `bayeux serve` that ends with the block, and its URL."""
    server = subprocess.Popen(
        [BAYEUX, "serve", "--listen", "127.0.0.1:0", "-q"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        url = server.stdout.readline().strip()
        if not url.startswith("http://"):
            raise SystemExit(f"bayeux serve printed {url!r} instead of its URL")
        yield server, url
    finally:
        server.terminate()
        server.wait(10)


def resident_kib(pid):
    """The memory that a process has now; nothing once it has ended."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    return 0


def percentile(values, share):
    """The smallest value that at least this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[math.ceil(len(ordered) * share) - 1]


def verdict(name, figure, goal, met):
    """One line for one figure."""
    print(f"{name:<34} {figure:<30} goal {goal:<12} {'met' if met else 'NOT met'}", flush=True)
