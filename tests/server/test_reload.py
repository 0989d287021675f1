"""SIGHUP: settings are reloaded without losing pushes."""

import gzip
import json
import re
import signal
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from jmmc.settings import Mark, Settings, changed, marked
from tests.support.builders import body
from tests.support.senders import Load, Sender, assert_stored_once
from tests.support.servers import Serve, post_push
from tests.support.waiting import wait_until


def test_changed_settings_are_applied_live_or_need_a_restart() -> None:
    old = Settings.of(port=1, sample_ratio=0.5, authorized_regions="a")
    change = changed(old, Settings.of(port=2, sample_ratio=0.1, authorized_regions="a,b"))
    assert change.applied == ["authorized_regions", "sample_ratio"]
    assert change.waiting == ["port"]
    assert change.settings == Settings.of(port=1, sample_ratio=0.1, authorized_regions="a,b")
    assert changed(old, old).settings == old


@pytest.mark.parametrize("name", ["store", "secret", "prefix", "spool_dir", "quality_preset"])
def test_settings_that_a_running_collector_depends_on_need_a_restart(name: str) -> None:
    assert not marked(name, Mark.LIVE)


async def test_sighup_applies_valid_settings_and_rejects_invalid_ones_without_losing_pushes(
    tmp_path: Path,
) -> None:
    file = tmp_path / "jmmc.toml"
    file.write_text("sample_ratio = 1.0\n")
    serve = Serve(tmp_path, "--config", str(file))
    try:
        assert _script(serve)["sample_ratio"] == 1.0
        assert _push(serve, "Secret Room") == 200
        senders = [Sender(f"room-{number}", number) for number in range(20)]
        async with Load(senders, serve.port) as load:
            await load.confirms()
            for ratio in (0.9, 0.5, 0.25):
                file.write_text(
                    f'sample_ratio = {ratio}\nconf_pattern = "room-.*"\nlog_format = "json"\n'
                    'allowed_origins = ["https://meet.example.org"]\nqueue_limit = 77\n'
                )
                _reload(serve, "settings_reloaded")
                await load.confirms(1)
            file.write_text("sample_ratio = 7\n")
            _reload(serve, "settings_refused")
            await load.confirms(1)
        assert _script(serve)["sample_ratio"] == 0.25
        assert _push(serve, "Secret Room") == 400
        assert_stored_once(serve.export(), senders)
        assert all(sender.refused == 0 for sender in senders)
    finally:
        assert serve.stop() == 0
    lines = serve.log.read_text().splitlines()
    events = [json.loads(line) for line in lines if line.startswith('{"event": "settings')]
    assert events[0]["changed"] == ["conf_pattern", "sample_ratio", "allowed_origins", "log_format"]
    assert [event["changed"] for event in events[1:3]] == [["sample_ratio"], ["sample_ratio"]]
    assert [event.get("need_restart") for event in events] == [["queue_limit"]] * 3 + [None]
    expected = "expected less than or equal to 1"
    assert events[3]["why"] == f"sample_ratio in {file} = 7: {expected}"


def _reload(serve: Serve, event: str) -> None:
    """Send SIGHUP, and wait for the event in the log."""
    assert serve.process is not None
    before = serve.log.read_text().count(event)
    serve.process.send_signal(signal.SIGHUP)
    wait_until(lambda: serve.log.read_text().count(event) > before, serve.log.read_text, pause=0.01)


def _script(serve: Serve) -> dict[str, object]:
    """The settings in the script that browsers load."""
    request = urllib.request.Request(f"{serve.url}/getClient", headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = gzip.decompress(answer.read()).decode()
    match = re.search(r'\{"push_url".*?\}', text)
    assert match
    return dict(json.loads(match[0]))


def _push(serve: Serve, conf: str) -> int:
    try:
        post_push(serve.url, body(conf=conf.lower().replace(" ", "%20")))
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    return 200
