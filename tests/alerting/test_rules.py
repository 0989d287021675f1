"""When an alarm begins and ends: rules and what they decide, without a store or a clock."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from jmmc import Settings, SettingsError
from jmmc.alerting.notifications import Notification, letter, notice, payload
from jmmc.alerting.rules import (
    KINDS,
    NoPushes,
    PoorShare,
    Rule,
    Seen,
    State,
    View,
    decide,
    see_share,
    see_silence,
    see_store,
)
from jmmc.answers.model import Share, Silence
from jmmc.server.preflight import inspect
from tests.docs.test_docs import ROOT

_RULE: TypeAdapter[Rule] = TypeAdapter(Rule)


def _rule(kind: str, **fields: Any) -> Any:
    return _RULE.validate_python({"name": "it", "kind": kind, **fields})


_POOR: PoorShare = _rule("poor_share", above=0.2, clear=0.1, participants=3, quiet_minutes=5)
_SILENT: NoPushes = _rule("no_pushes", minutes=5, participants=3)


@pytest.mark.parametrize(
    ("participants", "known", "poor", "view"),
    [
        (3, 1000, 201, "bad"),
        (3, 1000, 200, "between"),
        (3, 1000, 101, "between"),
        (3, 1000, 100, "clear"),
        (3, 1000, 0, "clear"),
        (2, 1000, 1000, "clear"),  # One bad line, or two, is no alarm.
        (0, 0, 0, "clear"),
        (3, 0, 0, "clear"),  # Nothing is known: that is not poor.
    ],
)
def test_a_share_of_known_time_is_judged_by_two_levels(
    participants: int, known: int, poor: int, view: View
) -> None:
    assert see_share(_POOR, Share("eu", participants, known, poor), 1000).view == view


@pytest.mark.parametrize(
    ("last", "fell_silent", "view"),
    [
        (1000 - 299, 50, "clear"),
        (1000 - 300, 50, "bad"),
        (1000 - 300, 3, "bad"),
        (1000 - 300, 2, None),  # The last ones went home without a word.
        (10, 0, None),
    ],
)
def test_silence_is_told_from_an_empty_server(
    last: int, fell_silent: int, view: View | None
) -> None:
    seen = see_silence(_SILENT, Silence(last, fell_silent), 1000)
    assert (seen.view if seen else None) == view
    assert see_silence(_SILENT, None, 1000) is None


def _run(rule: Rule, *views: str, step: int = 60) -> list[tuple[int, str]]:
    """What is told, by minute, of what is seen minute by minute; ? for nothing that can be."""
    state: State | None = None
    told = []
    names: dict[str, View] = {"b": "bad", "-": "between", "c": "clear"}
    for number, value in enumerate("".join(views)):
        now = number * step
        seen = None if value == "?" else Seen("eu", names[value], now, {})
        decision = decide(rule, state, seen, now)
        state = decision.state
        if decision.event:
            told.append((number, decision.event))
    return told


@pytest.mark.parametrize(
    ("views", "told"),
    [
        ("ccccc", []),
        ("--?--", []),  # Between the levels nothing begins.
        ("cbbbb", [(1, "firing")]),
        ("bcccccc", [(0, "firing"), (6, "resolved")]),
        ("b------------", [(0, "firing")]),  # Nor does anything end.
        ("bcccbcccbccc", [(0, "firing")]),  # Well for less than the quiet minutes: still the same.
        ("bccc-cccccc", [(0, "firing"), (10, "resolved")]),
        ("b??????????", [(0, "firing")]),
        ("bccc???ccc", [(0, "firing"), (7, "resolved")]),
        ("bccccccb", [(0, "firing"), (6, "resolved"), (7, "firing")]),
    ],
)
def test_an_alert_begins_once_and_ends_once(views: str, told: list[tuple[int, str]]) -> None:
    assert _run(_POOR, views) == told


def test_a_store_must_be_down_for_a_while() -> None:
    rule = _rule("store_down", minutes=2, quiet_minutes=0)
    assert _run(rule, "bcbbcbbbbc") == [(7, "firing"), (9, "resolved")]
    assert see_store(True, 5).view == "bad"


@settings(deadline=None)
@given(st.text("bc-?", max_size=200), st.integers(0, 10))
def test_what_begins_ends_before_it_begins_again_and_not_too_soon(views: str, quiet: int) -> None:
    rule = _rule("poor_share", quiet_minutes=quiet)
    told = _run(rule, views)
    assert [event for _, event in told] == ["firing", "resolved"] * (len(told) // 2) + [
        "firing"
    ] * (len(told) % 2)
    for (began, _), (ended, _) in zip(told[::2], told[1::2], strict=False):
        assert ended - began > quiet or quiet == 0
        assert "b" not in views[began + 1 : ended + 1][-(quiet + 1) :]
    if "b" not in views:
        assert not told


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 9))
def test_unknown_time_changes_nothing_and_more_poor_time_is_never_better(
    good: int, poor: int, more: int, people: int
) -> None:
    order = {"clear": 0, "between": 1, "bad": 2}
    one = see_share(_POOR, Share("", people, good + poor, poor), 0)
    worse = see_share(_POOR, Share("", people, good + poor + more, poor + more), 0)
    assert order[one.view] <= order[worse.view]


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ("{", "a JSON array of rules"),
        ("3", "a list of rules"),
        ("[3]", "rule 1: expected a table"),
        ('[{"kind": "x"}]', "rule 1, kind = 'x': expected poor_share, store_down, no_pushes"),
        ('[{"name": "a"}]', "rule 1 (a), kind: missing"),
        ('[{"kind": "store_down"}]', "rule 1, name: missing"),
        ([{"name": "a", "kind": "poor_share", "above": 2}], "(a), above = 2: expected less than 1"),
        ([{"name": "a", "kind": "poor_share", "minutes": 1}], "(a), minutes = 1: expected greater"),
        ([{"name": "a", "kind": "no_pushes", "by": "all"}], "(a), by: there is no such key for no"),
        ([{"name": "A", "kind": "store_down"}], "name = 'A': expected small letters, digits"),
        (
            [{"name": "a", "kind": "poor_share", "above": 0.1, "clear": 0.5}],
            "(a): expected clear (0.5) to be at most above (0.1)",
        ),
        ([{"name": "a", "kind": "poor_share", "value": "eu"}], "beside a value"),
        ([{"name": "a", "kind": "store_down"}] * 2, "each name once, not 'a' twice"),
    ],
)
def test_a_mistake_in_a_rule_names_the_rule_and_the_field(rules: object, words: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.of(alerts=rules)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "values",
    [
        {"alert_webhooks": "ftp://x"},
        {"alert_emails": "nobody"},
        {"smtp_url": "mail.example.org"},
        {"smtp_url": "smtp://mail.example.org:123456"},
        {"public_url": "metrics.example.org"},
    ],
)
def test_a_channel_that_cannot_be_is_named(values: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=next(iter(values))):
        Settings.of(**values)


def test_a_mistake_in_a_url_that_holds_a_secret_does_not_show_it() -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.of(smtp_url="smtps://me:hush@mail example")
    assert "hush" not in str(refused.value)


def _told(told: Any = "firing", rule: Rule = _POOR, **changes: Any) -> Notification:
    state = State("it", "eu west", 10_000, 10_600, None, {"poor_share": 0.42, "participants": 17})
    more = {"at": 10_600, "public_url": "https://m.example.org/calls", "collector": "c1", **changes}
    return notice(told, rule, state, **more)


def test_a_notice_says_what_where_since_when_and_where_to_look() -> None:
    told = _told(rule=_rule("poor_share", by="region"))
    summary = "42 % of the known time in region eu west was poor in the last 10 minutes (17 people)"
    link = (
        "https://m.example.org/calls/overview?since=1970-01-01T02%3A16%3A40Z"
        "&until=1970-01-01T02%3A56%3A40Z&region=eu+west"
    )
    assert payload(told) == {
        "type": "alert.firing",
        "timestamp": "1970-01-01T02:56:40Z",
        "data": {
            "id": told.id,
            "rule": "it",
            "kind": "poor_share",
            "by": "region",
            "value": "eu west",
            "since": "1970-01-01T02:46:40Z",
            "summary": summary,
            "figures": {"poor_share": 0.42, "participants": 17},
            "link": link,
            "collector": "c1",
        },
    }
    subject, text = letter(told)
    assert subject == f"[jmmc firing] it: {summary}"
    assert text.startswith(summary + ".\n\nrule       it (poor_share)\nsince      1970-01-01T02:46")
    assert text.endswith(f"\n\n{link}\n")


def test_the_id_of_a_notice_is_the_same_for_whoever_makes_it_and_another_for_what_follows() -> None:
    store = _rule("store_down")
    assert _told().id == _told(collector="c2", at=99_999).id
    assert _told(rule=store).id != _told(rule=store, collector="c2").id
    ids = {_told(name).id for name in ("firing", "resolved", "test")}
    assert len(ids) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_of_a_rule_is_in_the_docs(kind: Any) -> None:
    page = (ROOT / "docs/alerts.md").read_text("utf-8")
    for name, field in kind.model_fields.items():
        assert f"| `{name}` |" in page, name
        assert field.description is None or field.description in page, name


async def test_check_says_when_nobody_would_be_told(tmp_path: Path) -> None:
    rules = [{"name": "a", "kind": "store_down"}]
    store = f"sqlite:///{tmp_path}/calls.db"
    found = [item async for item in inspect(Settings.of(store=store, alerts=rules))]
    assert [row.what for row in found if row.verdict == "warn"] == [
        "alerts: there are rules, and nobody would be told"
    ]
    told = Settings.of(store=store, alerts=rules, alert_emails="ops@example.org")
    assert not [finding async for finding in inspect(told) if finding.verdict == "warn"]


def test_rules_come_from_toml_and_from_the_environment_alike() -> None:
    rules = [{"name": "a", "kind": "poor_share", "by": "region", "above": 0.3}]
    assert Settings.of(alerts=rules).alerts == Settings.of(alerts=json.dumps(rules)).alerts


def test_what_is_seen_says_where_since_when_and_in_figures() -> None:
    share = see_share(_POOR, Share("eu", 3, 900, 300), 1000)
    assert share == Seen("eu", "bad", 1000 - 600, {"poor_share": 0.3333, "participants": 3})
    silent = see_silence(_SILENT, Silence(700, 50), 1000)
    assert silent == Seen("", "bad", 700, {"fell_silent": 50, "seconds": 300})
    assert see_silence(_SILENT, Silence(900, 50), 1000) == Seen("", "clear", 1000, {})
    assert see_store(True, 1000) == Seen("", "bad", 1000, {})
    assert see_store(False, 1000) == Seen("", "clear", 1000, {})


def test_a_state_has_the_latest_figures_and_the_beginning() -> None:
    begun = decide(_POOR, None, Seen("eu", "bad", 400, {"poor_share": 0.3}), 1000)
    assert begun.state == State("it", "eu", 400, 1000, None, {"poor_share": 0.3})
    worse = decide(_POOR, begun.state, Seen("eu", "bad", 460, {"poor_share": 0.9}), 1060)
    assert worse.state == State("it", "eu", 400, 1000, None, {"poor_share": 0.9})
    well = decide(_POOR, worse.state, Seen("eu", "clear", 520, {"poor_share": 0.0}), 1120)
    assert well.state == State("it", "eu", 400, 1000, 1120, {"poor_share": 0.0})
