"""A disk that is nearly full, as the collector finds it: its floor is set beside what is free."""

import asyncio
import urllib.error
from pathlib import Path

import pytest

from jmmc.stores.local_disk import free_bytes
from tests.support.builders import body
from tests.support.senders import Load, Sender, assert_stored_once
from tests.support.servers import Serve, get_json, post_push
from tests.support.waiting import wait_until_async


def _refusal(serve: Serve, sid: str) -> tuple[int, str]:
    with pytest.raises(urllib.error.HTTPError) as refused:
        post_push(serve.url, body(sid=sid))
    assert refused.value.headers["Retry-After"] == "60"
    return refused.value.code, refused.value.read().decode()


async def test_a_disk_that_is_nearly_full_refuses_new_sessions_and_loses_nothing(
    tmp_path: Path,
) -> None:
    free = max(free_bytes(tmp_path) >> 20, 16)
    file = tmp_path / "jmmc.toml"
    file.write_text("")
    serve = Serve(tmp_path, "--config", str(file))

    async def set_floor(mebibytes: int) -> None:
        file.write_text(f"min_free_disk = {mebibytes}\n")
        await asyncio.to_thread(serve.hang_up, "settings_reloaded")

    try:
        senders = [Sender(f"room-{number}", number) for number in range(10)]
        async with Load(senders, serve.port) as load:
            await load.confirms()
            await set_floor(2 * free)
            code, content = _refusal(serve, "0" * 32)
            assert (code, "store_down" in content) == (503, True)
            await load.confirms()
            assert sum(sender.refused for sender in senders) == 0, "running sessions go on"
            ready = get_json(f"{serve.url}/readyz")
            assert ready["status"] == "ready"
            assert ready["detail"].endswith(": new sessions are refused")

            await set_floor(8 * free)
            confirmed = [sender.confirmed for sender in senders]
            await wait_until_async(lambda: all(sender.refused > 1 for sender in senders))
            assert serve.readiness(timeout=10)["status"] == "store_down"
            stored_meanwhile = [
                sender.confirmed - before for sender, before in zip(senders, confirmed, strict=True)
            ]
            assert max(stored_meanwhile) <= 6, "what was under way as the floor rose"

            await set_floor(2 * free)
            assert _refusal(serve, "0" * 32)[0] == 503
            await load.confirms()
            await set_floor(free // 4)
            assert post_push(serve.url, body(sid="0" * 32))["ack"] == 0
            assert get_json(f"{serve.url}/readyz").keys() == {"status", "waiting"}
        exported = serve.export()
        assert len(exported) == 11
        assert_stored_once(exported, senders)
    finally:
        assert serve.stop() == 0
    log = serve.log.read_text()
    assert log.count("disk_space_low") == 2
    assert log.count("disk_space_exhausted") == 1
    assert log.count("disk_space_recovered") == 1
