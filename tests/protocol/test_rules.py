"""The small rules: admission, identity, addresses, browsers, throttling."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from itertools import pairwise
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jmmc.core.errors import Rejected
from jmmc.core.model import Dialect, Push, Sample
from jmmc.privacy.pseudonyms import Pseudonyms
from jmmc.protocol.addresses import Proxies, rate_limit_key, stored_form, truncated
from jmmc.protocol.admission import OLDEST_AGE, Admitted, Policy, admit
from jmmc.protocol.budget import body_cost, new_sessions, samples_cost
from jmmc.protocol.decoding import DecodedSample, Envelope
from jmmc.protocol.fair_share import DELAYED, FairShare
from jmmc.protocol.identity import CookieSigner, is_session_id, session_of
from jmmc.protocol.rate_limit import RateLimiter
from jmmc.protocol.useragent import browser_and_system
from jmmc.quality.addresses import network_of
from jmmc.settings import Settings
from tests.support.builders import CHROME, SID, UID

_NOW = 1_700_000_000.0


def _admit(
    *samples: DecodedSample, uid: str = UID, conf: str = "room", sid: str | None = SID, **more: Any
) -> Admitted:
    pattern = more.pop("pattern", r"[a-z0-9]+")
    dialect = Dialect.V1 if sid is None else Dialect.V2
    given = list(samples) or [DecodedSample(0, 0.0, b"{}")]
    now, tenant = more.pop("now", None), more.pop("tenant", None)
    envelope = Envelope(dialect, uid, conf, sid, given, now, False, [], tenant=tenant)
    return admit(envelope, Policy(pattern), _NOW)


def _reason(**wrong: Any) -> str:
    with pytest.raises(Rejected) as refused:
        _admit(**wrong)
    return refused.value.reason


@pytest.mark.parametrize("uid", [UID, UID.upper(), "00000000-0000-0000-0000-000000000000"])
def test_a_uid_is_a_uuid_with_dashes_stored_in_lower_case(uid: str) -> None:
    assert _admit(uid=uid).push.browser_id == uid.lower()


@pytest.mark.parametrize(
    "uid",
    ["", "x", UID.replace("-", ""), "{" + UID + "}", UID + "\n", " " + UID, UID.replace("-", ":")],
)
def test_a_malformed_uid_is_refused(uid: str) -> None:
    assert _reason(uid=uid) == "bad_uid"


@pytest.mark.parametrize("conf", ["", "Room", "room\n", "a b", "r\u00e9union", "a" * 3073])
def test_the_whole_name_of_a_room_must_match_the_pattern(conf: str) -> None:
    assert _reason(conf=conf) == "bad_conf"


@pytest.mark.parametrize("name", ["\u0435" * 59, "\u4e8c" * 30, "\U0001f680" * 24, "\u00e9" * 256])
def test_the_characters_of_a_name_count_as_people_write_it(name: str) -> None:
    pattern = Settings().conf_pattern
    assert _admit(conf=quote(name).lower(), pattern=pattern).push.room == quote(name).lower()
    assert _reason(conf=quote("\u00e9" * 257).lower(), pattern=pattern) == "bad_conf"


def test_a_pattern_for_percent_encoded_names_still_matches_them() -> None:
    assert _admit(conf="r%c3%a9union", pattern=r"[a-z0-9%-]{3,}").push.room == "r%c3%a9union"


def test_rooms_of_one_name_in_two_tenants_are_two_rooms() -> None:
    rooms = {_admit(conf="standup", tenant=tenant).push.room for tenant in ("alpha", "beta", None)}
    assert rooms == {"alpha/standup", "beta/standup", "standup"}


@pytest.mark.parametrize("tenant", ["a/b", "a b", "<", "a\n", "x" * 385])
def test_what_is_no_tenant_is_refused(tenant: str) -> None:
    assert _reason(conf="standup", tenant=tenant) == "bad_conf"


def test_long_names_are_refused_before_a_slow_pattern() -> None:
    assert _reason(conf="a" * 5000, pattern=r"(a+)+b") == "bad_conf"


@pytest.mark.parametrize("sid", ["", SID[:-1], SID.upper(), SID + "0", "g" * 32, SID + "\n"])
def test_a_sid_is_32_lower_case_hex_digits(sid: str) -> None:
    assert _reason(sid=sid) == "bad_sid"


def test_a_push_without_samples_is_empty() -> None:
    envelope = Envelope(Dialect.V2, UID, "room", SID, [], None, True, [])
    with pytest.raises(Rejected, match="empty"):
        admit(envelope, Policy(".*"), _NOW)


def test_a_v1_push_without_readings_is_empty() -> None:
    with pytest.raises(Rejected, match="empty"):
        _admit(DecodedSample(None, None, b"{}"), sid=None)


@pytest.mark.parametrize("seqs", [(1, 1), (2, 1), (0, 1, 0)])
def test_samples_ascend(seqs: tuple[int, ...]) -> None:
    with pytest.raises(Rejected, match="does not ascend"):
        _admit(*(DecodedSample(seq, 0.0, b"{}") for seq in seqs))


def test_a_sample_is_placed_by_its_age_on_our_clock() -> None:
    admitted = _admit(DecodedSample(0, 600.4, b"{}"), DecodedSample(1, 0.2, b"{}"))
    assert [sample.ts for sample in admitted.push.samples] == [1_699_999_400, 1_700_000_000]
    assert admitted.clamped == 0


@pytest.mark.parametrize(("age", "ts"), [(-5.0, _NOW), (1e300, _NOW - OLDEST_AGE)])
def test_absurd_ages_are_clamped_and_counted(age: float, ts: float) -> None:
    admitted = _admit(DecodedSample(0, age, b"{}"))
    assert (admitted.push.samples[0].ts, admitted.clamped) == (ts, 1)


@pytest.mark.parametrize(
    ("claimed", "ts"),
    [
        (_NOW - 20, _NOW - 30),
        (_NOW - 60, _NOW - 70),
        (_NOW - 0.75, _NOW - 11),
        (_NOW - 61, _NOW - 10),
        (_NOW + 1, _NOW - 10),
        (None, _NOW - 10),
    ],
)
def test_time_spent_on_the_way_is_taken_off_when_the_claim_is_plausible(
    claimed: float | None, ts: float
) -> None:
    assert _admit(DecodedSample(0, 10.0, b"{}"), now=claimed).push.samples[0].ts == ts


def test_the_id_of_a_session_is_a_digest_of_the_sid() -> None:
    session = session_of(SID)
    assert is_session_id(session)
    assert session not in SID
    assert session == session_of(SID) != session_of(SID[::-1])


@pytest.mark.parametrize("text", ["", "x" * 24, "a" * 23, "a" * 25, "a" * 24 + "\n"])
def test_an_id_is_24_hex_digits(text: str) -> None:
    assert not is_session_id(text)


def test_a_cookie_that_we_signed_is_read_among_others() -> None:
    signer = CookieSigner("secret")
    value = signer.sign("a" * 24)
    assert signer.read(f"x=1; jmmc_objectId={value}; y=2") == "a" * 24


def test_forged_cookies_are_ignored() -> None:
    signer = CookieSigner("secret")
    value = signer.sign("a" * 24)
    forged = [
        "jmmc_objectId=" + "a" * 24,
        f"jmmc_objectId={value[:-1]}",
        f"jmmc_objectId={value.replace('a', 'b', 1)}",
        f"jmmc_objectId={CookieSigner('other').sign('a' * 24)}",
        f"jmmc_objectId={signer.sign('not an id')}",
        f"other={value}",
        "jmmc_objectId",
        ";;;=;",
        "",
    ]
    assert [signer.read(item) for item in forged] == [None] * len(forged)


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.7", None, "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", ", ,", "10.0.0.1"),
        ("::ffff:10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        ("2001:db8::9", None, "2001:db8::9"),
        (None, "198.51.100.1", "198.51.100.1"),  # Through a Unix socket.
        (None, "6.6.6.6, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        (None, "unknown", None),
        (None, None, None),
        ("", "198.51.100.1", None),
        ("testclient", None, None),
    ],
)
def test_only_trusted_proxies_may_forward_addresses(
    peer: str | None, forwarded: str | None, address: str | None
) -> None:
    found = Proxies(["10.0.0.0/8"]).client(peer, forwarded)
    assert (str(found) if found else None) == address


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("for=198.51.100.1", "198.51.100.1"),
        ("For=198.51.100.1;Proto=https;By=10.0.0.1", "198.51.100.1"),
        ('proto=https;for="198.51.100.1:4711"', "198.51.100.1"),
        ('for="[2001:db8::1]"', "2001:db8::1"),
        ('for="[2001:db8::1]:4711";host="a, b;for=6.6.6.6"', "2001:db8::1"),
        ("for=[2001:db8::1]:4711", "2001:db8::1"),
        ('for="198.51.100.1:_port"', "198.51.100.1"),
        ("for=6.6.6.6, for=198.51.100.1, for=10.0.0.2", "198.51.100.1"),
        ("for=6.6.6.6,for=198.51.100.1;by=10.0.0.2,for=10.0.0.2", "198.51.100.1"),
        # What a client opens cannot swallow what a proxy adds.
        ('for=", for=198.51.100.1', "198.51.100.1"),
        ('for=6.6.6.6;host="x\\", for=198.51.100.1', "198.51.100.1"),
        (r'for=198.51.100.1;host="x\", for=6.6.6.6;host=\"y"', "198.51.100.1"),
        ("for=unknown", "10.0.0.1"),
        ("for=_hidden", "10.0.0.1"),
        ('for="_hidden:1"', "10.0.0.1"),
        ("for=198.51.100.1, for=unknown", "10.0.0.1"),
        ("proto=https", "10.0.0.1"),
        ("for=6.6.6.6;for=198.51.100.1", "10.0.0.1"),
        ("for=198.51.100.1 for=6.6.6.6", "10.0.0.1"),
        ("198.51.100.1", "10.0.0.1"),
        ("", "10.0.0.1"),
        (None, "10.0.0.1"),
    ],
)
def test_the_forwarded_header_names_the_address_that_a_trusted_proxy_saw(
    forwarded: str | None, address: str
) -> None:
    proxies = Proxies(["10.0.0.0/8"], "forwarded")
    assert str(proxies.client("10.0.0.1", forwarded)) == address
    assert str(proxies.client("203.0.113.7", forwarded)) == "203.0.113.7"


@given(st.text(alphabet='for=;,"\\ 6.[:]_', max_size=600))
def test_no_text_before_the_element_of_a_proxy_changes_the_address(text: str) -> None:
    proxies = Proxies(["10.0.0.1"], "forwarded")
    assert str(proxies.client("10.0.0.1", text + ", for=198.51.100.1")) == "198.51.100.1"


@pytest.mark.parametrize("address", ["192.0.2.33", "198.51.100.7"])
@pytest.mark.parametrize(
    "prefix",
    [
        "::ffff:0:0/96",
        "::ffff:0:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "64:ff9b:1:ab00::/56",
        "64:ff9b:1:abcd::/64",
        "64:ff9b:1:abcd::/96",
        "2002::/16",
        "2001:0:cb00:7101:8000::/96",
    ],
)
def test_an_ipv6_address_with_an_ipv4_address_in_it_counts_as_that(
    prefix: str, address: str
) -> None:
    """6to4, Teredo, IPv4-mapped, and NAT64 with each place of the address (RFC 6052)."""
    ipv4 = int(IPv4Address(address))
    network = ip_network(prefix)
    length = network.prefixlen
    if prefix.startswith("2002"):
        bits = ipv4 << 80 | 0xABCD << 64 | 0x1234
    elif prefix.startswith("2001"):
        bits = ipv4 ^ 0xFFFFFFFF
    elif length == 96:
        bits = ipv4
    else:  # Bits 64 to 71 are left out.
        before = 64 - length
        bits = ipv4 >> (32 - before) << 64 | (ipv4 & (1 << 32 - before) - 1) << (24 + before)
    mixed = IPv6Address(int(network.network_address) | bits)
    assert truncated(str(mixed)) == ipv4 & 0xFFFFFF00
    assert rate_limit_key(mixed) == ipv4
    assert network_of(str(mixed)) == network_of(address)


@pytest.mark.parametrize("address", ["2001:db8:1:2::c000:221", "64:ff9c::c000:221", "2003::1"])
def test_other_ipv6_addresses_are_not_taken_for_ipv4(address: str) -> None:
    assert truncated(address) == str(ip_network(f"{address}/48", strict=False).network_address)
    assert rate_limit_key(ip_address(address)) < 0


def test_ipv4_is_stored_as_a_number_and_ipv6_as_text() -> None:
    proxies = Proxies([])
    four, six = proxies.client("192.0.2.2", None), proxies.client("2001:db8::1", None)
    assert four and six
    assert (stored_form(four), stored_form(six)) == (3221225986, "2001:db8::1")


def test_addresses_in_one_ipv6_64_are_one_sender() -> None:
    proxies = Proxies([])
    keys = [
        rate_limit_key(address)
        for text in ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "0.0.0.1", "::1:0:0:0:0")
        if (address := proxies.client(text, None))
    ]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 4


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (CHROME, ("Chrome 131", "Windows 10")),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
            ("Firefox 128", "Linux"),
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
            "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
            ("Mobile Safari 17", "iOS 17"),
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 "
            "(KHTML, like Gecko) Version/18.1 Safari/605.1.15",
            ("Safari 18", "macOS"),
        ),
        (CHROME + " Edg/131.0.0.0", ("Edge 131", "Windows 10")),
        (None, (None, None)),
        ("", (None, None)),
    ],
)
def test_the_header_tells_family_and_major_version(
    header: str | None, expected: tuple[str | None, str | None]
) -> None:
    assert browser_and_system(header) == expected


@settings(deadline=None)  # The first call loads the database of browsers.
@given(st.text(max_size=300))
def test_any_user_agent_header_is_parsed(header: str) -> None:
    browser, system = browser_and_system(header)
    assert all(
        item is None or re.fullmatch(r".{1,64}", item, re.DOTALL) for item in (browser, system)
    )


def test_a_sender_may_send_its_share_at_once_and_then_as_fast_as_it_refills() -> None:
    rate_limiter = RateLimiter(60)
    assert [rate_limiter.wait(1, 0.0) for _ in range(60)] == [0.0] * 60
    assert rate_limiter.wait(1, 0.0) == pytest.approx(1.0)
    assert rate_limiter.wait(2, 0.0) == 0.0, "another sender is not concerned"
    assert rate_limiter.wait(1, 1.0) == 0.0
    assert rate_limiter.wait(1, 1.0) > 0


def test_a_clock_that_is_set_back_takes_no_tokens() -> None:
    rate_limiter = RateLimiter(60)
    rate_limiter.wait(1, 1000.0)
    assert rate_limiter.wait(1, 0.0) == 0.0


def test_a_limit_of_0_never_limits() -> None:
    rate_limiter = RateLimiter(0)
    assert all(rate_limiter.wait(1, 0.0) == 0.0 for _ in range(1000))


def test_a_request_that_costs_more_than_is_left_is_allowed_and_waited_for() -> None:
    rate_limiter = RateLimiter(60)
    assert rate_limiter.wait(1, 0.0, 50) == 0.0
    assert rate_limiter.wait(1, 0.0, 100) == 0.0
    assert rate_limiter.wait(1, 0.0) == pytest.approx(91.0)
    assert rate_limiter.wait(1, 91.0) == 0.0
    rate_limiter.charge(1, 91.0, 9)
    assert rate_limiter.wait(1, 91.0) == pytest.approx(10.0)


def test_a_burst_may_be_larger_than_the_tokens_of_a_minute() -> None:
    rate_limiter = RateLimiter(60, burst=100)
    assert rate_limiter.wait(1, 0.0, 100) == 0.0
    assert rate_limiter.wait(1, 0.0) == pytest.approx(1.0)


def test_a_reduced_allowance_concerns_only_those_who_send_more() -> None:
    rate_limiter = RateLimiter(600)
    assert rate_limiter.wait("light", 0.0) == rate_limiter.wait("heavy", 0.0) == 0.0
    rate_limiter.reduce(0.1)
    assert [rate_limiter.wait("heavy", 0.0) == 0 for _ in range(70)].count(True) == 60
    assert rate_limiter.wait("heavy", 0.0) == pytest.approx(1.0)
    assert all(rate_limiter.wait("light", float(second)) == 0.0 for second in range(120))
    rate_limiter.reduce(1.0)
    assert rate_limiter.wait("heavy", 0.1) == 0.0, "ten tokens a second again"
    rate_limiter.wait("new", 0.0, 599)
    assert rate_limiter.wait("new", 0.0) == 0.0


def test_a_small_allowance_is_never_reduced_to_nothing() -> None:
    rate_limiter = RateLimiter(10)
    rate_limiter.reduce(0.02)
    assert rate_limiter.wait("a", 0.0) == 0.0
    assert rate_limiter.wait("a", 0.0) == pytest.approx(300.0)


@pytest.mark.parametrize(
    ("pushes", "at_once", "seconds"), [(6000, 1500, 1.0), (400, 100, 6.0), (1, 10, 6.0)]
)
def test_a_new_session_is_allowed_for_every_fourth_push(
    pushes: int, at_once: int, seconds: float
) -> None:
    rate_limiter = new_sessions(pushes)
    assert all(rate_limiter.wait("a", 0.0) == 0.0 for _ in range(at_once))
    assert rate_limiter.wait("a", 0.0) == pytest.approx(seconds)
    assert new_sessions(0).wait("a", 0.0, 1e9) == 0.0


def test_while_pushes_are_prompt_everyone_keeps_the_whole_allowance() -> None:
    fair_share = FairShare()
    assert all(fair_share.observe(DELAYED, 0.1, 100) == 1.0 for _ in range(100))
    assert not fair_share.is_reduced


def test_while_pushes_are_delayed_the_allowance_falls_to_a_fifth_within_seconds() -> None:
    fair_share = FairShare()
    shares = [fair_share.observe(0.2, 0.3, 100) for _ in range(1000)]
    assert shares == sorted(shares, reverse=True)
    assert shares[4] == 1.0 > shares[5]
    assert shares[13] == shares[-1] == pytest.approx(0.2)
    assert fair_share.is_reduced


def test_a_single_long_pause_is_no_overload() -> None:
    fair_share = FairShare()
    assert [fair_share.observe(delay, 0.1, 100) for delay in (0.9, 0.0, 0.0)] == [1.0] * 3


def test_under_a_severe_overload_the_allowance_falls_to_a_fiftieth() -> None:
    fair_share = FairShare()
    shares = [fair_share.observe(0.5, 0.5, 100) for _ in range(100)]
    assert min(shares) == shares[-1] == pytest.approx(0.02)
    assert fair_share.observe(0.2, 0.1, 100) == pytest.approx(0.02), (
        "a smaller delay undoes nothing"
    )


def test_the_whole_allowance_is_back_within_a_minute_of_prompt_pushes() -> None:
    fair_share = FairShare()
    for _ in range(20):
        fair_share.observe(0.2, 0.3, 100)
    assert fair_share.share == pytest.approx(0.2)
    for _ in range(30):
        fair_share.observe(0.0, 0.0, 100)  # Until pushes are prompt on average.
    assert fair_share.observe(0.0, 6.0, 100) == pytest.approx(0.3)
    assert fair_share.observe(0.0, 42.0, 100) == pytest.approx(1.0)
    assert fair_share.observe(0.0, 1.0, 100) == 1.0
    assert not fair_share.is_reduced


@pytest.mark.parametrize(("senders", "share"), [(0, 1.0), (1, 1.0), (2, 0.5), (4, 0.25), (9, 0.2)])
def test_of_few_senders_each_keeps_its_part(senders: int, share: float) -> None:
    fair_share = FairShare()
    for _ in range(100):
        fair_share.observe(0.2, 0.3, senders)
    assert fair_share.share == pytest.approx(share)


@pytest.mark.parametrize(("size", "cost"), [(0, 0), (2047, 0), (2048, 1), (65_536, 32)])
def test_a_body_costs_its_size(size: int, cost: int) -> None:
    assert body_cost(b" " * size) == cost


@pytest.mark.parametrize(
    ("seqs", "cost"), [([0], 0), ([0, 1, 2], 0), ([59, 60], 1), ([*range(60)], 6)]
)
def test_a_push_costs_its_samples_and_the_documents_that_it_writes_to(
    seqs: list[int], cost: int
) -> None:
    assert samples_cost([DecodedSample(seq, 0.0, b"{}") for seq in seqs]) == cost


def test_the_memory_for_senders_is_bounded() -> None:
    rate_limiter = RateLimiter(60)
    for sender in range(100_500):
        rate_limiter.wait(sender, 0.0)
    assert rate_limiter.senders == 100_000


def test_of_many_senders_those_that_have_refilled_are_forgotten() -> None:
    rate_limiter = RateLimiter(60)
    assert rate_limiter.wait("much", 0.0, 600) == 0.0
    for second in range(20_000):
        rate_limiter.wait(second, second / 100)
    assert rate_limiter.senders <= 5000
    assert rate_limiter.wait("much", 200.0) == pytest.approx(341), "its debt is not forgotten"


@pytest.mark.parametrize(
    ("wrong", "word"), [({"uid": "x"}, "uid: "), ({"conf": ""}, "conf: "), ({"sid": "x"}, "sid: ")]
)
def test_a_refusal_names_the_field_and_what_is_allowed(wrong: dict[str, str], word: str) -> None:
    with pytest.raises(Rejected) as refused:
        _admit(**wrong)
    assert refused.value.detail.startswith(word)
    assert re.search("UUID|conf_pattern|32 lower-case hex digits", refused.value.detail)


def _v1(readings: bytes, *, opens: bool) -> Envelope:
    return Envelope(
        Dialect.V1, UID, "room", None, [DecodedSample(None, None, readings)], None, opens, []
    )


@pytest.mark.parametrize("opens", [True, False])
@pytest.mark.parametrize("readings", [b"{}", b'{"cq":1}'])
def test_a_v1_push_has_one_sample_of_now_and_names_no_session(readings: bytes, opens: bool) -> None:
    """One that opens a session says something by that alone."""
    envelope = _v1(readings, opens=opens)
    if readings == b"{}" and not opens:
        with pytest.raises(Rejected) as refused:
            admit(envelope, Policy(".*"), _NOW)
        assert refused.value.reason == "empty"
        assert refused.value.detail == "m: no reading is left"
        return
    push = Push("", "room", UID, Dialect.V1, (Sample(None, round(_NOW), readings),), opens)
    assert admit(envelope, Policy(".*"), _NOW) == (push, 0)


def test_a_v2_push_keeps_what_its_samples_say() -> None:
    admitted = _admit(
        DecodedSample(7, OLDEST_AGE, b'{"cq":1}', full=True), DecodedSample(9, 0.0, b"{}", bye=True)
    )
    assert admitted.push.samples == (
        Sample(7, round(_NOW - OLDEST_AGE), b'{"cq":1}', full=True),
        Sample(9, round(_NOW), b"{}", bye=True),
    )
    assert (admitted.push.session, admitted.clamped) == (session_of(SID), 0)


def test_every_absurd_age_is_counted() -> None:
    ages = (-1.0, 1e9, 0.0)
    assert _admit(*(DecodedSample(n, age, b"{}") for n, age in enumerate(ages))).clamped == 2


def test_a_name_of_1024_characters_is_the_longest() -> None:
    assert _admit(conf="a" * 1024).push.room == "a" * 1024


@pytest.mark.parametrize(
    "samples",
    [[], [DecodedSample(1, 0.0, b"{}"), DecodedSample(1, 0.0, b"{}")]],
    ids=["none", "twice"],
)
def test_bad_samples_are_refused_with_their_reason(samples: list[DecodedSample]) -> None:
    envelope = Envelope(Dialect.V2, UID, "room", SID, samples, None, False, [])
    with pytest.raises(Rejected) as refused:
        admit(envelope, Policy(".*"), _NOW)
    assert refused.value.reason == ("malformed" if samples else "empty")
    assert refused.value.detail.startswith("samples: ")


def test_of_a_long_chain_of_proxies_only_the_near_end_is_read() -> None:
    proxies = Proxies(["10.0.0.0/8"])
    near = ", 198.51.100.1, 10.0.0.2"
    assert str(proxies.client("10.0.0.1", "6.6.6.6, " * 100 + near)) == "198.51.100.1"
    # The cut goes through an address: what is left of it is another one, 8.51.100.77.
    hops = ", 10.0.0.77" + ", 10.0.0.2" * 49
    assert str(proxies.client("10.0.0.1", "198.51.100.77" + hops)) == "10.0.0.77"
    whole = "198.51.100.77,10.0.0.3" + ", 10.0.0.2" * 49
    assert len(whole) == 512
    assert str(proxies.client("10.0.0.1", whole)) == "198.51.100.77"


@pytest.mark.parametrize(
    ("stored", "kept"),
    [
        (3221225986, 3221225984),  # 192.0.2.2: 192.0.2.0
        ("2001:db8:1:2:3::5", "2001:db8:1::"),
        ("fe80:0:0:7::1%eth0", "fe80::"),
        ("::ffff:192.0.2.2", 3221225984),
        ("x", None),
    ],
)
def test_a_truncated_address_is_that_of_its_network(
    stored: int | str, kept: int | str | None
) -> None:
    assert truncated(stored) == kept


def test_no_two_senders_have_one_key() -> None:
    names = ("0.0.0.0", "0.0.0.1", "0.0.0.2", "::2", "0:0:0:1::", "0:0:0:2::", "0:0:0:3::")
    assert len({rate_limit_key(ip_address(name)) for name in names}) == len(names)


def test_a_wait_is_the_time_until_the_next_push_may_come() -> None:
    rate_limiter = RateLimiter(30)
    assert [rate_limiter.wait(1, 0.0) for _ in range(30)] == [0.0] * 30
    assert rate_limiter.wait(1, 0.0) == pytest.approx(2.0)
    assert rate_limiter.wait(1, 0.5) == pytest.approx(1.5)
    assert rate_limiter.wait(1, 3.5) == 0.0, "one and three quarters have come"
    assert rate_limiter.wait(1, 3.5) == pytest.approx(0.5)


def test_senders_that_have_refilled_are_forgotten_a_few_at_a_time() -> None:
    """Of many that come in turn no request waits until all have been looked at."""
    rate_limiter = RateLimiter(60)
    known = []
    for number in range(40_000):
        assert rate_limiter.wait(number % 20_000, number / 1000, cost=8) == 0
        known.append(rate_limiter.senders)
    assert max(before - after for before, after in pairwise(known)) <= 1
    # Each has refilled after 8 seconds, in which 8,000 others come.
    assert known[-1] == pytest.approx(8000, abs=10)


def test_of_too_many_senders_the_least_recent_is_dropped() -> None:
    rate_limiter = RateLimiter(1)
    for sender in range(100_001):
        rate_limiter.wait(sender, 0.0)
    assert rate_limiter.wait(100_000, 0.0) > 0
    assert rate_limiter.wait(1, 0.0) > 0
    assert rate_limiter.wait(0, 0.0) == 0.0


def test_caches_of_names_and_addresses_are_bounded() -> None:
    """Whoever pushes chooses them."""
    names = Pseudonyms("both", "key")
    remembered = (Policy(".*")._cached_owner, names.browser_id, names.room, Proxies([])._cached)
    assert all(item.cache_info().maxsize is not None for item in remembered)
