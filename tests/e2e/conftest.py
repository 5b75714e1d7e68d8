"""Fixtures: servers live as long as a module where that is harmless, agents as long as a test."""
import pytest

import agent as agents
import servers


@pytest.fixture
def agent():
    """agent(config, *words) starts one; all are ended with the test, in order and without a leak."""
    started = []

    def start(config, *words, env=None, under=()):
        started.append(agents.Agent(config, *words, env=env, under=under))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.end()


@pytest.fixture
def redis():
    server = servers.Redis()
    yield server
    server.close()


@pytest.fixture(scope="module")
def postgres():
    server = servers.Postgres(max_connections=20)
    yield server
    server.close()


@pytest.fixture
def sessions(postgres):
    """sessions(count, ...) opens sessions that end with the test."""
    opened = []

    def start(count, *words, **more):
        opened.extend(postgres.sessions(count, *words, **more))
        return opened

    yield start
    postgres.end_sessions()
    for client in opened:
        client.kill()
        client.communicate()


@pytest.fixture(scope="module")
def nginx():
    server = servers.Nginx("location /ok { return 200 'fine'; } location /broken { return 503 'no database'; }"
                           "location /old { return 301 /ok; }"
                           "location /quota { add_header RateLimit-Limit 100; add_header RateLimit-Remaining 99; add_header RateLimit-Reset 60; return 200 'fine'; }")
    yield server
    server.close()


def pytest_terminal_summary(terminalreporter):
    """What test_faults.py measured: fault by plugin, the finding, and when."""
    import test_faults
    if test_faults.TABLE:
        terminalreporter.write_line(test_faults.print_table())
