"""The master's side of `bayeux bench --locust`: a Locust file without a line of load in it.

    bayeux bench --print-locustfile > bayeux_locust.py
    locust -f bayeux_locust.py --master
    bayeux bench --locust MASTER        # on each machine that makes the load

A user is a client of Bayeux, which subscribes. The workers publish to their own clients; what is
left empty here is as their own command lines have it. Credentials belong there: whatever Locust
sends to its workers passes in clear.
"""

import sys

from locust import User, events, task
from locust.runners import MasterRunner

OPTIONS = {
    "channel": "channel to publish to: /bench",
    "rate": "messages a second by all workers together, or max",
    "size": "bytes of the data of a message",
    "publishers": "sessions of each worker that publish",
    "batch": "messages that a publisher sends in one request",
    "channels": "channels of each worker: CHANNEL/0, CHANNEL/1, ...",
    "per-client": "channels that each client subscribes to",
}


class BayeuxClient(User):
    """Stands for one client. Those that there are live in the workers."""

    @task
    def live_elsewhere(self):
        """Runs nowhere: Locust warns of a user without a task."""


# Locust wants the parameter to have this name.
@events.init_command_line_parser.add_listener
def add_options(parser):
    for name, meaning in OPTIONS.items():
        parser.add_argument(f"--{name}", default="", help=f"{meaning}; if empty, as the workers have it")


@events.init.add_listener
def insist_on_a_master(environment, **_):
    if not isinstance(environment.runner, MasterRunner):
        sys.exit("this file is for `locust --master`; its workers are `bayeux bench --locust`")
