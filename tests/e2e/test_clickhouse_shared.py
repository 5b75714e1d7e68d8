"""ClickHouse and what it shares with others: replicas over ZooKeeper, shards that are not there, dictionaries."""
import os
import time

import pytest

import servers
from servers_clickhouse import New, Old, Refused, ZooKeeper
from test_clickhouse import config, look

DICTIONARY = """<dictionaries><dictionary><name>countries</name><source><file><path>{}</path><format>TabSeparated</format></file></source>
<lifetime>{}</lifetime><layout><flat/></layout><structure><id><name>id</name></id><attribute><name>name</name><type>String</type>
<null_value></null_value></attribute></structure></dictionary></dictionaries>"""


@pytest.fixture(scope="module")
def new():
    server = New(config="<remote_servers><nobody><shard><replica><host>127.0.0.1</host><port>1</port></replica></shard></nobody></remote_servers>")
    server.ask("CREATE DATABASE shop")
    yield server
    server.close()


# ------------------------------------------------------------------------------------------------- distribution_queue

def test_distribution_queue(new, tmp_path):
    new.ask("CREATE TABLE shop.everywhere (n UInt32) ENGINE = Distributed(nobody, shop, here)")
    assert look(new, tmp_path, "distribution_queue")["status"] == "ok"
    new.ask("INSERT INTO shop.everywhere SELECT number FROM numbers(10)", distributed_foreground_insert=0)
    with pytest.raises(Exception, match="efused"):
        new.ask("SYSTEM FLUSH DISTRIBUTED shop.everywhere")  # chdb has no threads that would try by themselves
    finding = look(new, tmp_path, "distribution_queue")
    assert finding["status"] == "warning" and finding["measures"]["length"] >= 1 and finding["measures"]["failed"] == 1, finding
    row = finding["evidence"]["tables"][0]
    assert row["table"] == "everywhere" and "onnection refused" in row["last_exception"], finding
    new.ask("DROP TABLE shop.everywhere")


# ------------------------------------------------------------------------------------------------------- dictionaries

def test_dictionaries(new, tmp_path):
    new.ask("CREATE TABLE shop.countries (id UInt64, name String) ENGINE = MergeTree ORDER BY id")
    new.ask("INSERT INTO shop.countries VALUES (1, 'Norway')")
    new.ask("CREATE DICTIONARY shop.good (id UInt64, name String) PRIMARY KEY id SOURCE(CLICKHOUSE(TABLE 'countries' DB 'shop')) "
            "LAYOUT(FLAT()) LIFETIME(MIN 0 MAX 0)")
    new.ask("SYSTEM RELOAD DICTIONARY shop.good")
    finding = look(new, tmp_path, "dictionaries")
    assert finding["status"] == "ok" and finding["measures"]["count"] == 1, finding
    new.ask("DROP TABLE shop.countries SETTINGS check_table_dependencies = 0, check_referential_table_dependencies = 0")
    with pytest.raises(Exception):
        new.ask("SYSTEM RELOAD DICTIONARY shop.good")
    finding = look(new, tmp_path, "dictionaries")
    assert finding["status"] == "warning" and finding["measures"]["stale"] == 1, finding
    new.ask("CREATE DICTIONARY shop.bad (id UInt64, name String) PRIMARY KEY id SOURCE(CLICKHOUSE(TABLE 'nowhere' DB 'shop')) "
            "LAYOUT(FLAT()) LIFETIME(MIN 0 MAX 0)")
    with pytest.raises(Exception):
        new.ask("SYSTEM RELOAD DICTIONARY shop.bad")
    finding = look(new, tmp_path, "dictionaries")
    assert finding["status"] == "critical" and finding["measures"]["failed"] == 1, finding
    assert "SYSTEM RELOAD DICTIONARY" in finding["hint"] and {r["status"] for r in finding["evidence"]["dictionaries"]} >= {"FAILED"}, finding
    new.ask("DROP DICTIONARY shop.bad")
    new.ask("DROP DICTIONARY shop.good")


def test_dictionaries_of_an_old_server(tmp_path):
    file, described = tmp_path / "countries.tsv", tmp_path / "countries_dictionary.xml"
    tmp_path.chmod(0o755)
    file.write_text("1\tNorway\n")
    described.write_text(DICTIONARY.format(file, 1))
    server = Old(config=f"<dictionaries_config>{described}</dictionaries_config>")
    try:
        assert server.ask("SELECT dictGetString('countries', 'name', toUInt64(1))") == "Norway"
        assert look(server, tmp_path, "dictionaries")["status"] == "ok"
        file.write_text("secret of a row\n")
        os.utime(file, (time.time() + 9, time.time() + 9))  # it looks at whole seconds
        finding = servers.wait_until(lambda: next((f for f in [look(server, tmp_path, "dictionaries")] if f["status"] != "ok"), None))
        assert finding["status"] == "warning" and finding["measures"]["stale"] == 1, finding
        assert "Cannot parse input" in finding["message"] and "secret" not in str(finding), finding
        described.write_text(DICTIONARY.format(tmp_path / "nowhere.tsv", 1).replace("countries", "nowhere"))
        os.utime(described, (time.time() + 9, time.time() + 9))
        server.kill()
        server.start()
        with pytest.raises(Exception):
            server.ask("SYSTEM RELOAD DICTIONARY nowhere")
        finding = look(server, tmp_path, "dictionaries")
        assert finding["status"] == "critical" and finding["measures"]["failed"] == 1, finding
    finally:
        server.close()


# -------------------------------------------------------------------------------------------------------- replication

@pytest.fixture(scope="module")
def keeper():
    server = ZooKeeper()
    yield server
    server.close()


def made(server):
    """Whether there is the table; not yet where its session with the keeper has ended meanwhile, on a busy machine."""
    if server.ask("EXISTS TABLE orders") == "1":
        return True
    try:
        server.ask("CREATE TABLE orders (n UInt32) ENGINE = ReplicatedMergeTree('/tables/orders', '{replica}') ORDER BY n")
    except Refused as refused:
        assert "KEEPER" in str(refused) or "ZooKeeper" in str(refused) or "oordination" in str(refused), refused
        return False
    return True


@pytest.fixture(scope="module")
def replicas(keeper):
    """Two that replicate, in one direction: the first cannot fetch what the second has."""
    both = [Old(zookeeper=keeper, replica=name, advertised=host) for name, host in (("r1", "127.0.0.1"), ("r2", "127.0.0.2"))]
    for server in both:
        servers.wait_until(lambda: made(server))
    yield both
    for server in both:
        server.close()


def test_replication(replicas, keeper, tmp_path, agent):
    """In step; entries that fail; a peer that is gone; a keeper that is gone; and all of it back."""
    first, second = replicas
    first.ask("INSERT INTO orders SELECT number FROM numbers(5)")
    servers.wait_until(lambda: second.ask("SELECT count() FROM orders") == "5")
    finding = look(second, tmp_path, "replication", "peers: true")
    assert finding["status"] == "ok" and finding["measures"]["count"] == 1 and finding["measures"]["inactive"] == 0, finding

    second.ask("INSERT INTO orders SELECT 5 + number FROM numbers(5)")
    finding = servers.wait_until(lambda: next((f for f in [look(first, tmp_path, "replication")] if f["measures"]["failed"]), None))
    assert finding["status"] == "warning" and finding["measures"]["length"] >= 1, finding
    assert "efused" in finding["evidence"]["tables"][0]["last_exception"], finding
    second.kill()
    second.configure("127.0.0.1")
    second.start()
    servers.wait_until(lambda: look(first, tmp_path, "replication")["status"] == "ok")

    second.freeze()
    try:
        finding = servers.wait_until(lambda: next((f for f in [look(first, tmp_path, "replication", "peers: true")] if f["measures"]["inactive"]), None))
        assert finding["status"] == "warning" and finding["measures"]["inactive"] == 1, finding
    finally:
        second.thaw()

    running = agent(config(first, "replication: {every: 1s}"))
    running.wait_status("ch", "replication", "ok")
    keeper.kill()
    finding = running.wait_for(lambda e: e["kind"] == "finding" and e["name"] == "replication" and e["measures"].get("readonly"))
    assert finding["status"] == "critical" and "SYSTEM RESTART REPLICA" in finding["hint"], finding
    keeper.start()
    running.wait_status("ch", "replication", "ok", after=len(running.events))


def test_a_new_server_whose_replica_is_read_only(keeper, tmp_path):
    server = New(zookeeper=keeper)
    try:
        server.ask("CREATE TABLE orders (n UInt32) ENGINE = ReplicatedMergeTree('/tables/new', 'r1') ORDER BY n")
        finding = look(server, tmp_path, "replication")
        assert finding["status"] == "critical" and finding["measures"]["readonly"] == 1, finding
        assert "read-only" in finding["message"], finding
    finally:
        server.close()
