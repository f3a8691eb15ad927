"""What the scenarios start: a master of Locust, workers of bayeux, and what they say."""

import http.client
import json
import os
import signal
import subprocess
import time
import urllib.parse

PATIENCE = 40


class Failed(Exception):
    """Something is not as it has to be."""


def free_port():
    ports = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../free-ports")
    return int(subprocess.run([ports, "1"], stdout=subprocess.PIPE, text=True, check=True).stdout)


def until(what, condition, seconds=PATIENCE):
    """Waits until this returns something true, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failed(f"not within {seconds} s: {what}")
        time.sleep(0.05)


class Process:
    def __init__(self, name, folder, arguments):
        self.name = name
        self.stdout_path = os.path.join(folder, f"{name}.out")
        self.stderr_path = os.path.join(folder, f"{name}.err")
        with open(self.stdout_path, "ab") as out, open(self.stderr_path, "ab") as err:
            self.child = subprocess.Popen(
                arguments, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )

    def stdout(self):
        with open(self.stdout_path, encoding="utf-8") as file:
            return file.read()

    def stderr(self):
        with open(self.stderr_path, encoding="utf-8") as file:
            return file.read()

    def kill(self):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()

    def signal(self, number):
        self.child.send_signal(number)

    def ends(self, status, seconds=PATIENCE):
        try:
            code = self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name} does not end\n{self.stderr()}") from None
        if status is not None and code != status:
            raise Failed(f"{self.name} ended with {code}, not {status}\n{self.stderr()}")

    def says(self, text, seconds=PATIENCE):
        until(f"{self.name} says '{text}'", lambda: text in self.stderr(), seconds)


class Master(Process):
    """A Locust master, with its page unless it is headless."""

    def __init__(self, stage, *arguments, locust="LOCUST_NEW", port=None, name="master"):
        self.port = port or free_port()
        self.page_port = free_port()
        self.is_old = locust == "LOCUST_OLD"
        bind = ["--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", str(self.port)]
        page = ["--web-host", "127.0.0.1", "--web-port", str(self.page_port)]
        if "--headless" in arguments:
            page = []
        file = os.path.join(stage.folder, "bayeux_locust.py")
        with open(file, "wb") as out:
            subprocess.run([os.environ["BAYEUX"], "bench", "--print-locustfile"], stdout=out, check=True)
        super().__init__(name, stage.folder, [os.environ[locust], "-f", file, *bind, *page, *arguments])
        stage.processes.append(self)
        if page:
            until("the master's page", self.answers)

    def answers(self):
        if self.child.poll() is not None:
            raise Failed(f"{self.name} ended\n{self.stderr()}")
        try:
            return self.get("/stats/requests")
        except OSError:
            return None

    def get(self, path):
        return json.loads(self.request("GET", path))

    def post(self, path, **form):
        return json.loads(self.request("POST", path, urllib.parse.urlencode(form)))

    def request(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.page_port, timeout=10)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        if response.status != 200:
            raise Failed(f"{method} {path}: {response.status} {text[:200]}")
        return text

    def swarm(self, users, spawn_rate, **options):
        answer = self.post("/swarm", user_count=users, spawn_rate=spawn_rate, **options)
        if not answer["success"]:
            raise Failed(f"the master does not begin: {answer}")

    def stop(self):
        # 2.32.0 takes no POST there, and 2.47.0 nothing else.
        method = "GET" if self.is_old else "POST"
        self.request(method, "/stop")

    def state(self):
        return self.get("/stats/requests")

    def users(self):
        """The users of each worker that is there, the smallest first."""
        workers = self.state()["workers"]
        return sorted(it["user_count"] for it in workers if it["state"] != "missing")

    def await_users(self, users, seconds=PATIENCE):
        until(f"users {users}, not {self.users()}", lambda: self.users() == users, seconds)

    def await_requests(self, at_least):
        def enough():
            stats = self.state()["stats"]
            counts = [it["num_requests"] for it in stats if it["method"] == "deliver"]
            return sum(counts) >= at_least

        until(f"{at_least} deliveries", enough)


class Worker(Process):
    """A worker, which prints what it measured itself as JSON after each run."""

    def __init__(self, stage, port, *arguments, name=None):
        name = name or f"worker{len(stage.workers)}"
        command = [os.environ["BAYEUX"], "bench", os.environ["SERVER"], "--locust", f"127.0.0.1:{port}"]
        super().__init__(name, stage.folder, [*command, "-o", "json", *arguments])
        stage.workers.append(self)
        stage.processes.append(self)

    def runs(self):
        text, runs = self.stdout(), []
        while text.strip():
            try:
                run, end = json.JSONDecoder().raw_decode(text.lstrip())
            except ValueError:
                # Half of it is written.
                break
            runs.append(run)
            text = text.lstrip()[end:]
        return runs


class Stage:
    """The processes of one scenario, and its files."""

    def __init__(self, folder):
        self.folder = folder
        self.workers = []
        self.processes = []
        os.makedirs(folder)

    def clear(self):
        for process in self.processes:
            process.kill()

    def told(self):
        """The last lines that each process said."""
        lines = []
        for process in self.processes:
            lines += [f"{process.name}: {it}" for it in process.stderr().splitlines()[-8:]]
        return "\n".join(lines)


TERMINATE = signal.SIGTERM
