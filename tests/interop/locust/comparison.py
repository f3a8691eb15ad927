"""Whether a master counted what its workers counted."""

import json
import os
import subprocess

from processes import Failed

# The key of a run's JSON, and what it is called in Locust.
LATENCIES = {
    "handshake": "handshake",
    "connect": "connect",
    "subscribe": "subscribe",
    "publish": "publish",
    "delivery": "deliver",
}
# What the master reports, and how far from the truth that may be.
PERCENTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
TOLERANCE = 0.002


def counts_of(runs):
    """What workers counted: (requests, failures) for each kind of request."""
    counts = dict.fromkeys(LATENCIES.values(), (0, 0))

    def add(method, n_times, n_failures):
        requests, failures = counts[method]
        counts[method] = (requests + n_times + n_failures, failures + n_failures)

    for run in runs:
        messages = run["messages"]
        for key, method in LATENCIES.items():
            n_failures = sum(
                it["count"] for it in run["errors"] if it["request"] == method and method not in ("publish", "deliver")
            )
            add(method, run["latency"][key]["count"], n_failures)
        add("publish", 0, messages["rejected"] + messages["unacknowledged"] + messages["unsent"])
        add("deliver", 0, messages["lost"])
    return {method: count for method, count in counts.items() if count != (0, 0)}


def counts_at(entries):
    """What a master counted, from its JSON."""
    counts = {}
    for entry in entries:
        requests, failures = counts.get(entry["method"], (0, 0))
        counts[entry["method"]] = (requests + entry["num_requests"], failures + entry["num_failures"])
    return counts


def compare(entries, runs):
    """Holds a master's JSON against the workers' runs; returns how many requests there were."""
    truth, told = counts_of(runs), counts_at(entries)
    if told != truth:
        raise Failed(f"the master counted {told}, the workers {truth}")
    for key, method in LATENCIES.items():
        times = {}
        for entry in entries:
            if entry["method"] == method:
                for time, count in entry["response_times"].items():
                    times[float(time)] = times.get(float(time), 0) + count
        recorded = sum(run["latency"][key]["count"] for run in runs)
        if sum(times.values()) != recorded:
            raise Failed(f"{method}: {sum(times.values())} times at the master, {recorded} recorded")
    if "deliver" not in told:
        raise Failed(f"nothing was delivered: {told}")
    return sum(requests for requests, _ in told.values())


def compare_percentiles(entries, paths):
    """Holds a master's percentiles against those of the workers' files, merged; returns the worst deviation."""
    command = [os.environ["BAYEUX"], "report", *paths, "-o", "json"]
    merged = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    worst = 0.0
    n_compared = 0
    for key, method in LATENCIES.items():
        entry = next((it for it in entries if it["method"] == method), None)
        if entry is None:
            continue
        times = {float(time): count for time, count in entry["response_times"].items()}
        for name, percentile in PERCENTILES.items():
            truth = merged["latency"][key]["percentiles"].get(name)
            # Where there are too few samples beyond it, there is none.
            if truth is None:
                continue
            # Of an even number of times Locust takes the one above the middle, and bayeux the one below it.
            told = [1000 * it for it in around(times, percentile)]
            deviation = min(abs(it - truth) / truth for it in told)
            worst = max(worst, deviation)
            n_compared += 1
            if deviation > TOLERANCE:
                raise Failed(f"{method} {name}: {told} us at the master, {truth} us of the workers")
    if n_compared < 6:
        raise Failed(f"only {n_compared} percentiles could be compared")
    return worst


def around(times, percentile):
    """The time of `calculate_response_time_percentile` of Locust, and the one before it."""
    n_requests = sum(times.values())
    processed, before = 0, []
    for time in sorted(times, reverse=True):
        processed += times[time]
        if before or n_requests - processed <= int(n_requests * percentile):
            before.append(time)
        if n_requests - processed < int(n_requests * percentile):
            break
    return before
