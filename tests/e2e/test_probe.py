"""`runbookd probe URL`: what an engineer types at three in the morning, against real servers in every state."""
import time

import pytest

import servers
from agent import runbookd


def probe(url, *words):
    start = time.monotonic()
    result = runbookd("probe", "--format", "ndjson", url, *words)
    result.seconds = time.monotonic() - start
    return result


def says(event, status, error_class=None):
    assert event["status"] == status, event
    if error_class:
        assert event["words"]["error_class"] == error_class, event


# -------------------------------------------------------------- Redis ----


def test_redis_healthy_is_ok_and_exits_0(redis):
    result = probe(redis.url)
    assert result.code == 0, result.out
    assert {e["name"] for e in result.events} >= {"connect", "memory", "clients"}
    assert all(e["status"] == "ok" for e in result.events)


def test_redis_refused_is_one_critical_finding_that_names_what_waits():
    result = probe(f"redis://127.0.0.1:{servers.free_port()}")
    assert result.code == 2
    assert len(result.events) == 1
    says(result.events[0], "critical", "refused")
    assert {"memory", "clients"} <= set(result.events[0]["held"])


def test_redis_stopped_is_critical_within_the_time_limit(redis):
    redis.freeze()
    result = probe(redis.url)
    assert result.code == 2
    says(result.finding("connect"), "critical", "timeout")
    assert result.seconds < 15


def test_redis_asking_for_a_password_is_unknown_with_a_hint():
    server = servers.Redis("--requirepass", "pw-of-this-test")
    try:
        result = probe(server.url)
        assert result.code == 3
        says(result.finding("connect"), "unknown", "noauth")
        assert result.finding("connect")["hint"]
        good = runbookd("probe", "--format", "ndjson", "redis://:${env:REDIS_PW}@127.0.0.1:%d" % server.port, env={"REDIS_PW": "pw-of-this-test"})
        assert good.code == 0, good.out
        wrong = runbookd("probe", "--format", "ndjson", "redis://:${env:REDIS_PW}@127.0.0.1:%d" % server.port, env={"REDIS_PW": "not-the-right-one"})
        assert wrong.code == 3
        for output in (good, wrong):
            assert "pw-of-this-test" not in output.out + output.err
            assert "not-the-right-one" not in output.out + output.err
    finally:
        server.close()


def test_redis_acl_user_without_rights_is_told_the_acl_line():
    server = servers.Redis(acl="user default off\nuser monitor on >secret-of-monitor -@all +ping +auth\n")
    try:
        result = runbookd("probe", "--format", "ndjson", "redis://monitor:${env:REDIS_PW}@127.0.0.1:%d" % server.port,
                          env={"REDIS_PW": "secret-of-monitor"})
        assert result.code == 3, result.out
        denied = [e for e in result.events if e["status"] == "unknown"]
        assert denied and any("ACL SETUSER" in (e["hint"] or "") for e in denied), result.out
    finally:
        server.close()


def test_redis_at_its_connection_limit_is_critical(redis):
    redis.do("config", "set", "maxclients", "4")
    held = [servers.socket.create_connection(("127.0.0.1", redis.port)) for _ in range(4)]
    try:
        result = probe(redis.url)
        assert result.code == 2, result.out
        says(result.finding("connect"), "critical", "too_many_clients")
    finally:
        for sock in held:
            sock.close()


def test_redis_out_of_memory_is_found(redis):
    redis.do("config", "set", "maxmemory", "3mb")
    redis.do("eval", "for i=1,40000 do redis.call('set', 'k'..i, string.rep('x', 100)) end", "0")
    result = probe(redis.url)
    assert result.code == 2, result.out
    assert result.finding("memory")["status"] == "critical"


# --------------------------------------------------------------- HTTP ----


def test_http_healthy(nginx):
    result = probe(nginx.url + "/ok")
    assert result.code == 0, result.out
    assert result.finding("endpoint")["measures"]["http_status"] == 200


def test_http_503_is_critical_and_shows_what_the_server_said(nginx):
    result = probe(nginx.url + "/broken")
    assert result.code == 2
    event = result.finding("endpoint")
    assert event["measures"]["http_status"] == 503
    assert "no database" in str(event["evidence"])


def test_http_refused_and_no_such_name():
    refused = probe(f"http://127.0.0.1:{servers.free_port()}/")
    assert refused.code == 2
    says(refused.finding("endpoint"), "critical", "refused")
    nowhere = probe("http://no-such-host.invalid/")
    assert nowhere.code == 3
    says(nowhere.finding("endpoint"), "unknown", "dns")


def test_http_stopped_is_critical_within_the_time_limit():
    server = servers.Nginx("location / { return 200; }")
    try:
        server.freeze()
        result = probe(server.url)
        assert result.code == 2
        says(result.finding("endpoint"), "critical", "timeout")
        assert result.seconds < 15
    finally:
        server.close()


# --------------------------------------------------------- PostgreSQL ----


def test_postgres_healthy(postgres):
    result = probe(postgres.url)
    assert result.code == 0, result.out + result.err
    assert {e["name"] for e in result.events} >= {"connect", "connections"}
    assert result.finding("connections")["measures"]["usable"] == 17  # 20 less 3 for superusers (K78)


def test_postgres_wrong_password_is_unknown_and_not_printed(postgres):
    result = runbookd("probe", "--format", "ndjson", f"postgres://monitor:wr0ng-pw-here@127.0.0.1:{postgres.port}/postgres")
    assert result.code == 3
    says(result.finding("connect"), "unknown", "auth")
    assert "wr0ng-pw-here" not in result.out + result.err


def test_postgres_no_such_database_is_unknown(postgres):
    result = probe(postgres.url.replace("/postgres", "/nowhere"))
    assert result.code == 3, result.out
    assert result.finding("connect")["status"] == "unknown"


def test_postgres_full_is_critical_and_says_so(postgres, sessions):
    sessions(17)
    result = probe(postgres.url)
    assert result.code == 2, result.out
    says(result.finding("connect"), "critical", "too_many_clients")


def test_postgres_nearly_full_names_who_holds_the_connections(postgres, sessions):
    sessions(14)
    result = probe(postgres.url)
    assert result.code in (1, 2), result.out
    assert "backend" in result.finding("connections")["message"]


def test_postgres_refused():
    result = probe(f"postgres://monitor@127.0.0.1:{servers.free_port()}/postgres")
    assert result.code == 2
    says(result.finding("connect"), "critical", "refused")


def test_postgres_stopped_is_critical_within_the_time_limit():
    server = servers.Postgres()
    try:
        server.freeze()
        result = probe(server.url)
        assert result.code == 2
        says(result.finding("connect"), "critical", "timeout")
        assert result.seconds < 15
    finally:
        server.close()


# ------------------------------------------------------- several, wrong ----


def test_the_worst_of_several_decides(redis, nginx):
    result = runbookd("probe", "--format", "ndjson", redis.url, nginx.url + "/broken")
    assert result.code == 2
    assert {e["target"] for e in result.events} == {"redis", "http"}


@pytest.mark.parametrize("words", [["gopher://x"], ["localhost"], [""], []])
def test_what_is_no_url_is_refused_with_3_and_says_what_would_be_right(words):
    result = runbookd("probe", *words)
    assert result.code == 3
    assert "redis" in result.err and not result.out


def test_the_table_is_readable(redis, nginx):
    result = runbookd("probe", "--format", "table", redis.url, nginx.url + "/broken", events=False)
    assert result.code == 2
    assert "STATUS" in result.out and "critical" in result.out and "redis/memory" in result.out
    assert "\x1b" not in result.out  # no colours where nobody has a terminal


def test_the_nagios_format_is_one_line_with_perfdata(redis):
    result = runbookd("probe", "--format", "nagios", redis.url, events=False)
    assert result.code == 0
    assert result.out.startswith("OK - ") and "|" in result.out


def test_postgres_asked_for_at_anothers_port_says_that_it_may_be_none(redis, nginx):
    """Redis waits for the end of a line that never comes; nginx answers in its own protocol, or not at all."""
    for other in (redis, nginx):
        finding = runbookd("probe", f"postgres://127.0.0.1:{other.port}/x").finding("connect")
        if finding["words"]["error_class"] == "timeout":
            assert "took the connection and did not answer" in finding["message"]
            assert "another protocol: compare host and port" in finding["hint"]
        else:
            says(finding, "unknown", "not_postgres")
