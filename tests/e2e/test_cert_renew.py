"""A certificate is renewed by a program that the operator allows: certbot's part is played by a script of the test's own."""
import hashlib
import os
import shutil
import subprocess

import pytest

from agent import Agent, runbookd
from test_cert import pki  # noqa: F401 (a fixture)

PROGRAM = """#!/bin/sh
# certbot renew [--dry-run] --cert-name NAME
echo "$*" >>{log}
[ "$REFUSE" != die ] || kill -9 $$
[ -z "$REFUSE" ] || {{ echo "too many certificates already issued" >&2; exit 1; }}
[ "$2" = --dry-run ] && exit 0
cp {good} {live}/fullchain.pem && cp {good_key} {live}/privkey.pem && echo "Congratulations, all renewals succeeded"
"""
CONFIG = """
agent: {{realm: tests, state: {folder}/state, heartbeat: 1s}}
guard: {{mode: {mode}}}
exec: {{allow: [{{program: {program}, sha256: {sha256}}}]}}
targets:
  shop:
    type: cert
    renewal:
      command: [{program}, renew, --cert-name, shop]
      rehearsal: [{program}, renew, --dry-run, --cert-name, shop]
      environment: {{REFUSE: "{refuse}"}}
    checks: {{endpoint: "off", file: {{path: {folder}/live/fullchain.pem, every: 1s}}}}
remediations:
  renew:
    trigger: {{check: shop/file, status: critical}}
    script: cert/renew_certbot
    targets: {{cert: shop}}
    allow: ["cert:renew"]
    mode: auto
    guard: {{cooldown: 24h}}
    verify: {{check: shop/file, condition: days_left > 30, within: 20s, stable: 2s}}
"""


class Place:
    """What expires soon, and a program that would renew it."""

    def __init__(self, folder, pki):  # noqa: F811
        self.folder, self.live, self.log = folder, folder / "live", folder / "log"
        self.live.mkdir()
        shutil.copy(pki.chain("soon"), self.live / "fullchain.pem")
        shutil.copy(pki.key("soon"), self.live / "privkey.pem")
        self.program = folder / "certbot"
        self.program.write_text(PROGRAM.format(log=self.log, live=self.live, good=pki.chain("good"), good_key=pki.key("good")))
        self.program.chmod(0o755)

    def config(self, mode="auto", refuse="", sha256=None, config=CONFIG):
        return config.format(folder=self.folder, mode=mode, program=self.program, refuse=refuse,
                             sha256=sha256 or hashlib.sha256(self.program.read_bytes()).hexdigest())

    def agent(self, *words, **how):
        return Agent(self.config(**how), *words)

    def ran(self):
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def place(tmp_path, pki):  # noqa: F811
    return Place(tmp_path, pki)


def said(agent, name, seconds=30):
    return agent.wait_for(lambda e: e["kind"] == "remediation" and e["step"] == name, seconds)


def refused(place, words, **how):
    """Nothing was run, a person is told why, and the certificate is as old as it was."""
    old = (place.live / "fullchain.pem").read_bytes()
    agent = place.agent(**how)
    told = said(agent, "handed_over")
    assert words in told["message"], told
    agent.end()
    assert (place.live / "fullchain.pem").read_bytes() == old
    return agent


def test_a_certificate_that_expires_soon_is_rehearsed_renewed_and_proved(place):
    agent = place.agent()
    planned = said(agent, "planned")
    assert planned["note"] == "its rehearsal went well" and planned["items"][0]["what"] == f"run {place.program} renew --cert-name shop"
    said(agent, "applied")
    assert said(agent, "verified")["outcome"] == "fixed"
    assert [e["status"] for e in agent.findings("shop", "file")] == ["critical", "ok"]
    agent.end()
    assert place.ran() == ["renew --dry-run --cert-name shop", "renew --cert-name shop"]


def test_a_dry_run_rehearses_and_does_no_more(place):
    agent = place.agent(mode="dry-run")
    said(agent, "planned")
    known = len(agent.events)
    agent.wait_for(lambda e: e.get("step") == "heartbeat" and agent.events.index(e) > known + 1)  # two of them
    agent.end()
    assert place.ran() == ["renew --dry-run --cert-name shop"]


def test_a_rehearsal_that_fails_is_told_to_a_person(place):
    refused(place, "ended with code 1: too many certificates already issued", refuse="yes")
    assert place.ran() == ["renew --dry-run --cert-name shop"]


def test_a_program_that_is_killed_did_not_go_well(place):
    refused(place, "ended with signal 9", refuse="die")
    assert place.ran() == ["renew --dry-run --cert-name shop"]


def test_another_content_than_was_allowed_never_runs(place):
    config = place.config()
    place.program.write_text(place.program.read_text() + "# changed\n")
    agent = Agent(config)
    assert "is another file than the one that exec.allow names" in said(agent, "handed_over")["message"]
    agent.end()
    assert place.ran() == []


def test_what_is_not_allowed_never_runs(place):
    refused(place, "is not allowed", config=CONFIG.replace("program: {program}, sha", "program: /usr/bin/true, sha"))
    assert place.ran() == []


def test_what_others_may_write_never_runs(place):
    place.program.chmod(0o777)
    refused(place, "others than root and the agent's user may write it")
    assert place.ran() == []


def test_a_reload_takes_effect(place):
    agent = place.agent(config=CONFIG.replace("mode: auto\n", "mode: dry-run\n").replace("program: {program}, sha", "program: /usr/bin/true, sha"))
    said(agent, "handed_over")
    assert place.ran() == []
    agent.end()


@pytest.mark.parametrize("wrong, said_", [
    ("program: certbot, sha256: " + 64 * "0", "is no absolute path; write it like /usr/bin/certbot"),
    ("program: /usr/bin/certbot, sha256: 12ab", "is no SHA-256: it has 64 hex digits; sha256sum /usr/bin/certbot"),
    ("program: /usr/bin/certbot, sha256: " + 64 * "a" + "zz", "is no SHA-256: it has 64 hex digits; sha256sum /usr/bin/certbot"),
    ("program: /usr/bin/certbot", "sha256: is missing"),
    ("program: /usr/bin/certbot, sha265: x", "did you mean sha256?"),
])
def test_what_is_wrong_with_the_list_is_told_with_its_place(tmp_path, wrong, said_):
    (tmp_path / "c.yaml").write_text(f"targets: {{}}\nexec:\n  allow:\n    - {{{wrong}}}\n")
    result = runbookd("validate", "-c", tmp_path / "c.yaml")
    assert result.code == 1 and "c.yaml:4:" in result.err and said_ in result.err, result.err


def test_a_renewal_of_no_absolute_path_is_refused(place):
    (place.folder / "c.yaml").write_text(place.config().replace(f"command: [{place.program}", "command: [certbot"))
    result = runbookd("validate", "-c", place.folder / "c.yaml")
    assert result.code == 1 and "names no program by an absolute path" in result.err, result.err


ORPHANS = """#!/bin/sh
for i in 1 2 3 4 5; do setsid sh -c 'sleep 0.2 & exit 0' & done
sleep 0.1
exit 0
"""


def test_as_process_1_the_agent_reaps_what_programs_leave_behind(place):
    """In a PID namespace of its own, as in a container: what is orphaned ends there, and none of it stays as a zombie."""
    place.program.write_text(ORPHANS)
    own = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    agent = Agent(place.config(), under=("unshare", *own, "--pid", "--fork", "--kill-child", "--mount-proc"))
    said(agent, "applied")
    said(agent, "verified", 40)  # ineffective: seconds have passed since the last orphan ended
    leader = agent.process.pid
    inside = subprocess.run(["ps", "--ppid", str(leader), "-o", "pid="], capture_output=True, text=True).stdout.split()
    assert len(inside) == 1 and "runbookd" in os.readlink(f"/proc/{inside[0]}/exe")
    with open(f"/proc/{inside[0]}/status", encoding="ascii") as status:
        assert [line.split()[-1] for line in status if line.startswith("NSpid")] == ["1"]
    tree = subprocess.run(["ps", "-eo", "pid=,stat=,comm=,pidns="], capture_output=True, text=True).stdout.splitlines()
    namespace = os.stat(f"/proc/{inside[0]}/ns/pid").st_ino
    ours = [line.split() for line in tree if line.split()[-1] == str(namespace)]
    assert ours and not [line for line in ours if line[1].startswith("Z") or line[2] in ("sleep", "sh", "setsid")], ours
    os.kill(int(inside[0]), 15)
    agent.process.wait(20)
    agent.end()
