"""`jmmc forget` while a collector runs."""

import asyncio
import json
import subprocess
import sys
import urllib.request
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from uuid import uuid4

from jmmc.stores import open_store
from jmmc.stores.erasure_receipts import erasures
from tests.support.senders import Load, Sender, assert_stored_once
from tests.support.servers import Serve


async def test_erasing_beside_a_running_collector_is_complete_and_loses_nothing_else(
    tmp_path: Path,
) -> None:
    serve = Serve(tmp_path)
    senders = [Sender(f"room{number}", number) for number in range(3)]
    command = [sys.executable, "-m", "jmmc", "forget", "--store", serve.store]
    try:
        async with Load(senders, serve.port) as load:
            await load.confirms(5)
            process = await asyncio.create_subprocess_exec(
                *command, "--room", "room0", "--yes", "--json", stdout=subprocess.PIPE
            )
            output, _ = await process.communicate()
            assert process.returncode == 0
            await load.confirms(5)
        receipt = json.loads(output)
        assert receipt["sessions"] >= 1
        exported = serve.export()
        (session,) = [session for session in exported if session["conf"] == "room0"]
        until = datetime.fromisoformat(receipt["until"]).timestamp()
        assert min(sample["ts"] for sample in session["m"]) > until
        assert_stored_once(exported, senders[1:])
    finally:
        serve.close()
    store = open_store(serve.store)
    await store.open()
    assert [erasure.id for erasure in await erasures(store.reports)] == [receipt["id"]]
    await store.close()


def test_forget_counts_first_and_asks_for_confirmation(tmp_path: Path) -> None:
    serve = Serve(tmp_path)
    serve.close()

    def run(*options: str, answer: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "jmmc", "forget", "--store", serve.store, *options]
        return subprocess.run(command, input=answer, capture_output=True, text=True, timeout=60)

    done = run("--room", "room", "--dry-run")
    assert (done.returncode, "0 sessions and 0 summaries" in done.stderr) == (0, True)
    assert run("--room", "room", answer="n\n").returncode == 1
    assert run().returncode == 2
    assert run("--participant", "a", "--room", "b").returncode == 2
    assert run("--room", "room", "--store", f"sqlite:///{tmp_path}/none.db").returncode == 1


def test_late_samples_of_an_erased_browser_never_reach_another_session(tmp_path: Path) -> None:
    """Two collectors on one file; the first one remembers the session that the command erases."""
    first, second = Serve(tmp_path / "first"), None
    try:
        second = Serve(tmp_path / "second", store=first.store)

        uids = [str(uuid4()) for _ in range(3)]
        sids = [token_hex(16) for _ in range(3)]

        def send(serve: Serve, number: int, seqs: range) -> None:
            samples = [{"seq": seq, "age": 0, "m": {"cq": 10 * number}} for seq in seqs]
            content = {"v": 2, "sid": sids[number], "uid": uids[number], "samples": samples}
            content["conf"] = f"room{number}"
            headers = {"content-type": "application/json"}
            request = urllib.request.Request(
                f"{serve.url}/push", json.dumps(content).encode(), headers
            )
            with urllib.request.urlopen(request, timeout=20) as answer:
                assert json.load(answer)["ack"] == seqs[-1]

        send(first, 1, range(3))
        command = [sys.executable, "-m", "jmmc", "forget", "--store", first.store]
        subprocess.run([*command, "--room", "room1", "--yes"], check=True, timeout=60)
        send(second, 2, range(3))
        send(first, 1, range(3, 6))
        send(second, 2, range(3, 6))
        (session,) = [session for session in first.export() if session["conf"] == "room2"]
        assert [sample["cq"] for sample in session["m"]] == [20] * 6
    finally:
        for serve in (first, second):
            if serve is not None:
                serve.close()
