"""Every sender gets the same share of the work, whatever the others have waiting."""

from collections.abc import Iterable

from jmmc.maintenance.waiting_sessions import SESSION_WORK, WaitingSessions


class _Senders(dict[str, tuple[str, int]]):
    """Sender and work by session: the sender is its first letter; `u` is unknown."""

    def of(self, session: str) -> tuple[str, int] | None:
        return None if session[0] == "u" else self.get(session, (session[0], SESSION_WORK))


def _sessions(sender: str, many: int) -> list[str]:
    return [f"{sender}{number:05}" for number in range(many)]


def _waiting(sessions: Iterable[str], *, most: int = 1000, **work: int) -> WaitingSessions:
    senders = _Senders({session: (session[0], samples) for session, samples in work.items()})
    waiting = WaitingSessions(senders.of, most=most)
    waiting.add(sessions)
    return waiting


def _served(waiting: WaitingSessions, many: int) -> list[str]:
    served = [*waiting.first(many)]
    waiting.remove(served)
    return served


def test_senders_take_turns_however_many_sessions_one_of_them_has() -> None:
    waiting = _waiting([*_sessions("a", 90), "b", "c"])
    assert _served(waiting, 4) == ["a00000", "b", "c", "a00001"]


def test_a_long_session_comes_after_as_much_work_for_others() -> None:
    waiting = _waiting(["b1", *_sessions("d", 100)], b1=80 * SESSION_WORK)
    assert [*waiting.first(101)].index("b1") == 79


def test_sessions_of_one_sender_keep_their_order() -> None:
    assert _served(_waiting(["a3", "a1", "a2"]), 3) == ["a3", "a1", "a2"]


def test_who_comes_later_is_served_next_but_never_overtakes_for_ever() -> None:
    waiting = _waiting(_sessions("a", 90))
    _served(waiting, 50)
    waiting.add(["b"])
    assert _served(waiting, 2) == ["a00050", "b"]
    waiting = _waiting(["long", *_sessions("a", 5)], long=40 * SESSION_WORK)
    for number in range(1000):  # Each time another address opens a short session.
        waiting.add([chr(1000 + number)])
        if "long" in _served(waiting, 1):
            break
    assert number <= 40 * 7, "it is work for 40, and some seven senders wait"


def test_sessions_of_unknown_senders_get_as_much_as_all_others() -> None:
    known = [f"{chr(1000 + number)}" for number in range(100)]
    served = _served(_waiting([*known, *_sessions("u", 900)]), 200)
    assert 98 <= sum(session[0] == "u" for session in served) <= 102
    assert _served(_waiting(_sessions("u", 9)), 2) == ["u00000", "u00001"]


def test_a_session_waits_once_until_it_is_done() -> None:
    waiting = _waiting(["a", "b"])
    waiting.add(["a", "b"])
    assert waiting.first(5) == waiting.first(5) == ["a", "b"]
    waiting.remove(["a", "never known"])
    assert (waiting.first(5), len(waiting), "a" in waiting) == (["b"], 1, False)
    waiting.add(["a"])
    assert waiting.first(5) == ["b", "a"]
    waiting.clear()
    assert (waiting.first(5), len(waiting)) == ([], 0)


def test_where_very_many_wait_a_sender_with_its_share_gets_no_more_in() -> None:
    waiting = _waiting([*_sessions("a", 5000), "b"], most=100)
    assert len(waiting) == 101
    waiting.add(_sessions("c", 5000))
    assert 101 < len(waiting) < 150, "c has a third, the share of each of three"
    served = _served(waiting, 150)
    assert {session[0] for session in served[:3]} == {"a", "b", "c"}
    assert len(waiting) == 0
