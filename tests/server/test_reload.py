"""SIGHUP: other settings, without a push lost."""

import gzip
import json
import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from jmmc.settings import Mark, Settings, changed, marked
from tests.support.builders import body
from tests.support.senders import Load, Sender, assert_stored_once
from tests.support.servers import Serve


def test_what_may_change_while_it_runs_is_told_from_what_needs_a_restart() -> None:
    old = Settings.of(port=1, sample_ratio=0.5, authorized_regions="a")
    change = changed(old, Settings.of(port=2, sample_ratio=0.1, authorized_regions="a,b"))
    assert change.applied == ["authorized_regions", "sample_ratio"]
    assert change.waiting == ["port"]
    assert change.settings == Settings.of(port=1, sample_ratio=0.1, authorized_regions="a,b")
    assert changed(old, old).settings == old


@pytest.mark.parametrize("name", ["store", "secret", "prefix", "spool_dir", "quality_preset"])
def test_what_a_running_collector_is_built_on_needs_a_restart(name: str) -> None:
    assert not marked(name, Mark.LIVE)


async def test_a_running_server_takes_new_settings_and_refuses_bad_ones(tmp_path: Path) -> None:
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
                serve.hang_up("settings_reloaded")
                await load.confirms(1)
            file.write_text("sample_ratio = 7\n")
            serve.hang_up("settings_refused")
            await load.confirms(1)
        assert _script(serve)["sample_ratio"] == 0.25
        assert _push(serve, "Secret Room") == 400
        assert_stored_once(serve.export(), senders)
        assert all(sender.refused == 0 for sender in senders)
    finally:
        assert serve.stop() == 0
    lines = serve.log.read_text().splitlines()
    told = [json.loads(line) for line in lines if line.startswith('{"event": "settings')]
    assert told[0]["changed"] == ["conf_pattern", "sample_ratio", "allowed_origins", "log_format"]
    assert [item["changed"] for item in told[1:3]] == [["sample_ratio"], ["sample_ratio"]]
    assert [item.get("need_restart") for item in told] == [["queue_limit"]] * 3 + [None]
    expected = "expected less than or equal to 1"
    assert told[3]["why"] == f"sample_ratio in {file} = 7: {expected}"


def _script(serve: Serve) -> dict[str, object]:
    """The settings in the script that browsers get."""
    request = urllib.request.Request(f"{serve.url}/getClient", headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = gzip.decompress(answer.read()).decode()
    found = re.search(r'\{"push_url".*?\}', text)
    assert found
    return dict(json.loads(found[0]))


def _push(serve: Serve, conf: str) -> int:
    raw = json.dumps(body(conf=conf.lower().replace(" ", "%20"))).encode()
    request = urllib.request.Request(f"{serve.url}/push", raw, {"Content-Type": "text/plain"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
