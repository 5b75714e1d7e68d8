"""Two agents of a realm, a queue that is too long, and a remediation that sets it aside: what tests of the lease share."""
import pytest

import servers
from test_lease import grant

QUEUE = 9


@pytest.fixture(scope="module")
def postgres():
    server = servers.Postgres(max_connections=30)
    grant(server)
    yield server
    server.close()


def config(redis, head, store, mode="approve", guard="cooldown: 0s", at_least=1, more=""):
    """`head` says who the agent is; `store` where the lease lies; `more` follows the remediation."""
    return f"""
{head}
guard: {{mode: {mode}}}
targets:
  store: {{{store}, checks: {{connect: {{every: 5s, warning: never}}}}}}
  cache: {{type: redis, url: "{redis.url}", scope: cluster, act_as: {{}}, checks: {{mails: {{check: queue_depth, every: 1s, keys: [q], critical: length > 5}}}}}}
  own: {{type: redis, url: "{redis.url}", scope: node, act_as: {{}}, checks: {{mine: {{check: queue_depth, every: 1s, keys: [q], warning: length > 5}}}}}}
remediations:
  set-aside:
    trigger: {{check: cache/mails, status: critical}}
    script: redis/quarantine_queue
    targets: {{queues: cache}}
    with: {{at_least: {at_least}}}
    allow: ["queues:quarantine_queue"]
    mode: {mode}
    guard: {{{guard}}}
{more}
"""


def flood(redis):
    redis.do("rpush", "q", *range(QUEUE))


def lengths(redis):
    return redis.do("llen", "q"), redis.do("llen", "q:quarantine")
