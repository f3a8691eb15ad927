"""scenarios.py [--picture FILE] [SCENARIO...]: the scenarios, all at once; see `run`."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback

from comparison import compare, compare_percentiles
from processes import TERMINATE, Failed, Master, Stage, Worker, free_port, until

picture = None


def load(name, rate=100):
    """The master's options of a load on a channel of its own."""
    return {"channel": f"/locust/{name}", "rate": str(rate), "publishers": "2"}


def words(options):
    return [word for name, value in options.items() for word in (f"--{name}", value)]


def headless(stage, locust):
    """Two workers, a run of some seconds: every count and the percentiles."""
    return in_time(stage, lambda it: two_workers(it, locust))


def in_time(stage, scenario):
    """A master that quits takes figures for half a second, which a machine with too much to do does not keep; its
    workers say so, and it is tried again."""
    for attempt in range(4):
        part = Stage(os.path.join(stage.folder, f"{os.path.basename(stage.folder)}{attempt}"))
        stage.processes = part.processes
        try:
            return scenario(part)
        except Failed:
            part.clear()
            if attempt == 3 or not any("has not waited" in it.stderr() for it in part.workers):
                raise
    raise Failed("unreachable")


def two_workers(stage, locust):
    name = os.path.basename(stage.folder)
    arguments = ["--headless", "--expect-workers", "2", "-u", "20", "-r", "20", "-t", "8s", "--json"]
    master = Master(stage, *arguments, *words(load(name, 160)), locust=locust)
    files = [os.path.join(stage.folder, f"{n}.json") for n in range(2)]
    workers = [Worker(stage, master.port, "--report", file) for file in files]
    # 1 where something failed: a machine that is too busy sends too late.
    master.ends(None)
    for worker in workers:
        worker.ends(0)
    entries = json.loads(master.stdout())
    runs = [run for worker in workers for run in worker.runs()]
    if len(runs) != 2:
        raise Failed(f"{len(runs)} runs of two workers")
    if not all(run["messages"]["foreign"] > 0 for run in runs):
        raise Failed("each worker's clients hear the other's publishers, and that is not counted")
    n_requests = compare(entries, runs)
    worst = compare_percentiles(entries, files)
    return f"{n_requests} requests, percentiles within {100 * worst:.3f} %"


def headless_2_47_0(stage):
    return headless(stage, "LOCUST_NEW")


def headless_2_32_0(stage):
    return headless(stage, "LOCUST_OLD")


def refusals(stage):
    """A channel that the server denies: what fails is counted by the master as by the worker."""
    return in_time(stage, refused)


def refused(stage):
    master = Master(
        stage, "--headless", "--expect-workers", "2", "-u", "4", "-r", "4", "-t", "5s", "--json",
        "--channel", "/denied/locust", "--rate", "40",
    )  # fmt: skip
    workers = [Worker(stage, master.port) for _ in range(2)]
    # Locust's own status for a test with failures.
    master.ends(1)
    for worker in workers:
        worker.ends(0)
    entries = json.loads(master.stdout())
    runs = [run for worker in workers for run in worker.runs()]
    from comparison import counts_at, counts_of

    told, truth = counts_at(entries), counts_of(runs)
    if told != truth:
        raise Failed(f"the master counted {told}, the workers {truth}")
    n_failures = sum(failures for _, failures in told.values())
    if told["subscribe"][1] == 0 or told["publish"][1] == 0:
        raise Failed(f"nothing was refused: {told}")
    return f"{n_failures} failures"


def steering(stage, locust):
    """Other numbers of users while it runs; stop, start again, and the counts of the second run."""
    master = Master(stage, "--json", locust=locust)
    workers = [Worker(stage, master.port) for _ in range(2)]
    until("two workers", lambda: master.users() == [0, 0])
    options = load(os.path.basename(stage.folder))
    master.swarm(8, 8, **options)
    master.await_users([4, 4])
    master.await_requests(200)
    master.swarm(14, 20, **options)
    master.await_users([7, 7])
    master.swarm(6, 20, **options)
    master.await_users([3, 3])
    master.stop()
    until("two workers that stand by", lambda: master.users() == [0, 0])
    until("the first report of each worker", lambda: all(len(it.runs()) == 1 for it in workers))
    compare_page(master, [run for worker in workers for run in worker.runs()])
    master.swarm(10, 20, **options)
    master.await_users([5, 5])
    master.await_requests(200)
    master.stop()
    until("two workers that stand by", lambda: master.users() == [0, 0])
    n_requests = after_the_second_run(master, workers)
    return f"{n_requests} requests in the second run"


def after_the_second_run(master, workers):
    """Lets the master quit; how many requests it has of what was each worker's second run."""
    until("the second report of each worker", lambda: all(len(it.runs()) == 2 for it in workers))
    master.signal(TERMINATE)
    master.ends(None)
    for worker in workers:
        worker.ends(0)
    return compare(json.loads(master.stdout()), [worker.runs()[1] for worker in workers])


def compare_page(master, runs):
    """The page's counts of a test that was stopped, which Locust prints for the last test alone."""
    from comparison import counts_of

    stats = [it for it in master.state()["stats"] if it["name"] != "Aggregated"]
    told = {it["method"]: (it["num_requests"], it["num_failures"]) for it in stats}
    if told != counts_of(runs):
        raise Failed(f"the page has {told}, the workers {counts_of(runs)}")


def steering_2_47_0(stage):
    return steering(stage, "LOCUST_NEW")


def steering_2_32_0(stage):
    return steering(stage, "LOCUST_OLD")


def page(stage):
    """The master's page in a browser: fields, charts, another number of users, stop and start."""
    master = Master(stage, "--json")
    workers = [Worker(stage, master.port) for _ in range(2)]
    until("two workers", lambda: master.users() == [0, 0])
    command = ["node", os.environ["PAGE"], f"http://127.0.0.1:{master.page_port}/", os.environ["SERVER"]]
    outcome = subprocess.run([*command, *([picture] if picture else [])], capture_output=True, text=True, timeout=120)
    if outcome.returncode != 0:
        raise Failed(outcome.stderr)
    master.signal(TERMINATE)
    master.ends(None)
    for worker in workers:
        worker.ends(0)
    config = workers[0].runs()[0]["config"]
    if (config["channel"], config["publishers"]) != ("/rooms", 2):
        raise Failed(f"the fields of the page did not arrive: {config}")
    return outcome.stdout.strip()


def rebalancing(stage):
    """A worker is killed, and the other one takes its users; a new one gets its share."""
    master = Master(stage, "--enable-rebalancing", "--json")
    workers = [Worker(stage, master.port) for _ in range(2)]
    until("two workers", lambda: master.users() == [0, 0])
    master.swarm(10, 20, **load("rebalancing"))
    master.await_users([5, 5])
    master.await_requests(100)
    workers[1].kill()
    master.await_users([10])
    third = Worker(stage, master.port)
    master.await_users([5, 5])
    # Who leaves in good order is gone at once.
    third.signal(TERMINATE)
    third.ends(143)
    until("one worker", lambda: len(master.users()) == 1)
    master.signal(TERMINATE)
    master.ends(None)
    workers[0].ends(0)
    return "10, 5 5, 5"


def restart(stage):
    """The master is killed, and comes back on the same port: nothing of the old test gets into the new one."""
    port = free_port()
    first = Master(stage, port=port)
    workers = [Worker(stage, port) for _ in range(2)]
    until("two workers", lambda: first.users() == [0, 0])
    first.swarm(6, 10, **load("restart"))
    first.await_users([3, 3])
    first.await_requests(100)
    first.kill()
    for worker in workers:
        worker.says("the connection")
        until("the report of the run that was lost", lambda it=worker: len(it.runs()) == 1)
    second = Master(stage, "--json", port=port, name="second")
    until("two workers", lambda: second.users() == [0, 0])
    second.swarm(6, 10, **load("restart"))
    second.await_users([3, 3])
    second.await_requests(100)
    second.stop()
    n_requests = after_the_second_run(second, workers)
    return f"{n_requests} requests in the new test"


def strangers(stage):
    """No master yet, and something else on its port: told, tried again, and no load."""
    port = free_port()
    lonely = Worker(stage, port)
    lonely.says("cannot connect")
    server_port = int(os.environ["SERVER"].split(":")[2].split("/")[0])
    astray = Worker(stage, server_port)
    astray.says("is not ZeroMQ")
    page_only = Master(stage, port=port)
    until("the worker that waited", lambda: page_only.users() == [0])
    web = Worker(stage, page_only.page_port)
    web.says("no answer within 10s")
    for worker in (astray, web):
        worker.signal(TERMINATE)
        worker.ends(143)
    page_only.signal(TERMINATE)
    page_only.ends(None)
    lonely.ends(0)
    return "told and tried again"


SCENARIOS = [
    headless_2_47_0,
    headless_2_32_0,
    refusals,
    steering_2_47_0,
    steering_2_32_0,
    page,
    rebalancing,
    restart,
    strangers,
]


def main():
    global picture
    arguments = sys.argv[1:]
    if arguments[:1] == ["--picture"]:
        picture = os.path.abspath(arguments[1])
        arguments = arguments[2:] or ["page"]
    chosen = [it for it in SCENARIOS if not arguments or it.__name__ in arguments]
    if len(chosen) < len(arguments):
        sys.exit(f"the scenarios: {', '.join(it.__name__ for it in SCENARIOS)}")
    folder = tempfile.mkdtemp(prefix="bayeux-locust-")
    failed = []

    def play(scenario):
        began = time.monotonic()
        stage = Stage(os.path.join(folder, scenario.__name__))
        try:
            outcome = scenario(stage)
            print(f"ok   {scenario.__name__}: {outcome} ({time.monotonic() - began:.0f} s)", flush=True)
        except Exception as error:  # Whatever it is, the others go on.
            failed.append(scenario.__name__)
            what = str(error) if isinstance(error, Failed) else traceback.format_exc()
            print(f"FAIL {scenario.__name__}: {what}\n{stage.told()}", flush=True)
        finally:
            stage.clear()

    threads = [threading.Thread(target=play, args=[it]) for it in chosen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        sys.exit(f"{len(failed)} of {len(chosen)} scenarios failed; their files are in {folder}")
    shutil.rmtree(folder)


main()
