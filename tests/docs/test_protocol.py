"""Each paragraph and row of `docs/reference/protocol.md` has a test, named here."""

import re

from tests.support.paths import ROOT

PAGE = re.sub(
    r"[ \t]*\n(?![\n|#]|```)", " ", (ROOT / "docs/reference/protocol.md").read_text("utf-8")
)

_WIRE = "tests/protocol/test_decoding.py::"
_RULES = "tests/protocol/test_rules.py::"
_ENDPOINTS = "tests/web/browser/test_endpoints.py::"
_STORE = "tests/stores/test_contract.py::"
_V1 = "tests/web/browser/test_v1.py::"
_SCRIPT = "tests/client/test_behaviour.py::"
_STREAMS = "tests/client/test_streams.py::"
_TIMING = "tests/client/test_timing.py::"
_READ = "tests/client/test_readings.py::"
_KINDS = "tests/client/test_kinds.py::"
_PEOPLE = "tests/client/test_people.py::"
_EVENTS = "tests/client/test_events.py::"
_JOINS = "tests/client/test_joins.py::"
_LIFE = "tests/e2e/test_page_lifecycle.py::"
_KEPT = _WIRE + "test_good_values_are_kept_as_they_are"
_RETRY = _SCRIPT + "test_which_responses_are_retried"

# A part of each paragraph or row, and the test that fails when it is no longer true.
CLAIMS: dict[str, str] = {
    "For developers who write a client": "tests/docs/test_site.py::"
    "test_every_page_opens_with_who_it_is_for",
    "This page specifies the messages": "tests/docs/test_docs.py::"
    "test_every_reading_is_in_the_protocols_table",
    "There are two dialects at one endpoint": _V1
    + "test_every_recorded_push_is_stored_as_it_was_sent",
    "No setting can break out of the script": _ENDPOINTS
    + "test_no_setting_can_break_out_of_the_script",
    "What only some pages need": _KINDS
    + "test_without_the_part_for_calls_the_rest_is_sent_and_the_next_tick_loads_it",
    "`getQuestion` asks how a call was": _PEOPLE
    + "test_a_rating_and_its_reason_are_samples_of_the_call",
    "as `application/json` or": _V1 + "test_content_types_and_encodings_are_accepted_as_documented",
    "| `sid` |": _RULES + "test_a_sid_is_32_lower_case_hex_digits",
    "| `uid` |": _RULES + "test_a_uid_is_a_uuid_with_dashes_stored_in_lower_case",
    "| `conf` |": _RULES + "test_the_whole_name_of_a_room_must_match_the_pattern",
    "| `ten` | optional": _RULES + "test_rooms_of_one_name_in_two_tenants_are_two_rooms",
    "| `ten` |": _EVENTS + "test_the_tenant_is_what_the_path_has_before_the_room",
    "| `now` | optional": _RULES
    + "test_time_spent_on_the_way_is_taken_off_when_the_claim_is_plausible",
    "| `js` | optional": _SCRIPT
    + "test_joining_is_pushed_immediately_and_the_first_readings_with_the_first_event",
    "| `samples` |": _RULES + "test_samples_ascend",
    "| `seq` |": _STORE + "test_a_sample_that_comes_twice_is_stored_once_and_confirmed_twice",
    "| `age` |": _RULES + "test_absurd_ages_are_clamped_and_counted",
    "| `m` | the readings that changed": _SCRIPT
    + "test_only_changes_are_sent_and_an_empty_sample_is_the_heartbeat",
    "| `full` |": _SCRIPT + "test_a_full_sample_is_sent_every_ten_minutes",
    "| `bye` |": _LIFE + "test_a_closed_tab_sends_its_last_sample_and_all_unconfirmed_ones",
    "A browser sends one push at a time": "tests/e2e/test_faults.py::"
    "test_the_export_equals_what_the_page_emitted",
    "`ts = clock − age`": _RULES + "test_a_sample_is_placed_by_its_age_on_our_clock",  # noqa: RUF001
    "it survives `kill -9`": "tests/faults/test_kill.py::"
    "test_kills_of_the_server_neither_lose_nor_duplicate_confirmed_samples",
    "| `ack` |": _STORE + "test_a_late_resend_is_confirmed_up_to_the_next_gap",
    "| `now` | the collector's clock": _SCRIPT
    + "test_the_servers_clock_is_estimated_and_sent_with_each_push",
    "| `resync` |": _LIFE + "test_a_server_that_lost_its_store_asks_for_a_full_sample",
    "| `interval` |": _ENDPOINTS + "test_a_crowded_collector_asks_browsers_to_push_less_often",
    "| `dropped` |": _WIRE + "test_bad_values_are_dropped_and_named_and_the_rest_is_kept",
    "The reason is the same word": _ENDPOINTS + "test_health_counts_the_outcomes_of_pushes",
    "| `malformed` |": _WIRE + "test_a_body_that_is_no_push_is_refused_with_a_reason",
    "| `bad_uid` |": _RULES + "test_a_malformed_uid_is_refused",
    "| `bad_conf` |": _RULES + "test_the_whole_name_of_a_room_must_match_the_pattern",
    "| `bad_sid` |": _ENDPOINTS + "test_a_sid_known_with_another_uid_is_refused",
    "| `no_session` |": _V1 + "test_a_push_without_a_valid_cookie_has_no_session",
    "| `empty` |": _V1 + "test_a_push_without_readings_is_refused",
    "| `session_full` |": _ENDPOINTS + "test_a_seq_beyond_the_longest_session_is_refused",
    "An address has `max_pushes_per_minute`": _ENDPOINTS
    + "test_a_large_push_uses_up_what_many_small_ones_do",
    "reduces what every address may send": _ENDPOINTS
    + "test_beside_many_attacking_addresses_a_light_address_is_answered",
    "A session may send a day's samples at once": _ENDPOINTS
    + "test_a_session_that_sends_more_than_its_budget_has_to_wait",
    "| `too_large` |": _SCRIPT + "test_a_push_that_gets_413_is_halved",
    "| `throttled` |": _ENDPOINTS + "test_a_sender_over_its_rate_limit_gets_429_with_retry_after",
    "| `busy` |": _ENDPOINTS + "test_a_full_queue_refuses_at_once",
    "| `store_down` |": _ENDPOINTS + "test_a_failing_store_gets_503_and_the_push_succeeds_later",
    "It backs off from 1 second": _RETRY,
    "JSON strings are not numbers": _WIRE
    + "test_bad_values_are_dropped_and_named_and_the_rest_is_kept",
    **{f"| {row}": _KEPT for row in re.findall(r"^\| (`.*`) \|.*\| v[12] \|$", PAGE, re.M)},
    "Of addresses the network is stored": _ENDPOINTS
    + "test_addresses_are_truncated_to_their_network_by_default",
    "| `t.rip` |": _ENDPOINTS + "test_readings_added_by_the_server_are_in_every_full_sample",
    "`ev` has the events since the sample before": _TIMING
    + "test_an_event_waits_for_the_next_tick_with_its_age",
    "An age above a day is clamped": _WIRE + "test_the_age_of_an_event_is_clamped_to_a_day",
    "an event that is neither is dropped": _WIRE + "test_only_the_bad_events_of_a_list_are_dropped",
    "its readings are `null`": _SCRIPT + "test_the_readings_after_an_interruption_are_null",
    "what the worst of the received streams has": _STREAMS
    + "test_the_speaker_of_a_large_call_is_heard_badly",
    "- Audio is audible": _STREAMS + "test_nobody_hears_what_a_silent_stream_conceals",
    "- Video is visible": _STREAMS + "test_the_worst_visible_video_counts",
    "- Frames must have been expected": _STREAMS + "test_no_freeze_where_no_frames_were_expected",
    "Where no stream is judged": _STREAMS + "test_with_a_shared_screen_alone_freezes_are_unknown",
    "are the jitter of audio": _STREAMS + "test_jitter_of_video_is_not_the_jitter_of_audio",
    "`u.pl` and `d.pl` are of all packets together": _KINDS
    + "test_what_a_browser_sends_is_lost_as_the_relay_lost_it",
    "`d.by` names those whose media arrive badly": _KINDS + "test_the_worst_senders_are_named",
    "`u.lcp` and `u.lbw` are shares of the time": _KINDS
    + "test_limits_are_shares_of_the_time_and_not_counted_in_the_first_30_seconds",
    "later scripts send these whenever they send the share": _READ
    + "test_the_peer_connection_gives_readings_that_jitsi_lacks",
    "Jitsi reports statistics every 10 seconds": _SCRIPT
    + "test_a_sample_is_the_mean_of_its_interval",
    "A sample describes the time before it": _TIMING + "test_a_bad_minute_is_reported_at_its_time",
    "- Each tick closes a sample": _TIMING
    + "test_unchanged_ticks_bound_the_time_of_the_next_change",
    "- An interruption, its end, and a change": _TIMING
    + "test_another_peer_connection_begins_another_sample",
    "- A Jitsi Meet page also reads": _TIMING
    + "test_halves_of_a_tick_that_are_unlike_are_samples_of_their_own",
    "- After `restored`": _TIMING + "test_what_was_lost_in_an_outage_is_not_counted_after_it",
    "- All other events wait": _TIMING + "test_an_event_waits_for_the_next_tick_with_its_age",
    "- Where a sample is due without a tick": _TIMING + "test_heartbeats_and_events_claim_nothing",
    "- The last sample (`bye`)": _TIMING + "test_a_bad_end_of_a_call_is_reported",
    "- After 25 seconds without a tick": _TIMING
    + "test_a_connection_that_ends_is_unknown_from_its_last_tick_on",
    "The first tick of a peer connection": _TIMING
    + "test_another_peer_connection_begins_another_sample",
    "an outage that it did not report": _TIMING
    + "test_an_outage_without_an_event_begins_at_the_tick_before",
    "A number has the digits": _READ + "test_every_recorded_event_gives_the_readings_of_the_oracle",
    "the response has `jmmc_objectId`": _ENDPOINTS
    + "test_the_session_cookie_is_httponly_and_limited_to_the_prefix",
    "whether the session is stored. 400": _ENDPOINTS
    + "test_object_id_answers_whether_a_session_is_stored",
    "In MongoDB this is one document": "tests/stores/mongo/test_store.py::"
    "test_a_short_session_is_one_document_in_the_form_of_the_express_middleware",
    "`jmmc export` writes one session a line": "tests/cli/test_command.py::"
    "test_export_writes_the_stored_form_in_order_of_creation",
    "`seq`, `full` and `bye` are in an element": _V1
    + "test_every_recorded_push_is_stored_as_it_was_sent",
    "which collects from the events of Jitsi's analytics": "tests/client/test_app.py::"
    "test_an_app_sends_the_readings_of_its_analytics_events",
    "Without `Mozilla/` in its User-Agent": _ENDPOINTS
    + "test_a_page_and_an_app_get_their_scripts_from_one_url",
    "(`stale-while-revalidate`)": _ENDPOINTS
    + "test_browsers_may_use_a_script_of_the_last_day_while_the_collector_is_down",
    **dict.fromkeys(
        ("| `interrupted`, `restored` |", "| `p2p`, `jvb` |"),
        _TIMING + "test_another_peer_connection_begins_another_sample",
    ),
    "| `muted_audio`, `unmuted_audio`": _TIMING
    + "test_an_event_waits_for_the_next_tick_with_its_age",
    "| `bridge_changed`, `region_changed` |": _EVENTS
    + "test_a_connection_to_another_bridge_is_an_event",
    "| `mic_failed`, `cam_failed` |": _EVENTS
    + "test_what_happens_in_a_call_is_an_event_at_its_moment",
    "| `mic_denied`, `cam_denied`, `mic_missing`, `cam_missing` |": _JOINS
    + "test_recorded_refused_devices_are_events_of_the_join",
    "| `slept` |": _EVENTS + "test_the_time_of_a_sleep_has_no_readings",
    "| `suspended` |": _JOINS + "test_a_stay_that_an_error_ends_says_which",
    **{
        f"| `{name}`": _EVENTS + "test_what_happens_in_a_call_is_an_event_at_its_moment"
        for name in (
            "ice_restart",
            "channel_closed",
            "reconnected",
            "talk_while_muted",
            "no_track_data",
            "mic_changed",
            "share_began",
            "audio_only",
            "last_n",
            "no_picture",
            "speaking",
            "offline",
        )
    },
    "at most once a minute each": _EVENTS + "test_events_that_repeat_are_sent_once_a_minute",
    "A join that failed is a session of its own": _JOINS
    + "test_each_error_that_ends_a_join_is_reported_once_with_its_reason",
    "one without says nothing about joins": _JOINS
    + "test_a_room_joined_before_the_script_came_says_nothing_about_joins",
    "* **A join begins**": _JOINS
    + "test_a_page_that_goes_while_it_joins_gave_up_and_an_open_prejoin_page_did_not",
    "* **Some errors are open**": _JOINS
    + "test_an_open_question_is_the_reason_only_if_the_page_goes",
    "* **Reloads.**": _JOINS + "test_a_page_that_jitsi_reloads_again_and_again_reports_one_failure",
    "`accept_timeout` is one only if no": _JOINS + "test_recorded_a_healthy_call_fails_nowhere",
    "within the last minute of a stay": _JOINS
    + "test_an_error_that_the_stay_survived_is_not_why_it_ended",
    "The steps are from Jitsi's own clock": _JOINS
    + "test_the_steps_of_a_join_are_those_of_jitsis_own_clock",
    "`set.join` is the time after that": _JOINS
    + "test_a_join_that_waited_for_somebody_is_none_that_failed",
    **{
        f"| {error}": "tests/e2e/test_joins.py::test_every_reason_is_stored_as_the_page_had_it"
        for error in (
            "`connection.otherError`",
            "`connection.droppedError`",
            "`conference.iceFailed`",
            "time-outs of `session-accept`",
            "`conference.videobridgeNotAvailable`",
            "`conference.focusLeft`",
            "`conference.offerAnswerFailed`",
            "`conference.gracefulShutdown`",
            "`page.reload.scheduled`",
            "`conference.suspendDetected`",
            "`conference.connectionError.notAllowed`",
            "`conference.max_users`",
            "`conference.kicked`",
            "`conference.destroyed`",
            "`conference.passwordRequired`",
            "`conference.connectionError.membersOnly`",
            "`conference.authenticationRequired`",
            "any other |",
        )
    },
    "The browser's clock is `performance.now()`": _EVENTS
    + "test_a_sample_keeps_its_time_over_a_sleep_of_the_machine",
    "is forgotten then, since the clock": _EVENTS
    + "test_after_a_sleep_the_clock_of_the_collector_is_learned_anew",
    "After `pagehide` no session begins": _EVENTS
    + "test_a_page_that_went_begins_no_session_until_it_is_shown_again",
    "The script of a page that embeds Jitsi Meet": "tests/client/test_embedder.py::"
    "test_an_embedding_page_sends_the_readings_of_the_embedded_call",
    # Further claims in paragraphs that have one already.
    "compressed with gzip": _ENDPOINTS
    + "test_gzip_bodies_are_accepted_and_decompression_bombs_refused",
    "for the price of a 304": _ENDPOINTS + "test_a_cached_script_gets_304",
    "the readings end with `null`": _SCRIPT
    + "test_alone_in_a_room_the_readings_end_and_the_session_continues",
    "always 0 in today's browsers": _READ + "test_jitsis_own_upload_loss_is_never_sent",
    "keeps at most 192 KiB": _SCRIPT
    + "test_a_full_queue_drops_its_oldest_samples_and_then_sends_a_full_one",
    "and a day": _SCRIPT + "test_stored_queues_that_are_old_or_unreadable_are_deleted",
}


def _parts() -> list[str]:
    """The page's paragraphs and table rows, without headings, code and table headers."""
    text = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
    parts = [line.strip() for line in text.splitlines() if line.strip()]
    heads = [n for n, part in enumerate(parts) if part.startswith("|---")]
    skipped = {n for head in heads for n in (head - 1, head)}
    return [
        part
        for n, part in enumerate(parts)
        if n not in skipped and not part.startswith(("#", "<!--"))
    ]


def test_each_claim_is_in_the_page_and_its_test_exists() -> None:
    texts = {file: (ROOT / file).read_text("utf-8") for file in map(_file, CLAIMS.values())}
    for claim, test in CLAIMS.items():
        assert claim in PAGE
        name = test.partition("::")[2]
        assert re.search(rf"^(async )?def {name}\(", texts[_file(test)], re.MULTILINE), claim


def _file(test: str) -> str:
    return test.partition("::")[0]


def test_each_paragraph_and_row_has_a_claim() -> None:
    parts = _parts()
    assert len(parts) > 100
    assert [part for part in parts if not any(claim in part for claim in CLAIMS)] == []
