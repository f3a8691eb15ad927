"""command_lines.py FILE...: each command line of bayeux in these files is one that $BAYEUX takes."""

import os
import subprocess
import sys

import yaml


def containers(document):
    """What runs somewhere: services of Compose, containers of Kubernetes."""
    if isinstance(document, dict):
        if "image" in document:
            yield document
        for value in document.values():
            yield from containers(value)
    elif isinstance(document, list):
        for value in document:
            yield from containers(value)


n_lines = 0
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        documents = list(yaml.safe_load_all(file))
    for container in containers(documents):
        if container["image"] != "bayeux":
            continue
        line = container.get("args") or container["command"]
        # Whatever stands before --help is parsed first.
        outcome = subprocess.run(
            [os.environ["BAYEUX"], *line, "--help"], capture_output=True, text=True, timeout=10
        )
        if outcome.returncode != 0:
            sys.exit(f"{path}: bayeux {' '.join(line)}\n{outcome.stderr}")
        print(f"ok   {os.path.basename(path)}: bayeux {' '.join(line)}")
        n_lines += 1
if n_lines < 3:
    sys.exit(f"only {n_lines} command lines found")
