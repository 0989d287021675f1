"""`jmmc forget` while a collector runs."""

import asyncio
import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

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
