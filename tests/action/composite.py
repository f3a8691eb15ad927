"""A composite action, run as GitHub's runner runs it: each step in a shell of its own, which knows nothing but what the
runner sets."""

import os
import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import yaml

PATIENCE = 120
EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
# What a runner's image sets beside PATH and HOME, where the toolchain is not in its usual place.
TOOLCHAIN = ("CARGO_", "RUSTUP_")


@dataclass
class Run:
    """What came of the action."""

    status: int = 0
    log: str = ""
    summary: str = ""
    outputs: dict = field(default_factory=dict)
    # The inputs of each step that is somebody else's action.
    used: list = field(default_factory=list)


class Action:
    def __init__(self, folder):
        self.folder = folder
        self.definition = yaml.safe_load((folder / "action.yml").read_text())
        self.steps = self.definition["runs"]["steps"]

    def scripts(self):
        return [step["run"] for step in self.steps if "run" in step]

    def run(self, inputs, workspace, path, environment=None):
        """Runs it in this folder with these programs, and what the job's environment adds."""
        unknown = inputs.keys() - self.definition["inputs"].keys()
        assert not unknown, f"the action has no input {unknown}"
        given = {name: str(it.get("default", "")) for name, it in self.definition["inputs"].items()}
        context = {f"inputs.{name}": value for name, value in {**given, **inputs}.items()}
        run, job = Run(), Job(workspace, path, environment or {})
        for step in self.steps:
            # Without a condition of its own a step asks whether all before it succeeded.
            if run.status != 0 or not holds(step.get("if", ""), context):
                continue
            if "uses" in step:
                values = {name: resolved(str(it), context) for name, it in step["with"].items()}
                run.used.append({"uses": step["uses"], **values})
                continue
            variables = {name: resolved(it, context) for name, it in step.get("env", {}).items()}
            outputs = job.step(step["run"], variables, self.folder, run)
            context |= {f"steps.{step.get('id')}.outputs.{name}": value for name, value in outputs.items()}
        run.summary = job.summary.read_text()
        for name, it in self.definition["outputs"].items():
            run.outputs[name] = resolved(it["value"], context)
        return run


class Job:
    """What the steps of a job share."""

    def __init__(self, workspace, path, environment):
        self.workspace, self.path, self.environment = workspace, path, environment
        self.folder = Path(tempfile.mkdtemp(prefix="runner-", dir=workspace.parent))
        self.summary = self.folder / "summary"
        self.summary.touch()

    def step(self, script, variables, action, run):
        """Runs the script, adds to what came of the run, and returns the outputs of the step."""
        files = {name: self.folder / name for name in ("script", "output", "path", "temp")}
        files["script"].write_text(script)
        files["output"].write_text("")
        files["path"].write_text("")
        files["temp"].mkdir(exist_ok=True)
        environment = {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(action),
            "GITHUB_OUTPUT": str(files["output"]),
            "GITHUB_PATH": str(files["path"]),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_WORKSPACE": str(self.workspace),
            "HOME": os.environ["HOME"],
            "PATH": self.path,
            "RUNNER_OS": "Linux",
            "RUNNER_TEMP": str(files["temp"]),
            **{name: value for name, value in os.environ.items() if name.startswith(TOOLCHAIN)},
            **self.environment,
            **variables,
        }
        # The command line is that of `shell: bash` in a runner.
        shell = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(files["script"])],
            cwd=self.workspace,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE if "cargo install" not in script else 10 * PATIENCE,
        )
        run.status = shell.returncode
        run.log += shell.stdout.decode()
        for folder in files["path"].read_text().splitlines():
            self.path = f"{folder}{os.pathsep}{self.path}"
        return dict(line.split("=", 1) for line in files["output"].read_text().splitlines())


def resolved(text, context):
    # What a step did not say is empty, as the runner has it.
    def value(expression):
        name = expression[1]
        assert name in context or name.startswith("steps."), f"an expression that is not known here: {name}"
        return context.get(name, "")

    return EXPRESSION.sub(value, text)


def holds(condition, context):
    """Whether all of `NAME != 'TEXT' && ...` is so; no other condition is known here."""
    for term in filter(None, condition.split(" && ")):
        name, relation, text = re.fullmatch(r"([\w.]+) (==|!=) '(.*)'", term).groups()
        if (context[name] == text) != (relation == "=="):
            return False
    return True


def commands_to_the_runner(log):
    """The workflow commands that a runner would carry out of what the steps print."""
    found, stopped_until = [], None
    for line in log.splitlines():
        command = re.match(r"\s*::([\w-]+).*?::(.*)", line)
        if stopped_until is not None:
            if line.strip() == f"::{stopped_until}::":
                stopped_until = None
        elif command and command[1] == "stop-commands":
            stopped_until = command[2]
        elif command or "##[" in line:
            found.append(line.strip())
    assert stopped_until is None, "commands are stopped and never begin again"
    return found


def fenced(document, language):
    """The blocks of this language in a Markdown file."""
    return re.findall(rf"^```{language}\n(.*?)^```$", Path(document).read_text(), re.MULTILINE | re.DOTALL)
