"""The sink "email": a real SMTP server (aiosmtpd) with STARTTLS, TLS from the start and logins; and when it is away or refuses."""
import email
import email.policy
import json
import os
import re
import signal
import ssl

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

import pki as authority
import servers
from agent import SECRETS, runbookd
from servers import free_port
from test_admin import fetch, samples, value

PASSWORD = SECRETS[0]


class Mailbox:
    """What came, and what is answered instead: `refuse` by command."""

    def __init__(self, **more):
        self.mails, self.logins, self.refuse, self.more = [], [], {}, more
        self.port, self.controller = free_port(), None
        self.up()

    def up(self):
        owner = self
        tls = self.more.get("context")

        class Server(Controller):
            def factory(self):
                return SMTP(self.handler, **self.SMTP_kwargs)

        words = {"authenticator": self.authenticate} if self.more.get("login") else {}
        if self.more.get("login"):
            words["auth_required"] = True
        if tls and not self.more.get("from_the_start"):
            words |= {"tls_context": tls, "require_starttls": self.more.get("strict", True)}
        if self.more.get("login") and self.more.get("from_the_start"):
            words["auth_require_tls"] = False  # the connection is safe already, which it does not know
        self.controller = Server(owner, hostname="127.0.0.1", port=self.port, server_hostname="mail.example.org",
                                 ssl_context=tls if self.more.get("from_the_start") else None, **words)
        self.controller.start()

    def down(self):
        self.controller.stop()

    def authenticate(self, server, session, envelope, mechanism, data):
        known = isinstance(data, LoginPassword) and data.password.decode() == PASSWORD
        self.logins.append((session.ssl is not None or bool(self.more.get("from_the_start")), data.login.decode(), known))
        return AuthResult(success=known, handled=known)

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if "DATA" in self.refuse:
            return self.refuse.pop("DATA")
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, mail, session.ssl is not None))
        return "250 taken"


@pytest.fixture(scope="module")
def pki():
    made = authority.Pki()
    yield made
    made.close()


@pytest.fixture
def mailbox(pki):
    started = []

    def start(tls=True, **more):
        if tls:
            more["context"] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            more["context"].load_cert_chain(pki.chain("good"), pki.key("good"))
        started.append(Mailbox(**more))
        return started[-1]

    yield start
    for one in started:
        one.down()


def config(box, more, targets=1, scheme="smtp", admin=None, batch="1s", state=""):
    checks = ", ".join(f"t{i}: {{type: tcp, url: \"tcp://127.0.0.1:{free_port()}\", every: 200ms, owner: \"Große\"}}" for i in range(targets))
    return f"""
agent: {{realm: tests, heartbeat: 1s, repeat: 1s, snapshot: 0, {state} admin: {{listen: "127.0.0.1:{admin or free_port()}"}}}}
targets: {{{checks}}}
sinks:
  mail: {{type: email, url: "{scheme}://localhost:{box.port}", from: "runbookd <agent@example.org>", to: [ops@example.org, "Night <night@example.org>"],
          batch: {{age: {batch}}}, retry: {{first: 50ms, most: 200ms}}, timeout: 10s, {more}}}
"""


def secret(tmp_path, text=PASSWORD):
    (tmp_path / "password").write_text(text + "\n")
    return f"user: agent, password: \"${{file:{tmp_path}/password}}\""


def test_a_hundred_findings_are_one_mail_after_starttls_and_a_login(agent, mailbox, pki, tmp_path):
    box, admin = mailbox(login=True), free_port()
    one = agent(config(box, f"tls: {{ca: {pki.root}}}, {secret(tmp_path)}", targets=100, admin=admin, batch="4s"))
    servers.wait_until(lambda: box.mails, 30)
    findings = [event for event in one.events if event["kind"] == "finding"]
    one.end()
    sender, recipients, mail, safe = box.mails[0]
    assert len(box.mails) <= 2  # and not one of them for what was only said again
    assert (sender, recipients, safe) == ("agent@example.org", ["ops@example.org", "night@example.org"], True)
    assert box.logins and all(login == (True, "agent", True) for login in box.logins)
    assert mail["Subject"].startswith("[runbookd tests] ") and " critical: t" in mail["Subject"] and not mail.defects
    assert mail["From"] == "runbookd <agent@example.org>" and mail["To"] == "ops@example.org, Night <night@example.org>"
    assert mail["Auto-Submitted"] == "auto-generated" and mail["Message-ID"] and mail["Date"]
    text = mail.get_content().replace("\r\n", "\n")
    first = next(finding for finding in findings if f"CRITICAL  {finding['target']}/connect" in text)
    block = text[text.index(f"CRITICAL  {first['target']}/connect"):]
    assert block.startswith(f"CRITICAL  {first['target']}/connect: {first['message']}\n    ")
    assert f"\n\nrunbookd show {first['target']}/connect\n\n" in block and "    owner Große\n" in block
    assert "\nrunbookd findings\n" in text and text.rstrip().endswith("realm tests")


def test_tls_from_the_start_and_a_new_password_is_read(agent, mailbox, pki, tmp_path):
    box = mailbox(from_the_start=True, login=True)
    one = agent(config(box, f"tls: {{ca: {pki.root}}}, {secret(tmp_path, 'wrong-' + PASSWORD)}", scheme="smtps"))
    down = one.wait_for(lambda event: event.get("step") == "sink_down", 40)
    assert "535" in down["message"] and box.mails == []
    secret(tmp_path)
    servers.wait_until(lambda: box.mails)
    one.end()
    assert box.logins[0] == (True, "agent", False) and box.logins[-1] == (True, "agent", True)


def test_without_tls_nothing_is_sent_unless_that_is_wished(agent, mailbox):
    box = mailbox(tls=False)
    one = agent(config(box, ""))
    down = one.wait_for(lambda event: event.get("step") == "sink_down", 40)
    assert "STARTTLS" in down["message"] and box.mails == []
    one.end()
    one = agent(config(box, "starttls: if_offered, subject: \"[night shift]\""))
    servers.wait_until(lambda: box.mails)
    one.end()
    assert box.mails[0][2]["Subject"].startswith("[night shift] 1 critical: t0/connect")


@pytest.mark.parametrize("who", ["of no authority", "of another name"])
def test_whom_it_cannot_trust_it_tells_nothing(agent, mailbox, pki, tmp_path, who):
    box = mailbox(login=True)
    tls = f", tls: {{ca: {pki.root}, name: other.example.org}}" if who == "of another name" else ""
    one = agent(config(box, secret(tmp_path) + tls))
    down = one.wait_for(lambda event: event.get("step") == "sink_down", 40)
    assert "certificate" in down["message"] and box.logins == []
    one.end()


def test_a_server_that_is_away_or_busy_gets_it_later_each_once(agent, mailbox, pki, tmp_path):
    box, admin = mailbox(), free_port()
    box.refuse["DATA"] = "451 come again"
    one = agent(config(box, f"tls: {{ca: {pki.root}}}", admin=admin, state=f"state: {tmp_path}/state,"))
    servers.wait_until(lambda: len(box.mails) == 1)
    assert value(samples(fetch(admin)[1]), "runbookd_sink_retries_total", sink="mail") >= 1
    box.down()
    one.end()
    two = agent(config(box, f"tls: {{ca: {pki.root}}}", targets=2, admin=admin, state=f"state: {tmp_path}/state,"))
    two.wait_status("t1", "connect", "critical")
    servers.wait_until(lambda: value(samples(fetch(admin)[1]), "runbookd_sink_retries_total", sink="mail") >= 2)
    box.up()
    servers.wait_until(lambda: any("t1/connect" in mail.get_content() for _, _, mail, _ in box.mails))
    two.end()
    assert sum(mail.get_content().count("CRITICAL  t1/connect") for _, _, mail, _ in box.mails) == 1


def refusals(one):
    return [(event["error"], event["message"]) for event in list(one.events) if event.get("step") == "recipient_refused"]


def test_those_whom_the_server_takes_get_it_once_although_others_are_refused_and_that_is_said(agent, mailbox, pki):
    box, admin = mailbox(), free_port()
    box.refuse["ops@example.org"] = "550 5.1.1 there is no such user"
    one = agent(config(box, f"tls: {{ca: {pki.root}}}", targets=2, batch="100ms", admin=admin))
    one.wait_for(lambda event: event.get("step") == "recipient_refused", 40)
    servers.wait_until(lambda: all(any(f"{name}/connect" in mail.get_content() for _, _, mail, _ in box.mails) for name in ("t0", "t1")))
    one.config.write_text(one.config.read_text().replace("t1: {type: tcp", "t2: {type: tcp"))
    one.process.send_signal(signal.SIGHUP)
    servers.wait_until(lambda: any("t2/connect" in mail.get_content() for _, _, mail, _ in box.mails), 40)  # one mail more
    metrics = samples(fetch(admin)[1])
    assert value(metrics, "runbookd_sink_retries_total", sink="mail") == 0 and value(metrics, "runbookd_sink_down", sink="mail") == 0
    one.end()
    assert {tuple(to) for _, to, _, _ in box.mails} == {("night@example.org",)}
    assert sum(mail.get_content().count("CRITICAL  t0/connect") for _, _, mail, _ in box.mails) == 1
    assert refusals(one) == [("550 5.1.1 there is no such user",
                              "sink mail: a mail was not taken for ops@example.org: 550 5.1.1 there is no such user")]  # once
    box.refuse["night@example.org"] = "550 5.1.1 nor such a one"
    one = agent(config(box, f"tls: {{ca: {pki.root}}}"))
    down = one.wait_for(lambda event: event.get("step") == "sink_down", 40)
    assert "it answered 550 5.1.1 nor such a one" in down["message"]
    one.end()
    assert refusals(one) == []


def test_who_is_not_taken_now_gets_it_later_and_the_others_not_again(agent, mailbox, pki):
    box = mailbox()
    box.refuse["ops@example.org"] = "451 4.7.1 greylisted, come again"
    one = agent(config(box, f"tls: {{ca: {pki.root}}}"))
    servers.wait_until(lambda: box.mails)
    del box.refuse["ops@example.org"]
    servers.wait_until(lambda: len(box.mails) == 2, 40)
    one.end()
    assert [to for _, to, _, _ in box.mails] == [["night@example.org"], ["ops@example.org"]] and refusals(one) == []
    assert box.mails[0][2]["Message-ID"] == box.mails[1][2]["Message-ID"]


def test_who_is_never_taken_holds_nobody_up(agent, mailbox, pki):
    box = mailbox()
    box.refuse["ops@example.org"] = "452 4.2.2 mailbox full"
    one = agent(config(box, f"tls: {{ca: {pki.root}}}"))
    one.wait_for(lambda event: event.get("step") == "recipient_refused", 60)
    one.end()
    assert [to for _, to, _, _ in box.mails][:1] == [["night@example.org"]]
    assert [error for error, _ in refusals(one)] == ["452 4.2.2 mailbox full"]


def test_a_server_that_repeats_the_password_gives_nobody_a_secret_to_read(agent, mailbox, pki, tmp_path):
    """In its answer about one recipient, and about the mail."""
    box = mailbox(login=True)
    box.refuse |= {"ops@example.org": f"550 5.7.1 {PASSWORD} may not write to him", "DATA": f"451 4.3.0 {PASSWORD} comes too often"}
    one = agent(config(box, f"tls: {{ca: {pki.root}}}, {secret(tmp_path)}"))
    told = one.wait_for(lambda event: event.get("step") == "recipient_refused", 40)
    servers.wait_until(lambda: "451 4.3.0" in "".join(one.errors))
    one.end()
    assert "may not write to him" in told["message"], told
    assert box.logins and PASSWORD not in json.dumps(one.events) + "".join(one.errors)


@pytest.mark.parametrize("spool", [True, False])
def test_a_thread_that_hangs_is_not_waited_for_at_the_end_and_what_waits_is_counted(agent, mailbox, pki, tmp_path, spool):
    box, admin = mailbox(), free_port()
    os.mkfifo(tmp_path / "ca")  # as a file of a mount that does not answer: who opens it hangs
    state = f"state: {tmp_path}/state," if spool else ""
    text = config(box, f"tls: {{ca: {tmp_path}/ca}}, deliver: 200ms", admin=admin, batch="100ms", state=state)
    one = agent(text)
    servers.wait_until(lambda: value(samples(fetch(admin)[1]), "runbookd_sink_waiting", sink="mail") > 3, 40)
    one.end()
    left = [json.loads(line)["message"] for line in one.errors if "sink mail has not taken" in line]
    assert len(left) == 1, one.errors
    total, kept, lost = map(int, re.search(r"taken (\d+) events? .* start (\d+), lost (\d+)", left[0]).groups())
    assert total > 3 and (kept, lost) == ((total, 0) if spool else (0, total)), left
    if spool:  # the next start finds it
        two = agent(text.replace(f"{tmp_path}/ca", str(pki.root)))
        servers.wait_until(lambda: box.mails)
        two.end()
        assert "CRITICAL  t0/connect" in box.mails[0][2].get_content()


def test_a_configuration_that_cannot_be_is_refused(tmp_path):
    good = "url: \"smtp://h\", from: a@b, to: [c@d]"
    for written, said in [(good.replace("smtp", "http"), "sinks.s.url: is neither smtp:// nor smtps://"),
                          (good.replace("a@b", "nobody"), "sinks.s.from: nobody is no address; write name@example.org, or Name <name@example.org>"),
                          (good.replace("c@d", "\"c@d\\r\\nBcc: e@f\""), "sinks.s.to: c@d"),
                          (good.replace("[c@d]", "[]"), "sinks.s.to: is empty"),
                          (good + ", user: u", "sinks.s.user: and password belong together"),
                          (good + ", starttls: maybe", "is \"maybe\", which is none of required, if_offered, never")]:
        file = tmp_path / "a.yaml"
        file.write_text(f"targets: {{}}\nagent: {{state: /tmp/x}}\nsinks: {{s: {{type: email, {written}}}}}\n")
        refused = runbookd("validate", "--offline", "-c", file)
        assert refused.code == 1 and said in refused.err + refused.out, refused.err + refused.out
    assert "sink:email" in json.loads(runbookd("schema").out)["$defs"]
