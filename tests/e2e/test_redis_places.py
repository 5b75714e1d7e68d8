"""plugins/redis where a server is not simply at its address: asked of sentinels, or one node of a cluster."""
import time

import pytest

import servers
import sockets
from agent import runbookd
from pki import Pki
from servers import wait_until
from servers_redis import Cluster, Replica, Sentinel, info, once, target

# ------------------------------------------------------------ sentinels ----


@pytest.fixture
def watched():
    """A master, its replica and a sentinel."""
    master = servers.Redis()
    replica = Replica(master)
    sentinel = Sentinel(master)
    wait_until(lambda: "slaves=1" in sentinel.do("info", "sentinel"))
    yield master, replica, sentinel
    for one in (sentinel, replica, master):
        one.close()


def sentinel_url(sentinel, name="orders", scheme="redis"):
    return f"{scheme}+sentinel://127.0.0.1:{sentinel.port}/{name}"


def test_the_master_is_found_and_followed_when_it_fails_over(watched, agent):
    master, replica, sentinel = watched
    dead = servers.free_port()
    url = f"redis+sentinel://127.0.0.1:{dead}/orders/0"  # the first of them is down
    running = agent(target(url, {"connect": {"every": "200ms"}, "memory": {"every": "200ms"}}, f"sentinels: ['127.0.0.1:{sentinel.port}']"))
    found = running.wait_status("cache", "connect", "ok")
    assert found["evidence"]["master"] == f"127.0.0.1:{master.port}", found
    running.wait_status("cache", "memory", "ok")
    before = len(running.events)
    master.kill()
    running.wait_status("cache", "connect", "critical", after=before)
    wait_until(lambda: sentinel.master_port() == replica.port, 30)
    back = running.wait_status("cache", "connect", "ok", after=before, seconds=30)
    assert back["evidence"]["master"] == f"127.0.0.1:{replica.port}" and back["words"]["role"] == "master", back
    assert len(sockets.of(sentinel.port, pid=running.process.pid)) == 0


def test_a_master_that_the_sentinels_do_not_know_is_ours_to_mend(watched, tmp_path):
    result = once(tmp_path, sentinel_url(watched[2], "payments"), {"connect": {}})
    finding = result.finding("connect")
    assert finding["status"] == "unknown" and finding["words"]["error_class"] == "no_master" and "payments" in finding["message"], finding


def test_sentinels_that_are_all_down_or_hang_are_critical(watched, tmp_path):
    sentinel = watched[2]
    dead = f"redis+sentinel://127.0.0.1:{servers.free_port()}/orders"
    finding = once(tmp_path, dead, {"connect": {}}).finding("connect")
    assert finding["status"] == "critical" and finding["words"]["error_class"] == "no_sentinel", finding
    sentinel.freeze()
    try:
        begun = time.monotonic()
        finding = once(tmp_path, sentinel_url(sentinel), {"connect": {"timeout": "1s"}}).finding("connect")
        assert finding["words"]["error_class"] == "no_sentinel" and time.monotonic() - begun < 15, finding
        other = Sentinel(watched[0])  # one that hangs does not keep us from one that answers
        try:
            well = once(tmp_path, sentinel_url(sentinel), {"connect": {"timeout": "3s"}}, f"sentinels: ['127.0.0.1:{other.port}']")
            assert well.finding("connect")["status"] == "ok", well.out
        finally:
            other.close()
    finally:
        sentinel.thaw()


def test_both_ask_for_tls_and_passwords_of_their_own(tmp_path):
    pki = Pki()
    leaf = pki.pair("good")
    master = servers.Redis(tls=leaf, acl="user default off\nuser watch on >master-pass ~* &* +@all\n")
    sentinel = Sentinel(master, tls=leaf, password="sentinel-pass", master_login=("watch", "master-pass"))
    try:
        more = ["user: watch", "password: master-pass", f"tls: {{ca: {leaf.root}}}"]
        url = sentinel_url(sentinel, scheme="rediss")
        good = once(tmp_path, url, {"connect": {}, "memory": {}}, *more, "sentinel_password: sentinel-pass")
        assert good.code == 0, good.out
        bad = once(tmp_path, url, {"connect": {}}, *more, "sentinel_password: wrong-pass").finding("connect")
        assert bad["status"] == "unknown" and bad["words"]["error_class"] == "noauth", bad
        for output in (good.out, str(bad)):
            assert "sentinel-pass" not in output and "master-pass" not in output
    finally:
        sentinel.close()
        master.close()
        pki.close()


@pytest.mark.parametrize("url, more, says", [
    ("redis+sentinel://s", "", "names no master"),
    ("redis+sentinel://s/orders/two", "", "no database's number"),
    ("redis+sentinel://s/orders", "sentinels: ['h:x']", "no HOST:PORT"),
    ("redis://s", "sentinels: [h]", "redis+sentinel://"),
])
def test_addresses_that_cannot_be_are_refused(tmp_path, url, more, says):
    (tmp_path / "c.yaml").write_text(target(url, {}, more) if more else target(url, {}))
    result = runbookd("validate", "-c", tmp_path / "c.yaml")
    assert result.code != 0 and says in result.out + result.err, result.out + result.err


def test_an_address_that_is_a_reference_is_validated_offline(tmp_path):
    (tmp_path / "c.yaml").write_text(target("'${env:NOT_SET_AT_ALL}'", {}))
    result = runbookd("validate", "--offline", "-c", tmp_path / "c.yaml")
    assert result.code == 0, result.out + result.err


# -------------------------------------------------------------- cluster ----


@pytest.fixture(scope="module")
def cluster():
    cluster = Cluster()
    yield cluster
    cluster.close()


KEYS = ["a", "b", "c", "d", "e", "f"]  # of all three nodes


def test_keys_of_every_node_are_counted(cluster, tmp_path):
    for count, key in enumerate(KEYS, 1):
        cluster.do("del", key)
        cluster.do("rpush", key, *range(count))
    result = once(tmp_path, cluster.url, {"connect": {}, "queue_depth": {"keys": KEYS}})
    assert result.code == 0, result.out
    assert [result.finding("queue_depth", key)["measures"]["length"] for key in KEYS] == [1, 2, 3, 4, 5, 6]


def test_connections_to_other_nodes_are_bounded_and_end_with_the_run(cluster, agent):
    for key in KEYS:
        cluster.do("rpush", key, 1)
    running = agent(target(cluster.url, {"queue_depth": {"every": "100ms", "keys": KEYS}}))
    running.wait_status("cache", "queue_depth", "ok", subject="f")
    most = [0, 0, 0]
    for _ in range(200):
        most = [max(a, len(sockets.of(node.port, pid=running.process.pid))) for a, node in zip(most, cluster.nodes)]
        time.sleep(0.005)
    assert most[0] <= 2 and max(most[1:]) <= 1, most
    wait_until(lambda: len(sockets.of(cluster.nodes[1].port, pid=running.process.pid)) == 0)


def test_a_slot_that_moves_is_asked_for_where_it_is(cluster, tmp_path):
    key = "moving"
    cluster.do("del", key)
    cluster.do("rpush", key, 1, 2, 3)
    slot = int(cluster.nodes[0].do("cluster", "keyslot", key))
    at = slot // 5461
    source, other = cluster.nodes[at], cluster.nodes[(at + 1) % 3]
    ids = {node.port: node.do("cluster", "myid") for node in cluster.nodes}
    assert other.do("cluster", "setslot", slot, "importing", ids[source.port]) == "OK"
    assert source.do("cluster", "setslot", slot, "migrating", ids[other.port]) == "OK"
    try:
        assert source.do("migrate", "127.0.0.1", other.port, key, 0, 1000) == "OK"  # now the source answers ASK
        assert source.do("llen", key).startswith("ASK")
        finding = once(tmp_path, cluster.url, {"queue_depth": {"keys": [key]}}).finding("queue_depth", key)
        assert finding["status"] == "ok" and finding["measures"]["length"] == 3, finding
        for node in (other, source):
            node.do("cluster", "setslot", slot, "node", ids[other.port])
        finding = once(tmp_path, cluster.url, {"queue_depth": {"keys": [key]}}).finding("queue_depth", key)
        assert finding["measures"]["length"] == 3, finding
    finally:
        for node in cluster.nodes:
            node.do("cluster", "setslot", slot, "node", ids[other.port])


def test_a_cluster_that_lost_a_node_is_down_for_a_reason_of_its_own(tmp_path):
    cluster = Cluster()
    try:
        cluster.do("rpush", "c", 1)
        dead = int(cluster.nodes[0].do("cluster", "keyslot", "c")) // 5461
        cluster.nodes[dead].kill()
        alive = [node for node in cluster.nodes if node is not cluster.nodes[dead]]
        early = once(tmp_path, alive[0].url, {"queue_depth": {"keys": ["c"]}})  # before the others have noticed
        assert early.code != 0, early.out
        cluster.wait_state("fail", alive)
        result = once(tmp_path, alive[0].url, {"connect": {}, "queue_depth": {"keys": ["a", "c"]}})
        finding = result.finding("connect")
        assert finding["status"] == "critical" and finding["words"]["error_class"] == "clusterdown", finding
        assert "of 16384 slots are served" in finding["message"], finding
        assert alive[0].do("ping") == "PONG"
        cluster.nodes[dead].start()
        cluster.wait_state("ok")
        assert once(tmp_path, alive[0].url, {"connect": {}}).code == 0
    finally:
        cluster.close()


def test_without_the_right_to_ask_for_the_state_of_the_cluster_that_is_unknown(cluster, tmp_path):
    node = cluster.nodes[0]
    node.do("acl", "setuser", "poor", "on", ">poor-pass", "-@all", "+ping", "+info")
    finding = once(tmp_path, cluster.url, {"connect": {}}, "user: poor", "password: poor-pass").finding("connect")
    assert finding["words"]["writes"] == "unknown" and finding["hint"] == "ACL SETUSER poor +cluster|info", finding
    assert info(node, "cluster_enabled") == "1"
