"""The first steps of an installation: each turns to done by itself, on a real server."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from jmmc.accounts import tokens, users
from jmmc.jitsi.first_steps import StepName, alerts_step, https_step, push_step, user_step
from jmmc.settings import Settings
from jmmc.stores import open_store
from jmmc.web.dashboard.i18n import words
from tests.support.builders import call
from tests.support.site import Site

_ALL = list(get_args(StepName))


async def _states(site: Site, **more: str) -> dict[str, bool] | None:
    """Whether each step that Now shows is done; None where it shows none."""
    answer = await call(site.app, "GET", "/", client="127.0.0.1", headers=more)
    page = answer.body.decode()
    if 'class="steps"' not in page:
        return None
    found = re.findall(r'<li class="(done|open)">(.*?)</li>', page, re.DOTALL)
    names = {words("en")[f"first step {name}"]: name for name in _ALL}
    return {
        next(name for title, name in names.items() if title in text): state == "done"
        for state, text in found
    }


async def test_each_step_turns_to_done_by_itself(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/a.db")
    site = Site(store)
    assert await _states(site) == dict.fromkeys(_ALL, False)
    assert '<details class="panel first-steps" open>' in await site.page("/")
    assert "0 étape sur 6 faite ·" in await site.page("/?lang=fr")
    script = f"{site.settings.prefix}/getClient"
    await call(site.app, "GET", script)
    assert (await _states(site) or {})["script"] is False, "a request that is of no page"
    await call(site.app, "GET", script, headers={"referer": "https://meet.example.org/"})
    assert [name for name, done in (await _states(site) or {}).items() if done] == ["script"]
    await site.push("Ann")
    assert (await _states(site) or {})["push"]
    folded = re.search(
        r'<details class="panel first-steps">.*?</summary>', await site.page("/"), re.S
    )
    assert folded and "2 of 6 done · next: Add an admin" in folded[0], "calls come first then"
    adopted = site.settings.model_copy(
        update={
            "public_url": "https://metrics.example.org",
            "retention_days": 30,
            "alert_emails": ("ops@example.org",),
        }
    )
    site.app.metrics.collector.settings = adopted
    assert [name for name, done in (await _states(site) or {}).items() if not done] == ["user"]
    await users.add(store.reports, "Ann", "correct horse", "admin")
    steps = await site.app.metrics.collector.store.reports.records("user")
    assert list(steps) == ["Ann"]
    await site.close()


async def test_steps_are_for_admins_and_stay_dismissed(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/a.db")
    site = Site(store)
    page = await site.page("/first-steps")
    (token,) = set(re.findall(r'name="form" value="([^"]+)"', page.partition("<main")[2]))
    for action, shown in (("dismiss", False), ("show", True)):
        body = f"form={token}&action={action}".encode()
        kind = {"content-type": "application/x-www-form-urlencoded"}
        done = await call(site.app, "POST", "/first-steps", body, client="127.0.0.1", headers=kind)
        assert done.status == 303
        assert (await _states(site) is not None) == shown
    key = await tokens.create(store.reports, "x", ["read"], 0)
    assert await _states(site, authorization=f"Bearer {key}") is None
    await site.close()


def test_findings_say_what_is_missing_and_how_to_mend_it() -> None:
    rules = [{"name": "a", "kind": "store_down"}]
    assert alerts_step(Settings.of()).finding.verdict == "ok", "no rule needs a channel"
    assert alerts_step(Settings.of(alerts=rules)).finding.verdict == "warn"
    assert user_step(["viewer"]).done is False
    assert user_step(["viewer", "admin"]).finding.what == "users: 2 people may sign in"
    assert push_step(None).finding.hint.startswith("join a room")


@pytest.mark.parametrize(
    ("settings", "verdict", "done"),
    [
        ({}, "warn", False),
        ({"public_url": "http://metrics.example.org"}, "warn", False),
        ({"public_url": "https://metrics.example.org"}, "ok", True),
        ({"public_url": "http://localhost:8080"}, "ok", False),
        ({"demo": True}, "ok", False),
        ({"trusted_proxies": "127.0.0.1,10.0.0.0/8"}, "ok", False),
        (
            {"public_url": "https://m.example.org", "push_url": "http://m.example.org/push"},
            "warn",
            False,
        ),
        ({"public_url": "https://m.example.org", "push_url": "/metrics/push"}, "ok", True),
    ],
)
def test_a_collector_that_https_pages_cannot_reach_is_warned_of(
    settings: dict[str, Any], verdict: str, done: bool
) -> None:
    """Browsers block active mixed content, except from the machine itself."""
    step = https_step(Settings.of(**settings))
    assert (step.finding.verdict, step.done) == (verdict, done)
    assert bool(step.finding.hint) == (verdict == "warn" or "trusted_proxies" in settings)


def test_requests_that_come_by_https_need_no_further_step() -> None:
    assert https_step(Settings.of(), is_https=True).done
