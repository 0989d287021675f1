"""MongoDB as others host it: few rights, refused options and commands, users that are not known."""

import asyncio
import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pymongo
import pytest

from jmmc.core.errors import StoreError, UnusableStore
from jmmc.core.model import Receipt, SessionFilter
from jmmc.stores import open_store
from jmmc.stores.mongo.store import MongoStore
from jmmc.stores.spool import SpooledStore
from tests.stores.conftest import writes_to
from tests.support.builders import body, push, wire_sample
from tests.support.commands import jmmc
from tests.support.mongod import Mongod, started
from tests.support.servers import Serve, free_port, post_push

Client = pymongo.MongoClient[dict[str, Any]]
_ALL = SessionFilter()


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    """A replica set of one member that asks for a user: the rights of Atlas, with fail points."""
    folder = tmp_path_factory.mktemp("secured")
    key = folder / "keyfile"
    key.write_text("only members of this set know this")
    key.chmod(0o600)
    options = ["--replSet", "hosted", "--oplogSize", "64", "--auth", "--keyFile", str(key)]
    with started(folder, *options, "--setParameter", "enableTestCommands=1") as mongod:
        members = [{"_id": 0, "host": f"127.0.0.1:{mongod.port}"}]
        with mongod.client() as client:
            client.admin.command("replSetInitiate", {"_id": "hosted", "members": members})
            while not client.admin.command("hello")["isWritablePrimary"]:
                time.sleep(0.1)
            client.admin.command("createUser", "root", pwd="pw", roles=["root"])
        yield mongod


@pytest.fixture
def root(secured: Mongod) -> Iterator[Client]:
    with pymongo.MongoClient[dict[str, Any]](
        secured.url, username="root", password="pw", authSource="admin"
    ) as client:
        yield client


@pytest.fixture
def database(request: pytest.FixtureRequest, root: Client) -> str:
    """A new database with the users `app` (readWrite) and `viewer` (read)."""
    name = f"calls{abs(hash(request.node.name))}"
    for user, role in (("app", "readWrite"), ("viewer", "read")):
        root[name].command("createUser", user, pwd="pw", roles=[{"role": role, "db": name}])
    return name


def _url(secured: Mongod, database: str, user: str = "app", password: str = "pw") -> str:
    return f"mongodb://{user}:{password}@127.0.0.1:{secured.port}/{database}?directConnection=true"


@contextmanager
def _refusing(
    root: Client, commands: list[str], code: int, mode: object = "alwaysOn"
) -> Iterator[None]:
    """Have the server answer these commands of jmmc with an error code."""
    point = {"configureFailPoint": "failCommand"}
    data = {"failCommands": commands, "errorCode": code, "appName": "jmmc"}
    root.admin.command({**point, "mode": mode, "data": data})
    try:
        yield
    finally:
        root.admin.command({**point, "mode": "off"})


def _spooled(url: str, folder: Path) -> SpooledStore:
    return SpooledStore(
        MongoStore(url=url, name="calls"), folder / "spool", limit=2**30, pause=0.05
    )


async def _append(store: MongoStore | SpooledStore, seq: int = 0) -> None:
    (receipt,) = await store.append([push(seq)])
    assert isinstance(receipt, Receipt)


@pytest.mark.parametrize("retention_days", [[0, 0], [30, 30], [0, 30, 90, 0]])
async def test_the_role_read_write_is_enough_at_every_start(
    secured: Mongod, database: str, root: Client, retention_days: list[int]
) -> None:
    for start, days in enumerate(retention_days):
        store = MongoStore(url=_url(secured, database), name="calls", retention_days=days)
        await store.open()
        await _append(store, start)
        await store.check()
        await store.close()
        index = root[database].calls.index_information()["jmmc_retention"]
        assert index["expireAfterSeconds"] == (days * 86400 or 2**31 - 1)


async def test_a_command_that_writes_leaves_the_retention_as_it_is(
    secured: Mongod, database: str, root: Client
) -> None:
    url = _url(secured, database)
    store = MongoStore(url=url, name="calls", retention_days=30)
    await store.open()
    await store.close()
    tool = open_store(url, collection="calls")
    await tool.open()
    await tool.close()
    index = root[database].calls.index_information()["jmmc_retention"]
    assert index["expireAfterSeconds"] == 30 * 86400


def test_the_role_read_is_enough_to_read(
    secured: Mongod, database: str, root: Client, tmp_path: Path
) -> None:
    serve = Serve(tmp_path, "--spool-dir", "", store=_url(secured, database))
    sample = wire_sample(0, {"cq": 90}, full=True, bye=True)
    post_push(serve.url, body(sample, sid="1" * 32))
    (exported,) = serve.export()
    assert serve.stop() == 0
    store = ["--store", _url(secured, database, "viewer")]
    assert jmmc("rebuild", "--store", serve.store, folder=tmp_path).returncode == 0
    before = _contents(root[database])

    assert json.loads(jmmc("export", *store, folder=tmp_path).stdout) == exported
    for command in (
        ["report", "--by", "browser"],
        ["sessions"],
        ["show", exported["_id"]],
        ["export", "--what", "summaries"],
        ["alerts", "list"],
        ["user", "list"],
        ["token", "list"],
        ["forget", "--room", "room", "--dry-run"],
    ):
        done = jmmc(*command, *store, folder=tmp_path)
        assert done.returncode == 0, (command, done.stderr)
    done = jmmc("copy", store[1], "sqlite:///copy.db", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert _contents(root[database]) == before, "a reading command has written"


async def test_a_store_that_is_read_only_refuses_every_write(
    secured: Mongod, database: str, root: Client
) -> None:
    reader = open_store(_url(secured, database), collection="calls", read_only=True)
    await reader.open()
    for write in writes_to(reader):
        with pytest.raises(StoreError, match="opened for reading only"):
            await write
    await reader.close()
    assert root[database].list_collection_names() == []


def _contents(database: Any) -> dict[str, Any]:
    return {
        name: (sorted(database[name].index_information()), list(database[name].find()))
        for name in sorted(database.list_collection_names())
    }


@pytest.mark.parametrize(
    ("user", "password", "words"),
    [
        ("viewer", "pw", "grant the role readWrite on calls"),
        ("app", "wrong", "check user, password and authSource in the URL"),
    ],
)
@pytest.mark.parametrize("spool", ["spool", ""])
def test_serve_ends_at_the_start_and_says_which_role_is_missing(
    secured: Mongod, database: str, tmp_path: Path, user: str, password: str, words: str, spool: str
) -> None:
    command = [sys.executable, "-m", "jmmc", "serve", "--port", str(free_port())]
    command += ["--store", _url(secured, database, user, password), "--spool-dir", spool]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("jmmc: ")]
    assert words in line
    assert "pw" not in line.replace("password", "")


def test_check_names_the_role_that_is_missing(
    secured: Mongod, database: str, tmp_path: Path
) -> None:
    done = jmmc("check", "--store", _url(secured, database, "viewer"), folder=tmp_path)
    assert done.returncode == 1
    assert f"grant the role readWrite on {database}" in done.stdout
    done = jmmc("check", "--store", _url(secured, database), folder=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "may read and write all collections" in done.stdout


def test_check_names_a_collection_that_may_not_be_written(
    secured: Mongod, database: str, root: Client, tmp_path: Path
) -> None:
    anywhere = {"resource": {"db": database, "collection": ""}, "actions": ["find"]}
    writes = [
        {
            "resource": {"db": database, "collection": f"metrics-collector{name}"},
            "actions": ["insert", "update", "remove"],
        }
        for name in ("", ".probe", ".summaries", ".names", ".records", ".incidents", ".usage")
    ]
    root[database].command("createRole", "narrow", privileges=[anywhere, *writes], roles=[])
    root[database].command("createUser", "narrow", pwd="pw", roles=["narrow"])
    done = jmmc("check", "--store", _url(secured, database, "narrow"), folder=tmp_path)
    assert done.returncode == 1
    (failure,) = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert "metrics-collector.rollups" in failure
    assert "does without the index" in done.stdout


@pytest.mark.parametrize("code", [2, 8000, 72, 115, 59, 13, 96, 12345])
async def test_options_and_commands_that_are_refused_are_done_without(
    secured: Mongod, database: str, root: Client, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    optional = ["create", "createIndexes", "collMod", "dropIndexes", "listIndexes", "dbStats"]
    optional += ["listCollections", "buildInfo"]
    with _refusing(root, optional, code):
        store = MongoStore(url=_url(secured, database), name="calls", retention_days=30)
        await store.open()
        await _append(store)
        assert (await store.check()).size is None
        assert await store.disks() == [], "unknown, not zero"
        await store.check()
        assert await store.count(_ALL) == 1
        await store.close()
        await store.open()  # As `jmmc serve` does: it tries the store before it serves.
        await store.close()
    features = [
        record.message.partition(" why=")[0]
        for record in caplog.records
        if record.message.startswith("mongo_feature_refused")
    ]
    assert len(features) == len(set(features)), "a feature is logged more than once"
    for feature in ("compression of calls with zstd", "retention by MongoDB itself", "jmmc_at"):
        assert any(feature in line for line in features), features


async def test_a_refused_partial_index_is_built_over_all_documents(
    secured: Mongod, database: str, root: Client
) -> None:
    # All together, then at, conf and uid, then the first partial one: all refused.
    with _refusing(root, ["createIndexes"], 67, {"times": 5}):
        store = MongoStore(url=_url(secured, database), name="calls")
        await store.open()
        await store.close()
    built = root[database].calls.index_information()
    assert "partialFilterExpression" not in built["jmmc_following"]
    assert built["jmmc_dirty_by_partition"]["partialFilterExpression"] == {"d": True}
    assert "jmmc_at" not in built
    await store.open()
    await store.close()
    built = root[database].calls.index_information()
    assert {"jmmc_at", "jmmc_conf", "jmmc_uid", "jmmc_following", "jmmc_retention"} < set(built)


async def test_without_an_expiring_index_the_collector_deletes_old_documents_itself(
    secured: Mongod, database: str, root: Client
) -> None:
    with _refusing(root, ["createIndexes"], 115):
        store = MongoStore(url=_url(secured, database), name="calls", retention_days=30)
        await store.open()
    await _append(store)
    root[database].calls.update_one({}, {"$set": {"at": datetime.now(UTC) - timedelta(days=31)}})
    await store.append([push(0, session="b" * 24)])
    root[database].calls.update_many(
        {"at": {"$gt": datetime(2020, 1, 1), "$lt": datetime(2024, 1, 1)}},
        {"$set": {"at": datetime.now(UTC)}},
    )
    before = int(time.time()) - 30 * 86400
    assert await store.prune(before) == 1
    assert await store.prune(before) == 0
    assert await store.count(_ALL) == 1
    await store.close()


@pytest.mark.parametrize("code", [13, 18, 59, 72, 115, 8000])
async def test_what_will_never_succeed_is_not_spooled(
    secured: Mongod, database: str, root: Client, tmp_path: Path, code: int
) -> None:
    store = _spooled(_url(secured, database), tmp_path)
    await store.open()
    with _refusing(root, ["update", "insert"], code):
        for _ in range(3):
            with pytest.raises(UnusableStore):
                await store.append([push(0)])
            with pytest.raises(UnusableStore):
                await store.check()
    await _append(store)
    assert (await store.check()).spooled is None
    await store.close()


async def test_a_spool_that_is_refused_takes_no_more_and_moves_when_the_role_is_granted(
    secured: Mongod, database: str, root: Client, tmp_path: Path
) -> None:
    store = _spooled(_url(secured, database), tmp_path)
    await store.open()
    with _refusing(root, ["update"], 91):  # ShutdownInProgress: the database is away.
        await _append(store, 0)
        assert (await store.check()).spooled is not None
        root[database].command("revokeRolesFromUser", "app", roles=["readWrite"])
        root[database].command("grantRolesToUser", "app", roles=["read"])
    await _until(lambda: _refuses(store, "grant the role readWrite"))
    with pytest.raises(UnusableStore, match="grant the role readWrite"):
        await store.append([push(1)])
    root[database].command("grantRolesToUser", "app", roles=["readWrite"])
    await _until(lambda: _has_moved(store))
    await _append(store, 1)
    (session,) = [session async for session in store.sessions(_ALL)]
    assert [sample.seq for sample in session.samples] == [0, 1]
    await store.close()


async def _refuses(store: SpooledStore, words: str) -> bool:
    try:
        await store.check()
    except UnusableStore as error:
        return words in str(error)
    return False


async def _has_moved(store: SpooledStore) -> bool:
    try:
        return (await store.check()).spooled is None
    except StoreError:
        return False


async def _until(condition: Callable[[], Any]) -> None:
    for _ in range(200):
        if await condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("never came true")


def test_readyz_and_pushes_say_that_a_right_was_taken_away(
    secured: Mongod, database: str, root: Client, tmp_path: Path
) -> None:
    serve = Serve(tmp_path, "--spool-dir", str(tmp_path / "spool"), store=_url(secured, database))
    try:
        assert serve.readiness(timeout=5)["status"] == "ready"
        root[database].command("revokeRolesFromUser", "app", roles=["readWrite"])
        ready = serve.readiness(timeout=5)
        assert ready["status"] == "store_down"
        assert f"grant the role readWrite on {database}" in ready["detail"]
        with pytest.raises(OSError, match="503"):
            post_push(serve.url, body(sid="1" * 32))
        root[database].command("grantRolesToUser", "app", roles=["readWrite"])
        serve.wait_until_ready()
        post_push(serve.url, body(sid="1" * 32))
        assert len(serve.export()) == 1
    finally:
        serve.close()


async def test_a_server_without_retryable_writes_is_used_without_them(
    secured: Mongod, database: str, root: Client
) -> None:
    store = MongoStore(url=_url(secured, database), name="calls")
    with _refusing(root, ["update"], 301, {"times": 1}):  # As Amazon DocumentDB answers.
        await store.open()
    assert store.connection.client is not None
    assert not store.connection.client.options.retry_writes
    await _append(store)
    await store.close()
