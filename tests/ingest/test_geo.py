"""Provider and country of an address: from files of the operator's, before it is truncated."""

import json
import os
import subprocess
import sys
import time
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from jmmc import MetricsCollector
from jmmc.core.errors import SettingsError
from jmmc.ingest.geo import NetworkNames
from jmmc.server.preflight import inspect
from jmmc.settings import Settings
from tests.support.builders import body, call, v1_body, wire_sample
from tests.support.collectors import MakeCollector, stored
from tests.support.databases import asn_database, country_database

_CABLE, _FIBRE = "AS64496 Example Cable", "AS64497 Example Fibre"
_BOTH = [
    ("GeoLite2-ASN", "GeoLite2-Country"),
    ("GeoLite2-ASN", "GeoLite2-City"),
    ("DBIP-ASN-Lite (compat=GeoLite2-ASN)", "DBIP-Country-Lite"),
]


@pytest.mark.parametrize("kinds", _BOTH, ids=["MaxMind", "MaxMind's cities", "DB-IP"])
def test_provider_and_country_come_from_the_databases(
    tmp_path: Path, kinds: tuple[str, str]
) -> None:
    names = NetworkNames(
        asn_database=str(asn_database(tmp_path, kinds[0])),
        country_database=str(country_database(tmp_path, kinds[1])),
    )
    expected = {
        "203.0.113.7": (_CABLE, "FR"),
        "203.0.113.200": (_FIBRE, "FR"),
        "2001:db8:1::5": (_CABLE, "BE"),
        "2001:db8:1:9000::5": (("AS64498 " + "M" * 80)[:64], "BE"),
        "198.51.100.4": ("AS64499", None),
        "192.0.2.1": (None, None),
        "10.0.0.1": (None, None),
        "127.0.0.1": (None, None),
        "fe80::1": (None, None),
        "::1": (None, None),
    }
    found = {
        item: (names.provider(ip_address(item)), names.country(ip_address(item)))
        for item in expected
    }
    assert found == expected


def test_an_ipv4_database_has_no_provider_for_ipv6(tmp_path: Path) -> None:
    names = NetworkNames(asn_database=str(asn_database(tmp_path, version=4)))
    assert names.provider(ip_address("203.0.113.7")) == _CABLE
    assert names.provider(ip_address("2001:db8:1::5")) is None
    assert names.country(ip_address("203.0.113.7")) is None


def test_without_databases_there_is_no_provider_and_no_country() -> None:
    names = NetworkNames()
    assert names.provider(ip_address("203.0.113.7")) is None
    assert names.country(ip_address("203.0.113.7")) is None
    assert names.editions == []


def _bad_file(folder: Path, what: str) -> str:
    good = asn_database(folder)
    path = folder / "bad.mmdb"
    if what == "cut":
        path.write_bytes(good.read_bytes()[:-100])
    elif what == "text":
        path.write_text("no database")
    elif what == "empty":
        path.touch()
    elif what == "folder":
        path.mkdir()
    elif what == "countries":
        return str(country_database(folder))
    return str(path)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("missing", "No such file or directory"),
        ("folder", "Is a directory"),
        ("empty", "not a MaxMind DB file, or damaged"),
        ("text", "not a MaxMind DB file, or damaged"),
        ("cut", "not a MaxMind DB file, or damaged"),
        ("countries", "a database of type 'GeoLite2-Country': expected one of autonomous systems"),
    ],
)
def test_an_unusable_database_is_a_settings_error(
    make_collector: MakeCollector, tmp_path: Path, what: str, words: str
) -> None:
    path = _bad_file(tmp_path, what)
    with pytest.raises(SettingsError) as caught:
        make_collector(asn_database=path)
    assert str(caught.value).startswith(f"asn_database = {path!r}: {words}")
    assert "\n" not in str(caught.value)


def test_an_asn_database_is_refused_as_a_country_database(
    make_collector: MakeCollector, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match=r"country_database = .*expected one of countries"):
        make_collector(country_database=str(asn_database(tmp_path)))


def test_the_server_does_not_start_with_an_unusable_database(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "jmmc", "serve", "--port", "0", "--asn-database", "gone.mmdb"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=60, env=dict(os.environ)
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "asn_database = 'gone.mmdb': No such file or directory" in line


@pytest.fixture
def databases(tmp_path: Path) -> dict[str, str]:
    return {
        "asn_database": str(asn_database(tmp_path)),
        "country_database": str(country_database(tmp_path)),
    }


async def _paths(collector: MetricsCollector) -> list[dict[str, Any]]:
    """`t` of every sample that is stored."""
    sessions = await stored(collector)
    return [
        json.loads(sample.readings).get("t", {})
        for session in sessions
        for sample in session.samples
    ]


@pytest.mark.parametrize(
    ("client", "forwarded", "path"),
    [
        ("203.0.113.200", None, {"rip": 3405803776, "asn": _FIBRE, "cc": "FR"}),
        ("127.0.0.1", "203.0.113.200", {"rip": 3405803776, "asn": _FIBRE, "cc": "FR"}),
        ("192.0.2.1", "203.0.113.200", {"rip": 3221225984}),
        ("::1", "2001:db8:1::5", {"rip": "2001:db8:1::", "asn": _CABLE, "cc": "BE"}),
        ("::ffff:203.0.113.7", None, {"rip": 3405803776, "asn": _CABLE, "cc": "FR"}),
        ("10.0.0.9", None, {"rip": 167772160}),
        (None, None, {}),
    ],
)
async def test_provider_and_country_are_looked_up_before_truncation(
    make_collector: MakeCollector,
    databases: dict[str, str],
    client: str | None,
    forwarded: str | None,
    path: dict[str, Any],
) -> None:
    """Two providers share the /24 that is stored: after truncation it would be the first."""
    collector = make_collector(**databases)
    headers = {"x-forwarded-for": forwarded} if forwarded else {}
    for content in (body(), v1_body({"br": "br", "pid": "x"})):
        await call(collector, "POST", "/push", content, headers=headers, client=client)
    assert await _paths(collector) == [path, path]


async def test_provider_and_country_are_in_every_full_sample(
    make_collector: MakeCollector, databases: dict[str, str]
) -> None:
    collector = make_collector(**databases)
    full = body(wire_sample(0, {}), wire_sample(1, {"cq": 1}), wire_sample(2, {}, full=True))
    await call(collector, "POST", "/push", full)
    assert [path.get("asn") for path in await _paths(collector)] == [_CABLE, None, _CABLE]


async def test_provider_and_country_are_stored_with_ip_none(
    make_collector: MakeCollector, databases: dict[str, str]
) -> None:
    collector = make_collector(ip="none", **databases)
    await call(collector, "POST", "/push", body())
    assert await _paths(collector) == [{"asn": _CABLE, "cc": "FR"}]


async def test_a_provider_sent_by_a_browser_is_dropped_and_named(
    make_collector: MakeCollector, databases: dict[str, str]
) -> None:
    for settings in ({}, databases):
        collector = make_collector(**settings)
        own = {"pid": "x", "t": {"asn": "AS1 Mine", "cc": "US", "tp": "udp"}}
        answer = await call(collector, "POST", "/push", body(wire_sample(0, own)))
        assert answer.json["dropped"] == ["m.t.asn", "m.t.cc"]
        assert "AS1 Mine" not in str(await _paths(collector))
        answer = await call(collector, "POST", "/push", v1_body({"br": "br", **own}))
        assert answer.json["dropped"] == ["m.t.asn", "m.t.cc"]
        assert "AS1 Mine" not in str(await _paths(collector))


async def test_a_database_found_damaged_later_fails_no_push(
    make_collector: MakeCollector, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = asn_database(tmp_path)
    content = path.read_bytes()
    begin = content.index(b"autonomous_system_number") - 2
    path.write_bytes(content[:begin] + b"\xff" * 60 + content[begin + 60 :])
    collector = make_collector(asn_database=str(path))
    for sid in ("a" * 32, "b" * 32):
        assert (await call(collector, "POST", "/push", body(sid=sid))).status == 200
    assert await _paths(collector) == [{"rip": 3405803776}] * 2
    assert caplog.text.count("geo_database_unreadable") == 1


async def _findings(**settings: Any) -> list[tuple[str, str]]:
    found = [item async for item in inspect(Settings.of(**settings))]
    words = ("asn_database", "country_database", "network names")
    return [(row.verdict, row.what) for row in found if row.what.startswith(words)]


async def test_check_reports_databases_in_use_and_outdated_ones(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/calls.db"
    assert [verdict for verdict, _ in await _findings(store=store)] == ["ok"]
    fresh = str(asn_database(tmp_path, built=time.time() - 86_400))
    old = str(country_database(tmp_path, "DBIP-Country-Lite", built=1_600_000_000))
    new, stale = await _findings(store=store, asn_database=fresh, country_database=old)
    assert (new[0], new[1].split(" of ")[0]) == ("ok", "asn_database: GeoLite2-ASN")
    assert stale == (
        "warn",
        "country_database: DBIP-Country-Lite of 2020-09-13, more than a year old",
    )
    ((verdict, what),) = await _findings(store=store, asn_database=str(tmp_path / "gone"))
    assert (verdict, "No such file" in what) == ("fail", True)
