"""When an alert fires and resolves: rules and decisions, without a store or a clock."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from jmmc import Settings, SettingsError
from jmmc.alerting.decision import (
    Condition,
    Observation,
    State,
    decide,
    observe_disk,
    observe_failures,
    observe_share,
    observe_silence,
    observe_store,
)
from jmmc.alerting.notifications import (
    Notification,
    email_text,
    make_notification,
    summarize,
    webhook_body,
)
from jmmc.answers.model import FailureShare, Share, Silence
from jmmc.server.preflight import inspect
from jmmc.settings import KINDS, NoPushes, PoorShare, Rule
from tests.support.paths import ROOT

_RULE: TypeAdapter[Rule] = TypeAdapter(Rule)


def _rule(kind: str, **fields: Any) -> Any:
    return _RULE.validate_python({"name": "it", "kind": kind, **fields})


_POOR: PoorShare = _rule("poor_share", above=0.2, clear=0.1, participants=3, quiet_minutes=5)
_SILENT: NoPushes = _rule("no_pushes", minutes=5, participants=3)


@pytest.mark.parametrize(
    ("participants", "known", "poor", "condition"),
    [
        (3, 1000, 201, "met"),
        (3, 1000, 200, "between"),
        (3, 1000, 101, "between"),
        (3, 1000, 100, "clear"),
        (3, 1000, 0, "clear"),
        (2, 1000, 1000, "clear"),  # One or two poor lines raise no alert.
        (0, 0, 0, "clear"),
        (3, 0, 0, "clear"),  # Unknown time is not poor.
    ],
)
def test_the_poor_share_of_known_time_is_compared_with_two_levels(
    participants: int, known: int, poor: int, condition: Condition
) -> None:
    assert observe_share(_POOR, Share("eu", participants, known, poor), 1000).condition == condition


@pytest.mark.parametrize("kind", ["failed_joins", "drops"])
@pytest.mark.parametrize(
    ("events", "failed", "people", "condition"),
    [
        (100, 6, 3, "met"),
        (100, 5, 3, "between"),
        (100, 3, 3, "between"),
        (100, 2, 2, "clear"),
        (100, 90, 2, "clear"),  # Two who try again and again.
        (19, 19, 9, "clear"),  # Too few to say.
        (20, 20, 20, "met"),
        (0, 0, 0, "clear"),  # No script tells.
    ],
)
def test_the_share_of_failures_needs_enough_events_and_people(
    kind: str, events: int, failed: int, people: int, condition: Condition
) -> None:
    share = FailureShare("eu", events, failed, people)
    assert observe_failures(_rule(kind), share, 1000).condition == condition


def test_a_notification_of_failed_joins_says_how_many_where_and_since_when() -> None:
    for kind, share, text in (
        ("failed_joins", FailureShare("eu", 40, 5, 4), "12 % of 40 joins in region eu failed"),
        ("drops", FailureShare("eu", 40, 10, 4), "25 % of 40 stays in region eu were dropped"),
    ):
        rule = _rule(kind, by="region", minutes=15)
        observation = observe_failures(rule, share, 10_000)
        state = State("it", "eu", observation.since, 10_000, None, observation.figures)
        summary = summarize("firing", rule, state)
        assert summary == f"{text} in the last 15 minutes (4 participants affected)"
        notification = make_notification(
            "firing", rule, state, at=10_000, public_url="https://m.example", collector="c"
        )
        assert (notification.by, notification.value) == ("region", "eu")
        assert "/overview?since=" in notification.link
        assert notification.link.endswith("region=eu")


@pytest.mark.parametrize(
    ("last", "fell_silent", "condition"),
    [
        (1000 - 299, 50, "clear"),
        (1000 - 300, 50, "met"),
        (1000 - 300, 3, "met"),
        (1000 - 300, 2, None),  # The last participants closed their browsers.
        (10, 0, None),
    ],
)
def test_silence_of_many_is_distinguished_from_an_empty_server(
    last: int, fell_silent: int, condition: Condition | None
) -> None:
    observation = observe_silence(_SILENT, Silence(last, fell_silent), 1000)
    assert (observation.condition if observation else None) == condition
    assert observe_silence(_SILENT, None, 1000) is None


def _run(rule: Rule, *conditions: str, step: int = 60) -> list[tuple[int, str]]:
    """The events, with their minute: each letter is the condition of a minute, ? is unknown."""
    state: State | None = None
    events = []
    letters: dict[str, Condition] = {"b": "met", "-": "between", "c": "clear"}
    for number, letter in enumerate("".join(conditions)):
        now = number * step
        observation = None if letter == "?" else Observation("eu", letters[letter], now, {})
        decision = decide(rule, state, observation, now)
        state = decision.state
        if decision.event:
            events.append((number, decision.event))
    return events


@pytest.mark.parametrize(
    ("conditions", "events"),
    [
        ("ccccc", []),
        ("--?--", []),  # Between the levels nothing fires.
        ("cbbbb", [(1, "firing")]),
        ("bcccccc", [(0, "firing"), (6, "resolved")]),
        ("b------------", [(0, "firing")]),  # And nothing resolves.
        ("bcccbcccbccc", [(0, "firing")]),  # Clear for less than the quiet minutes.
        ("bccc-cccccc", [(0, "firing"), (10, "resolved")]),
        ("b??????????", [(0, "firing")]),
        ("bccc???ccc", [(0, "firing"), (7, "resolved")]),
        ("bccccccb", [(0, "firing"), (6, "resolved"), (7, "firing")]),
    ],
)
def test_an_alert_fires_once_and_resolves_once(
    conditions: str, events: list[tuple[int, str]]
) -> None:
    assert _run(_POOR, conditions) == events


def test_store_down_fires_after_its_minutes() -> None:
    rule = _rule("store_down", minutes=2, quiet_minutes=0)
    assert _run(rule, "bcbbcbbbbc") == [(7, "firing"), (9, "resolved")]
    assert observe_store(True, 5).condition == "met"


@pytest.mark.parametrize(
    ("low", "hours", "condition"),
    [
        (False, None, "clear"),
        (False, 31, "clear"),
        (False, 30, "between"),
        (False, 24.1, "between"),
        (False, 24, "met"),
        (False, 0, "met"),
        (True, None, "met"),
        (True, 1000, "met"),
    ],
)
def test_a_disk_is_judged_by_its_floor_and_by_the_time_until_nothing_is_free(
    low: bool, hours: float | None, condition: Condition
) -> None:
    until_full = None if hours is None else hours * 3600
    observation = observe_disk(_rule("disk_full"), 5, low=low, until_full=until_full, now=7)
    assert (observation.subject, observation.condition, observation.since) == ("", condition, 7)
    assert ("seconds_until_full" in observation.figures) == (hours is not None and not low)


@pytest.mark.parametrize(
    ("event", "figures", "words"),
    [
        ("firing", {"seconds_until_full": 17 * 3600}, "will be full in 17 hours (3.0 GiB free)"),
        ("firing", {"seconds_until_full": 3600}, "will be full in 1 hour (3.0 GiB free)"),
        ("firing", {"seconds_until_full": 60}, "will be full within the hour (3.0 GiB free)"),
        ("firing", {}, "has less free space than min_free_disk (3.0 GiB free)"),
        ("resolved", {"seconds_until_full": 5}, "has space again (3.0 GiB free)"),
    ],
)
def test_a_notification_of_a_disk_has_the_time_that_is_left(
    event: Any, figures: dict[str, float], words: str
) -> None:
    state = State("it", "", 0, 0, None, {"free_bytes": 3 * 2**30, **figures})
    assert summarize(event, _rule("disk_full"), state).endswith(f"the disk of the store {words}")


@settings(deadline=None)
@given(st.text("bc-?", max_size=200), st.integers(0, 10))
def test_an_alert_resolves_before_it_fires_again_and_after_the_quiet_minutes(
    conditions: str, quiet: int
) -> None:
    rule = _rule("poor_share", quiet_minutes=quiet)
    events = _run(rule, conditions)
    assert [event for _, event in events] == ["firing", "resolved"] * (len(events) // 2) + [
        "firing"
    ] * (len(events) % 2)
    for (began, _), (ended, _) in zip(events[::2], events[1::2], strict=False):
        assert ended - began > quiet or quiet == 0
        assert "b" not in conditions[began + 1 : ended + 1][-(quiet + 1) :]
    if "b" not in conditions:
        assert not events


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 9))
def test_more_poor_time_never_improves_the_condition(
    good: int, poor: int, more: int, people: int
) -> None:
    order = {"clear": 0, "between": 1, "met": 2}
    better = observe_share(_POOR, Share("", people, good + poor, poor), 0)
    worse = observe_share(_POOR, Share("", people, good + poor + more, poor + more), 0)
    assert order[better.condition] <= order[worse.condition]


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ("{", "a JSON array of rules"),
        ("3", "a list of rules"),
        ("[3]", "rule 1: expected a table"),
        (
            '[{"kind": "x"}]',
            "rule 1, kind = 'x': expected poor_share, failed_joins, drops, store_down,",
        ),
        ('[{"name": "a"}]', "rule 1 (a), kind: missing"),
        ('[{"kind": "store_down"}]', "rule 1, name: missing"),
        ([{"name": "a", "kind": "poor_share", "above": 2}], "(a), above = 2: expected less than 1"),
        ([{"name": "a", "kind": "poor_share", "minutes": 1}], "(a), minutes = 1: expected greater"),
        ([{"name": "a", "kind": "no_pushes", "by": "all"}], "(a), by: unknown key for no"),
        ([{"name": "A", "kind": "store_down"}], "name = 'A': expected lower-case letters, digits"),
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
def test_the_error_for_an_invalid_channel_names_its_setting(values: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=next(iter(values))):
        Settings.of(**values)


def test_the_error_for_an_invalid_mail_url_does_not_show_its_password() -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.of(smtp_url="smtps://me:hush@mail example")
    assert "hush" not in str(refused.value)


def make_test_notification(
    event: Any = "firing", rule: Rule = _POOR, **changes: Any
) -> Notification:
    state = State("it", "eu west", 10_000, 10_600, None, {"poor_share": 0.42, "participants": 17})
    fields = {
        "at": 10_600,
        "public_url": "https://m.example.org/calls",
        "collector": "c1",
        **changes,
    }
    return make_notification(event, rule, state, **fields)


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0 %"), (0.004, "0.4 %"), (0.0015, "0.1 %"), (0.099, "9.9 %"), (0.0999, "10 %")],
)
def test_a_summary_shows_a_tenth_of_a_small_share_and_names_one_thing_in_the_singular(
    share: float, text: str
) -> None:
    def summary(rule: Rule, **figures: float) -> str:
        return summarize("firing", rule, State("it", "", 0, 0, None, figures))

    poor = summary(_rule("poor_share", minutes=5), poor_share=share, participants=1)
    assert poor == f"{text} of the known time was poor in the last 5 minutes (1 participant)"
    failed = summary(_rule("failed_joins", minutes=5), failed_share=share, joins=1, participants=1)
    assert failed == f"{text} of 1 join failed in the last 5 minutes (1 participant affected)"
    dropped = summary(_rule("drops", minutes=5), dropped_share=share, stays=1, participants=1)
    assert f"{text} of 1 stay was dropped in the last 5 minutes" in dropped
    silent = summary(_rule("no_pushes"), fell_silent=1)
    assert silent == "no pushes arrive: 1 participant fell silent at once"


def test_a_notification_has_a_summary_a_time_and_a_link() -> None:
    notification = make_test_notification(rule=_rule("poor_share", by="region"))
    summary = (
        "42 % of the known time in region eu west was poor in the last 10 minutes (17 participants)"
    )
    link = (
        "https://m.example.org/calls/overview?since=1970-01-01T02%3A16%3A40Z"
        "&until=1970-01-01T02%3A56%3A40Z&region=eu+west"
    )
    assert webhook_body(notification) == {
        "type": "alert.firing",
        "timestamp": "1970-01-01T02:56:40Z",
        "data": {
            "id": notification.id,
            "rule": "it",
            "kind": "poor_share",
            "by": "region",
            "value": "eu west",
            "since": "1970-01-01T02:46:40Z",
            "summary": summary,
            "figures": {"poor_share": 0.42, "participants": 17},
            "link": link,
            "collector": "c1",
            "incidents": [],
        },
    }
    subject, text = email_text(notification)
    assert subject == f"[jmmc firing] it: {summary}"
    assert text.startswith(summary + ".\n\nrule       it (poor_share)\nsince      1970-01-01T02:46")
    assert text.endswith(f"\n\n{link}\n")


def test_the_id_of_a_notification_is_the_same_on_every_collector_and_differs_between_events() -> (
    None
):
    store, disk = _rule("store_down"), _rule("disk_full")
    assert make_test_notification().id == make_test_notification(collector="c2", at=99_999).id
    assert (
        make_test_notification(rule=store).id
        != make_test_notification(rule=store, collector="c2").id
    )
    assert (
        make_test_notification(rule=disk).id != make_test_notification(rule=disk, collector="c2").id
    )
    ids = {make_test_notification(event).id for event in ("firing", "resolved", "test")}
    assert len(ids) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_of_a_rule_is_in_the_docs(kind: Any) -> None:
    page = (ROOT / "docs/how-to/alerts.md").read_text("utf-8")
    for name, field in kind.model_fields.items():
        assert f"| `{name}` |" in page, name
        assert field.description is None or field.description in page, name


async def test_check_warns_of_rules_without_a_channel(tmp_path: Path) -> None:
    rules = [{"name": "a", "kind": "store_down"}]
    common = {
        "store": f"sqlite:///{tmp_path}/calls.db",
        "alerts": rules,
        "public_url": "https://metrics.example.org",
    }
    findings = [finding async for finding in inspect(Settings.of(**common))]
    assert [finding.what for finding in findings if finding.verdict == "warn"] == [
        "alerts: rules are set, but no channel for notifications"
    ]
    with_email = Settings.of(**common, alert_emails="ops@example.org")
    assert not [finding async for finding in inspect(with_email) if finding.verdict == "warn"]


def test_rules_from_toml_and_from_the_environment_are_equal() -> None:
    rules = [{"name": "a", "kind": "poor_share", "by": "region", "above": 0.3}]
    assert Settings.of(alerts=rules).alerts == Settings.of(alerts=json.dumps(rules)).alerts


def test_an_observation_has_its_subject_time_and_figures() -> None:
    share = observe_share(_POOR, Share("eu", 3, 900, 300), 1000)
    assert share == Observation("eu", "met", 1000 - 600, {"poor_share": 0.3333, "participants": 3})
    silent = observe_silence(_SILENT, Silence(700, 50), 1000)
    assert silent == Observation("", "met", 700, {"fell_silent": 50, "seconds": 300})
    assert observe_silence(_SILENT, Silence(900, 50), 1000) == Observation("", "clear", 1000, {})
    assert observe_store(True, 1000) == Observation("", "met", 1000, {})
    assert observe_store(False, 1000) == Observation("", "clear", 1000, {})


def test_a_state_has_the_latest_figures_and_the_time_it_began() -> None:
    fired = decide(_POOR, None, Observation("eu", "met", 400, {"poor_share": 0.3}), 1000)
    assert fired.state == State("it", "eu", 400, 1000, None, {"poor_share": 0.3})
    worse = decide(_POOR, fired.state, Observation("eu", "met", 460, {"poor_share": 0.9}), 1060)
    assert worse.state == State("it", "eu", 400, 1000, None, {"poor_share": 0.9})
    clear = decide(_POOR, worse.state, Observation("eu", "clear", 520, {"poor_share": 0.0}), 1120)
    assert clear.state == State("it", "eu", 400, 1000, 1120, {"poor_share": 0.0})
