"""plugins/http against a real nginx: protocols, compression, certificates of both sides, addresses, logins, redirects, times."""
import base64
import gzip
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import pytest

import servers
from agent import SECRETS, runbookd
from pki import Pki
from service import Answer, Service

SECRET = SECRETS[0]
TOKEN = "tok-" + "77ab" * 9
BIG = 200 * 1024
BASIC = base64.b64encode(f"probe:{SECRET}".encode()).decode()
STAGES = ("dns_ms", "connect_ms", "tls_ms", "first_byte_ms", "transfer_ms")


def make_files(folder):
    """What nginx serves: a long page, and one that was compressed, as it is and damaged."""
    (folder / "ok").write_text("fine")
    (folder / "big").write_text("x" * (BIG - 13) + " the very end")
    packed = gzip.compress(b"the status is UP. " + os.urandom(4000))
    (folder / "packed").write_bytes(packed)
    (folder / "damaged").write_bytes(packed[:1500] + bytes(b ^ 0x55 for b in packed[1500:1600]) + packed[1600:])
    done = subprocess.run(["openssl", "passwd", "-apr1", SECRET], capture_output=True, text=True, timeout=30, check=True)
    (folder / "users").write_text(f"probe:{done.stdout}")


class Site:
    """nginx with a port for each way to be spoken to, and a slow service behind it."""

    def __init__(self, pki):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="runbookd-site-"))
        self.folder.chmod(0o755)
        make_files(self.folder)
        self.slow = Service({"GET /slow": lambda _: time.sleep(0.3) or Answer(200, "late", "text/plain")})
        self.port = {name: servers.free_port() for name in ("plain", "only4", "clear2", "tls", "tls1", "mutual", "other")}
        self.nginx = servers.Nginx(servers=self.blocks(pki))

    def blocks(self, pki):
        ours = f"ssl_certificate {pki.chain('good')}; ssl_certificate_key {pki.key('good')};"
        port, pages, packed = self.port, self.pages(), "add_header Content-Encoding gzip; default_type text/plain;"
        return f"""
            server {{ listen 127.0.0.1:{port['plain']}; root {self.folder}; {pages} location = /family {{ return 200 four; }} }}
            server {{ listen [::1]:{port['plain']}; root {self.folder}; location = /family {{ return 200 six; }} }}
            server {{ listen 127.0.0.1:{port['only4']}; location / {{ return 200 four; }} }}
            server {{ listen 127.0.0.1:{port['clear2']} http2; location / {{ return 200 "$server_protocol"; }} }}
            server {{ listen 127.0.0.1:{port['tls']} ssl http2; {ours} root {self.folder};
                gzip on; gzip_types text/plain application/octet-stream; gzip_min_length 1;
                location / {{ }}
                location = /protocol {{ return 200 "$server_protocol"; }}
                location ~ ^/(packed|damaged)$ {{ gzip off; {packed} }} }}
            server {{ listen 127.0.0.1:{port['tls1']} ssl; {ours} location / {{ return 200 "$server_protocol"; }} }}
            server {{ listen 127.0.0.1:{port['mutual']} ssl; {ours}
                ssl_client_certificate {pki.root}; ssl_verify_client on; ssl_verify_depth 3;
                location / {{ return 200 "$ssl_client_s_dn\\n"; }} }}
            server {{ listen 127.0.0.1:{port['other']}; location / {{ if ($http_authorization$http_x_api_key) {{ return 418; }} return 200 elsewhere; }} }}"""

    def pages(self):
        def wants(header, value, status):
            return f'if ($http_{header} != "{value}") {{ return {status} "I was sent: $http_{header}"; }} return 200 welcome;'

        return f"""
            location = /host {{ return 200 $host; }}
            location = /basic {{ auth_basic staff; auth_basic_user_file {self.folder}/users; try_files /ok =404; }}
            location = /bearer {{ {wants('authorization', f'Bearer {SECRET}', 401)} }}
            location = /key {{ {wants('x_api_key', SECRET, 403)} }}
            location = /guarded {{ {wants('authorization', f'Bearer {TOKEN}', 401)} }}
            location = /token {{ default_type application/json;
                if ($http_authorization != "Basic {BASIC}") {{ return 401 '{{"error": "invalid_client"}}'; }}
                return 200 '{{"access_token": "{TOKEN}", "token_type": "Bearer", "expires_in": 3600}}'; }}
            location = /old {{ return 301 /ok; }}
            location = /loop {{ return 302 /loop; }}
            location = /away {{ return 302 http://localhost:{self.port['other']}/seen; }}
            location = /kept {{ return 307 http://localhost:{self.port['other']}/seen; }}
            location = /slow {{ proxy_pass {self.slow.url}; }}
            location = /drip {{ alias {self.folder}/big; limit_rate 256k; }}"""

    def url(self, name, host="127.0.0.1"):
        return f"http{'s' if name in ('tls', 'tls1', 'mutual') else ''}://{host}:{self.port[name]}"

    def close(self):
        self.nginx.close()
        self.slow.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def pki():
    made = Pki()
    yield made
    made.close()


@pytest.fixture(scope="module")
def site(pki):
    made = Site(pki)
    yield made
    made.close()


@pytest.fixture
def once(tmp_path, pki):
    """once(url, check options, target options) -> the finding of one `endpoint`; no secret is printed."""
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "wrong").write_text("another-one-entirely")

    def ask(url, check="", target=""):
        tls = f", tls: {{ca: {pki.root}}}" if url.startswith("https") and "tls:" not in target else ""
        text = f"version: 1\ntargets:\n  t: {{type: http, url: '{url}'{tls}, {target}checks: {{endpoint: {{{check}}}}}}}\n"
        (tmp_path / "c.yaml").write_text(text.replace("SECRET", '"${file:%s}"' % (tmp_path / "secret")).replace("WRONG", '"${file:%s}"' % (tmp_path / "wrong")))
        result = runbookd("once", "-c", tmp_path / "c.yaml")
        for secret in (SECRET, TOKEN, BASIC, "another-one-entirely"):
            assert secret not in result.out + result.err, f"a secret was printed: {secret}"
        return result.finding("endpoint")
    return ask


def is_(finding, status, word=None, *texts):
    assert finding["status"] == status, finding
    assert word is None or word in (finding["words"].get("error_class"), finding.get("error_class")), finding
    for text in texts:
        assert text in finding["message"] + finding.get("hint", ""), finding


# --------------------------------------------------------------------------------------------------------- protocols

@pytest.mark.parametrize("server, version, spoken", [("tls", "any", 2), ("tls", "1.1", 1), ("tls1", "any", 1), ("tls1", "2", 1), ("clear2", "2", 2), ("only4", "any", 1)])
def test_the_version_that_both_speak(once, site, server, version, spoken):
    finding = once(f"{site.url(server)}/protocol", f"version: '{version}', critical: not expected or version != {spoken}".replace("!=", "~="))
    is_(finding, "ok")
    assert finding["measures"]["version"] == spoken, finding


def test_a_version_that_is_not_spoken(once, site):
    is_(once(f"{site.url('tls1')}/", "critical: version < 2"), "critical")
    assert once(f"{site.url('only4')}/", "version: '2'")["words"]["error_class"] in ("protocol", "reset")  # as nginx takes the preface


# ------------------------------------------------------------------------------------------------------- compression

def test_a_compressed_answer_is_read(once, site):
    words = "headers: {Accept-Encoding: gzip}, expect_headers: {Content-Encoding: ^gzip$}"
    is_(once(f"{site.url('tls')}/packed", f"{words}, body_matches: 'the status is UP'"), "ok")
    is_(once(f"{site.url('tls')}/ok", f"{words}, body_matches: ^fine$"), "ok")  # nginx compresses it itself
    is_(once(f"{site.url('tls')}/ok", "expect_headers: {Content-Encoding: ^gzip$}"), "critical", "header")  # nobody asked for it


def test_what_cannot_be_unpacked_is_no_answer(once, site):
    is_(once(f"{site.url('tls')}/damaged", "headers: {Accept-Encoding: gzip}, body_matches: 'the status is UP'"), "critical", "protocol")
    is_(once(f"{site.url('tls')}/damaged"), "ok")  # as bytes it is as good as any


@pytest.mark.parametrize("most, status", [("64KiB", "critical"), ("1MiB", "ok")])
def test_only_so_much_of_a_body_is_read(once, site, most, status):
    finding = once(f"{site.url('plain')}/big", f"max_body: {most}, body_matches: 'the very end$'")
    is_(finding, status, "body" if status == "critical" else "ok", *(["max_body"] if status == "critical" else []))
    assert finding["measures"]["size_bytes"] == (BIG if status == "ok" else 64 * 1024), finding
    assert finding["evidence"].get("cut", False) == (status == "critical"), finding


# --------------------------------------------------------------------------------------------------------- addresses

@pytest.mark.parametrize("ip, said, address", [("4", "four", "127.0.0.1"), ("6", "six", "::1"), ("any", "four|six", None)])
def test_each_family(once, site, ip, said, address):
    finding = once(f"{site.url('plain', 'localhost')}/family", f"ip: {ip}, body_matches: '^({said})$'")
    is_(finding, "ok")
    assert address in (None, finding["evidence"]["ip"]), finding


def test_numbers_of_each_family(once, site):
    assert once(f"{site.url('plain', '[::1]')}/family", "body_matches: six")["evidence"]["ip"] == "::1"
    assert once(f"{site.url('plain')}/family", "body_matches: four")["evidence"]["ip"] == "127.0.0.1"
    is_(once(f"{site.url('plain')}/family", "ip: 6"), "unknown", "dns")


def test_the_family_that_is_not_served(once, site):
    is_(once(f"{site.url('only4', 'localhost')}/", "ip: 4"), "ok")
    is_(once(f"{site.url('only4', 'localhost')}/", "ip: any"), "ok")
    finding = once(f"{site.url('only4', 'localhost')}/", "ip: 6")
    is_(finding, "critical", "refused", "::1")
    assert finding["evidence"]["ip"] == "::1", finding


def test_another_address_than_the_names(once, site):
    finding = once(f"{site.url('plain', 'shop.test')}/host", "address: 127.0.0.1, body_matches: ^shop.test$")
    is_(finding, "ok")
    assert finding["evidence"]["ip"] == "127.0.0.1", finding
    is_(once(f"{site.url('plain', 'shop.test')}/host"), "unknown", "dns")  # nobody knows the name
    is_(once(f"{site.url('plain', 'shop.test')}/host", "address: 127.0.0.9"), "critical", "refused", "127.0.0.9")
    is_(once(f"{site.url('tls', 'localhost')}/ok", "address: 127.0.0.1"), "ok")
    is_(once(f"{site.url('tls', 'shop.test')}/ok", "address: 127.0.0.1"), "unknown", "tls", "shop.test")  # the certificate's name is still the URL's


# ------------------------------------------------------------------------------------------------------ certificates

def test_a_server_that_wants_to_see_a_certificate(once, site, pki):
    def tls(name):
        return f"tls: {{ca: {pki.root}, certificate: {pki.chain(name)}, key: {pki.key(name)}}}, "

    is_(once(f"{site.url('mutual')}/", "body_matches: CN=clientonly", tls("clientonly")), "ok")
    finding = once(f"{site.url('mutual')}/")
    is_(finding, "critical", "status", "400")
    assert "No required SSL certificate" in finding["evidence"]["body"], finding
    is_(once(f"{site.url('mutual')}/", "", tls("clientexpired")), "critical", "status", "400")
    is_(once(f"{site.url('mutual')}/", "", tls("clientonly").replace(str(pki.key("clientonly")), str(pki.key("client2")))), "unknown", "request", "does not belong")
    is_(once(f"{site.url('mutual')}/", "", tls("clientonly").replace(str(pki.root), str(pki.chain("selfsigned")))), "unknown", "tls")


def test_a_certificate_of_ours_is_replaced_while_the_agent_runs(agent, site, pki, tmp_path):
    """What renews it writes the file anew; the connection that the old one opened is kept by both sides, and is not used again."""
    mine = tmp_path / "mine.pem"

    def become(name):
        (tmp_path / "new").write_text(pki.chain(name).read_text() + pki.key(name).read_text())
        os.rename(tmp_path / "new", mine)

    become("clientonly")
    running = agent(f"version: 1\nagent: {{emit: all}}\ntargets:\n  t:\n    type: http\n    url: {site.url('mutual')}/\n"
                    f"    tls: {{ca: {pki.root}, certificate: {mine}, key: {mine}}}\n    checks: {{endpoint: {{every: 500ms, body_matches: CN=clientonly}}}}\n")
    running.wait_for(lambda e: len(running.findings("t")) >= 3)
    assert {e["status"] for e in running.findings("t")} == {"ok"}
    assert "connect_ms" not in running.findings("t")[2]["measures"], "the connection is kept"
    for name, status, word in (("client2", "critical", "body"), ("clientexpired", "critical", "status"), ("clientonly", "ok", "ok")):
        seen = len(running.events)
        become(name)
        changed = running.wait_status("t", "endpoint", status, after=seen)
        running.wait_for(lambda e: e in running.events[seen:] and e["kind"] == "finding" and e["words"].get("error_class") == word)
        assert changed["evidence"]["ip"] == "127.0.0.1"


# ------------------------------------------------------------------------------------------------------------ logins

@pytest.mark.parametrize("path, login, wrong", [
    ("/basic", "user: probe, password: SECRET, ", "user: probe, password: WRONG, "),
    ("/bearer", "bearer: SECRET, ", "bearer: WRONG, "),
    ("/key", "headers: {X-Api-Key: SECRET}, ", "headers: {X-Api-Key: WRONG}, "),
])
def test_who_is_let_in_and_who_is_not(once, site, path, login, wrong):
    is_(once(f"{site.url('plain')}{path}", "", login), "ok")
    for other in (wrong, ""):
        finding = once(f"{site.url('plain')}{path}", "", other)
        is_(finding, "unknown", "noperm" if path == "/key" else "noauth")
        assert finding["hint"], finding
    finding = once(f"{site.url('plain')}{path}", f"expect: [{'403' if path == '/key' else '401'}]", "")
    is_(finding, "ok")  # who must not be let in, and is not


def test_a_client_gets_a_token_and_is_let_in(once, site):
    login = f"oauth2: {{token_url: '{site.url('plain')}/token', client_id: probe, client_secret: SECRET}}, "
    is_(once(f"{site.url('plain')}/guarded", "body_matches: ^welcome$", login), "ok")
    is_(once(f"{site.url('plain')}/guarded", "", login.replace("SECRET", "WRONG")), "unknown", "noauth", "invalid_client")
    is_(once(f"{site.url('plain')}/guarded", "", login.replace("/token", "/host")), "unknown", "token")  # it answers, and with no token
    is_(once(f"{site.url('plain')}/guarded"), "unknown", "noauth")
    is_(once(f"{site.url('plain')}/bearer", "", login), "unknown", "noauth")  # a token that is not taken there


# --------------------------------------------------------------------------------------------------------- redirects

@pytest.mark.parametrize("path, check, status, word", [
    ("/old", "", "critical", "status"),
    ("/old", "redirects: 1, body_matches: ^fine$", "ok", "ok"),
    ("/old", "expect: [301]", "ok", "ok"),
    ("/loop", "redirects: 5", "critical", "redirects"),
    ("/away", "redirects: 1, body_matches: ^elsewhere$", "ok", "ok"),        # 418, if it had been shown a secret
    ("/kept", "redirects: 1, body_matches: ^elsewhere$", "ok", "ok"),
    ("/kept", "redirects: 1, method: POST, body: hello", "critical", None),  # what was for this host is sent to no other
])
def test_where_redirects_lead(once, site, path, check, status, word):
    finding = once(f"{site.url('plain')}{path}", check, "bearer: SECRET, headers: {X-Api-Key: SECRET}, ")
    is_(finding, status, word)
    if word == "status":
        assert finding["evidence"]["location"].endswith("/ok") and "redirects" in finding["hint"], finding


# ------------------------------------------------------------------------------------------------------------- times

def test_the_stages_are_there_and_make_up_the_whole(once, site):
    finding = once(f"{site.url('tls', 'localhost')}/ok", "connection: fresh, ip: 4")
    times = finding["measures"]
    assert all(times[stage] >= 0 for stage in STAGES) and times["tls_ms"] > 0, finding
    assert abs(sum(times[stage] for stage in STAGES) - times["total_ms"]) < 0.1, finding
    assert finding["evidence"]["ip"] == "127.0.0.1", finding
    assert "tls_ms" not in once(f"{site.url('plain')}/ok")["measures"]


def test_the_stage_that_takes_long_is_the_one_that_says_so(once, site):
    late = once(f"{site.url('plain')}/slow")["measures"]
    assert late["first_byte_ms"] >= 290 > late["connect_ms"] and late["total_ms"] >= 290, late
    drip = once(f"{site.url('plain')}/drip", "max_body: 1MiB")["measures"]
    assert drip["transfer_ms"] >= 290 > drip["connect_ms"], drip
    is_(once(f"{site.url('plain')}/slow", "critical: first_byte_ms > 250"), "critical", "ok")


def test_a_kept_connection_has_no_stages_of_connecting(agent, site, pki):
    running = agent(f"version: 1\nagent: {{emit: all}}\ntargets:\n  t: {{type: http, url: '{site.url('tls')}/ok', tls: {{ca: {pki.root}}}, checks: {{endpoint: {{every: 500ms}},"
                    " again: {check: endpoint, every: 500ms, connection: fresh}}}\n")
    running.wait_for(lambda e: len(running.findings("t", "endpoint")) >= 3 and len(running.findings("t", "again")) >= 3)
    kept, fresh = running.findings("t", "endpoint")[2], running.findings("t", "again")[2]
    assert "connect_ms" not in kept["measures"] and "tls_ms" not in kept["measures"] and kept["measures"]["first_byte_ms"] >= 0, kept
    assert fresh["measures"]["connect_ms"] >= 0 and fresh["measures"]["tls_ms"] > 0, fresh
    assert kept["evidence"]["ip"] == fresh["evidence"]["ip"] == "127.0.0.1"
