"""Scenarios of action.yml and of the pipelines in docs/ci.md; prints one line for each."""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import threading
import xml.etree.ElementTree as xml
from pathlib import Path

import yaml

from composite import PATIENCE, Action, commands_to_the_runner, fenced

ROOT = Path(__file__).resolve().parent.parent.parent
ACTION = Action(ROOT)
PROGRAM = Path(os.environ["BAYEUX"])
DOCUMENT = ROOT / "docs/ci.md"
FEW = "--only 'hs.*'"


# --- the scenarios; each gets a stage with an empty workspace ---


def a_healthy_server_passes(stage):
    with serving() as url:
        run = stage.act(url=url, arguments=FEW)
    expect(run, 0, "passed")
    assert run.summary.startswith("### bayeux check: passed\n\nExit status 0: "), run.summary
    assert re.search(r"^    passed: \d+ pass", run.summary, re.MULTILINE), run.summary
    report = xml.parse(stage.workspace / "bayeux.xml").getroot()
    assert int(report.get("tests")) > 0 and report.get("failures") == "0"
    assert run.used == [
        {
            "uses": "actions/upload-artifact@v6",
            "name": "bayeux-report",
            "path": "bayeux.xml",
            "if-no-files-found": "ignore",
        }
    ]


def a_server_with_a_fault_fails_and_its_report_is_uploaded_all_the_same(stage):
    with serving("--fault", "handshake:wrong-id") as url:
        run = stage.act(url=url, arguments=FEW, report="reports/server.xml", artifact="server")
    expect(run, 7, "failed")
    assert "\n    cause: hs.id-echo: " in run.summary, run.summary
    assert "\n    hint: " in run.summary and "\n    error: " in run.summary, run.summary
    report = xml.parse(stage.workspace / "reports/server.xml").getroot()
    assert int(report.get("failures")) > 0
    assert [(it["name"], it["path"]) for it in run.used] == [("server", "reports/server.xml")]


def nobody_who_listens_is_no_failure_of_the_server(stage):
    run = stage.act(url=f"http://127.0.0.1:{free_port()}/cometd", arguments=FEW)
    expect(run, 3, "unreachable")
    assert "connection refused" in run.summary, run.summary


def a_server_that_starts_late_is_waited_for(stage):
    port = free_port()
    with contextlib.ExitStack() as stack:
        late = threading.Timer(1, lambda: stack.enter_context(serving("--listen", f"127.0.0.1:{port}")))
        late.start()
        run = stage.act(url=f"http://127.0.0.1:{port}/cometd", arguments=f"{FEW} --retry 30s")
        late.join()
    expect(run, 0, "passed")


def a_refused_handshake_has_a_status_of_its_own(stage):
    with serving("--require-token", "s3cret") as url:
        expect(stage.act(url=url, arguments=FEW), 4, "unauthorised")
    with serving("--require-token", "s3cret") as url:
        run = stage.act({"BAYEUX_TOKEN": "s3cret"}, url=url, arguments=FEW)
    expect(run, 0, "passed")
    assert "s3cret" not in run.log + run.summary


def words_are_those_that_a_shell_makes(stage):
    text = """it's  "two  words" $HOME `id` $(id) * \\"""
    quoted = "'" + text.replace("'", "'\"'\"'") + "'"
    arguments = f"""/demo
      text={quoted}
      other="a b" third=c\\ d empty=''
      --expect /demo -o data"""
    with serving() as url:
        run = stage.act(url=url, command="publish", arguments=arguments)
    expect(run, 0, "passed")
    sent = {"text": text, "other": "a b", "third": "c d", "empty": ""}
    assert any(line.startswith("{") and yaml.safe_load(line) == sent for line in run.log.splitlines()), run.log
    assert run.summary.startswith("### bayeux publish: passed"), run.summary
    # It writes no report, and asks for none.
    assert not (stage.workspace / "bayeux.xml").exists()


def a_quote_that_is_not_closed_is_said(stage):
    (stage.workspace / "bayeux.xml").write_text("of an earlier run")
    with serving() as url:
        run = stage.act(url=url, arguments="--only 'hs.*")
    assert run.status == 2 and "::error::a quote" in run.log, run.log
    assert run.used == []


def a_report_of_an_earlier_run_is_not_taken_for_one_of_this(stage):
    (stage.workspace / "bayeux.xml").write_text("of an earlier run")
    expect(stage.act(url=":1/cometd", arguments="--no-such-option"), 2, "error")
    assert not (stage.workspace / "bayeux.xml").exists()


def nothing_that_is_given_is_run(stage):
    attacks = [
        "$(touch run)",
        "`touch run`",
        "; touch run #",
        "'; touch run; '",
        '"; touch run; "',
        "x\nstatus=0\nverdict=passed\ntouch run",
        "x\n::error::of somebody else",
        "--token-cmd=touch run",
        "${{ touch run }}",
        "a[$(touch run)]",
    ]
    with serving() as url:
        for nth, attack in enumerate(attacks):
            for name in ("url", "command", "report", "install"):
                folder = stage.inner(f"{name}-{nth}")
                run = folder.act(**{"url": url, "arguments": "--only hs.id-echo", name: attack})
                # A report may have any name, and the check passes.
                assert run.status != 0 or name == "report", f"{name}: {attack}\n{run.log}"
                assert run.outputs["status"] in ("", str(run.status)), run.outputs
                assert folder.ran() is None, f"{name}: {attack}: {folder.ran()}"
                said = commands_to_the_runner(run.log)
                assert not any("somebody" in it for it in said), said
            if not attack.startswith("--token-cmd"):
                folder = stage.inner(f"arguments-{nth}")
                folder.act(url=url, arguments=attack)
                assert folder.ran() is None, f"arguments: {attack}"


def what_a_server_says_is_neither_a_command_nor_markup(stage):
    data = '"::error::from the server\\n</details><b>bold</b>```\\n# title"'
    with serving("--publish-on-subscribe", f"/demo={data}") as url:
        run = stage.act(url=url, command="subscribe", arguments="/demo -n 1 --jq .data -o data")
    expect(run, 0, "passed")
    assert "::error::from the server" in run.log, run.log
    assert commands_to_the_runner(run.log) == [], run.log
    for line in run.summary.splitlines():
        foreign = "server" in line or "bold" in line or "title" in line
        assert not foreign or line.startswith("    "), line


def a_url_is_taken_from_the_environment_too(stage):
    with serving() as url:
        run = stage.act({"BAYEUX_URL": url}, command="handshake")
    expect(run, 0, "passed")


def a_command_that_prints_nothing_passes(stage):
    with serving() as url:
        run = stage.act(url=url, command="publish", arguments="/demo {} -q", report="")
    expect(run, 0, "passed")
    assert run.used == []


def a_bayeux_that_is_missing_is_said(stage):
    run = ACTION.run({"install": "none"}, stage.workspace, os.environ["PATH"])
    assert run.status == 1 and "no bayeux on PATH" in run.log, run.log


def a_program_that_the_action_builds_is_on_path(stage):
    with serving() as url:
        run = ACTION.run({"url": url, "arguments": FEW}, stage.workspace, os.environ["PATH"])
    expect(run, 0, "passed")


def the_pipelines_of_the_documentation_do_what_they_say(stage):
    pipelines = documented()
    names = {name for name, _ in pipelines}
    assert names == {".github/workflows/server.yml", ".github/workflows/client.yml", ".gitlab-ci.yml", "Jenkinsfile"}, names
    for name, text in pipelines:
        folder = stage.inner(name.replace("/", "-"))
        with serving() as url:
            folder.follow(name, text, url)
        print(f"     {name}")


# --- the stage ---


class Stage:
    """A workspace, and a folder with the program."""

    def __init__(self, folder):
        self.folder = folder
        self.workspace = folder / "workspace"
        self.workspace.mkdir(parents=True)
        (folder / "bin").mkdir()
        (folder / "bin/bayeux").symlink_to(PROGRAM)
        self.path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"

    def inner(self, name):
        return Stage(self.folder / name)

    def act(self, environment=None, **inputs):
        return ACTION.run({"install": "none", **inputs}, self.workspace, self.path, environment)

    def ran(self):
        """The file that an attack makes, if there is one."""
        return next((it for it in self.folder.rglob("run") if it.is_file()), None)

    def follow(self, name, text, url):
        """Does what the pipeline does, with this server in place of that of the text."""
        # The programs of those who have such a pipeline.
        for program in ("cargo", "npm"):
            file = self.folder / "bin" / program
            file.write_text(f'#!/bin/sh\necho "{program} $*" >>called\n')
            file.chmod(0o755)
        steps = list(read_pipeline(name, yaml.safe_load(text) if name.endswith(".yml") else text))
        assert steps, f"{name} has no step"
        port, n_reports = free_port(), 0
        for kind, step in steps:
            step = substituted(step, url, port)
            if kind == "action":
                run = self.act(**step)
                expect(run, 0, "passed")
                n_reports += len(run.used)
            elif kind == "report":
                xml.parse(self.workspace / step)
                n_reports += 1
            else:
                self.shell(name, step, url)
        assert n_reports > 0 or "client" in name, f"{name} keeps no report"

    def shell(self, name, script, url):
        environment = {"PATH": self.path, "HOME": os.environ["HOME"], "CI": "true", "BAYEUX_URL": url}
        shell = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.workspace,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert shell.returncode == 0, f"{name}: {shell.returncode}\n{script}\n{shell.stdout}{shell.stderr}"


def documented():
    """The pipelines of docs/ci.md with their names, which their first lines tell."""
    blocks = fenced(DOCUMENT, "yaml") + fenced(DOCUMENT, "groovy")
    return [(re.match(r"(?:#|//) (\S+)\n", block)[1], block) for block in blocks]


def read_pipeline(name, pipeline):
    """Its steps: ("shell", script), ("action", inputs) or ("report", path)."""
    if name == "Jenkinsfile":
        for quoted in re.finditer(r"^ *(sh|junit) '(.*)'$", pipeline, re.MULTILINE):
            yield ("shell" if quoted[1] == "sh" else "report"), quoted[2]
    elif name == ".gitlab-ci.yml":
        for job in (it for it in pipeline.values() if "script" in it):
            yield "shell", "\n".join(job["script"])
            yield "report", job["artifacts"]["reports"]["junit"]
    else:
        for step in (step for job in pipeline["jobs"].values() for step in job["steps"]):
            uses = step.get("uses", "")
            if "run" in step:
                yield "shell", step["run"]
            elif "/bayeux@" in uses:
                yield "action", {name: str(it) for name, it in step["with"].items()}
            elif "upload-artifact" in uses:
                yield "report", step["with"]["path"]


def substituted(step, url, port):
    if isinstance(step, dict):
        step = {name: substituted(it, url, port) for name, it in step.items()}
        return {name: it for name, it in step.items() if name != "install"}
    return step.replace("https://example.com/cometd", url).replace("8080", str(port))


@contextlib.contextmanager
def serving(*options):
    """A server, and its URL."""
    listen = [] if "--listen" in options else ["--listen", "127.0.0.1:0"]
    server = subprocess.Popen(
        [PROGRAM, "serve", "-q", "--exit-with-stdin", *listen, *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield server.stdout.readline().strip()
    finally:
        server.stdin.close()
        server.wait(timeout=PATIENCE)


def free_port():
    ports = subprocess.run([ROOT / "tests/interop/free-ports", "1"], stdout=subprocess.PIPE, text=True, check=True)
    return int(ports.stdout)


def expect(run, status, verdict):
    assert run.status == status, f"status {run.status}, not {status}\n{run.log}"
    assert run.outputs == {"status": str(status), "verdict": verdict}, run.outputs


# --- what needs no stage ---


def action_yml_has_the_form_that_github_takes(folder):
    validate("github-actions", ROOT / "action.yml")
    for nth, script in enumerate(ACTION.scripts()):
        assert "${{" not in script, f"an expression in a script runs what is given to it:\n{script}"
        file = folder / f"step-{nth}.sh"
        file.write_text(f"#!/usr/bin/env bash\nset -eo pipefail\n{script}")
        subprocess.run(["shellcheck", "--exclude=SC2154", file], check=True)


def the_pipelines_have_the_form_that_is_taken(folder):
    for name, text in documented():
        file = folder / name.replace("/", "-").lstrip(".")
        file.write_text(text)
        if name.startswith(".github"):
            validate("github-workflows", file)
        elif name == ".gitlab-ci.yml":
            validate("gitlab-ci", file, "--data-transform", "gitlab-ci")


def validate(schema, file, *options):
    checker = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    subprocess.run([*checker, *options, file], check=True, stdout=subprocess.DEVNULL)


FORMS = [action_yml_has_the_form_that_github_takes, the_pipelines_have_the_form_that_is_taken]
SCENARIOS = [
    a_healthy_server_passes,
    a_server_with_a_fault_fails_and_its_report_is_uploaded_all_the_same,
    nobody_who_listens_is_no_failure_of_the_server,
    a_server_that_starts_late_is_waited_for,
    a_refused_handshake_has_a_status_of_its_own,
    words_are_those_that_a_shell_makes,
    a_quote_that_is_not_closed_is_said,
    a_report_of_an_earlier_run_is_not_taken_for_one_of_this,
    nothing_that_is_given_is_run,
    what_a_server_says_is_neither_a_command_nor_markup,
    a_url_is_taken_from_the_environment_too,
    a_command_that_prints_nothing_passes,
    a_bayeux_that_is_missing_is_said,
    the_pipelines_of_the_documentation_do_what_they_say,
]


def main():
    scenarios = SCENARIOS + [a_program_that_the_action_builds_is_on_path] * ("--install" in sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for form in FORMS:
            form(folder)
            print(f"ok   {form.__name__.replace('_', ' ')}", flush=True)
        for scenario in scenarios:
            scenario(Stage(folder / scenario.__name__))
            print(f"ok   {scenario.__name__.replace('_', ' ')}", flush=True)
    print(f"{len(FORMS) + len(scenarios)} of {len(FORMS) + len(scenarios)} hold")


if __name__ == "__main__":
    main()
