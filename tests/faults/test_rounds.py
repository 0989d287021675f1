"""One round of each kind of fault; `./run faults` plays hundreds, and all at once."""

from pathlib import Path

import msgspec
import pytest

from jmmc.core.model import Dialect, Sample, Session
from tests.faults.faults import FAULTS
from tests.faults.rounds import Count, count, play
from tests.faults.site import Site
from tests.support.senders import Deletion, Sender

_FAULTS_BY_SITE = {
    "sqlite, two": (
        "kill collector",
        "disk full",
        "disk read-only",
        "disk fails to sync",
        "clock jumps",
        "clock wrong at start",
    ),
    "mongod, two": (
        "kill both",
        "line silent",
        "answers lost",
        "requests lost",
    ),
    "spool": ("torn log",),  # `test_mongo` has kills beside a spool, and a full one.
    "replica set": ("primary separated",),
}
_REJECTS_PUSHES = {"disk full", "disk read-only", "disk fails to sync"}


@pytest.mark.timeout(240)  # On a busy machine.
@pytest.mark.parametrize("kind", _FAULTS_BY_SITE)
async def test_no_confirmed_sample_is_missing_or_duplicated_after_a_fault(
    kind: str, tmp_path: Path
) -> None:
    site = Site(kind, tmp_path)
    everybody: list[Sender] = []
    try:
        await site.open()
        for fault in FAULTS:
            if fault.name in _FAULTS_BY_SITE[kind]:
                fault = fault._replace(afterwards=None)
                counts, senders = await play(site, fault, f"ci-{len(everybody)}")
                everybody += senders
                assert counts.is_right, f"{fault.name}: {counts}"
                assert counts.acknowledged >= 5 * len(senders), f"{fault.name}: there was no load"
                if fault.name in _REJECTS_PUSHES and kind.startswith("sqlite"):
                    assert counts.refused, f"{fault.name}: no push got 503"
        again = count(await site.stored(everybody), everybody)
        assert again.is_right, again
    finally:
        await site.close()


def _stored(sender: Sender, *seqs: int) -> dict[str, Session]:
    """A session with these samples of the sender, as `Site.stored` returns it."""
    samples = tuple(Sample(seq, 1, msgspec.json.encode(sender.readings(seq))) for seq in seqs)
    session = Session("0" * 24, sender.room, sender.browser_id, Dialect.V2, 0, samples)
    return {sender.room: session}


def test_samples_of_another_browser_are_counted_as_foreign_and_missing() -> None:
    sender, other = Sender("room", 1), Sender("room", 2)
    sender.confirmed = 1
    assert count(_stored(sender, 0, 1), [sender]) == Count(acknowledged=2)
    expected = Count(acknowledged=2, missing=2, foreign=1)
    assert count(_stored(other, 0), [sender]) == expected


def test_deleted_samples_that_are_stored_are_counted_as_foreign() -> None:
    sender = Sender("room", 1)
    sender.confirmed = 2
    sender.deleted = Deletion(gone_to=0, kept_from=2)
    assert count(_stored(sender, 2), [sender]) == Count(acknowledged=3)
    left = _stored(sender, 0, 1, 2)  # At the time 1.
    assert count(left, [sender]) == Count(acknowledged=3, foreign=1)
    assert count({}, [sender]) == Count(acknowledged=3, missing=1)
    sender.deleted = Deletion(gone_to=-1, kept_from=2, until=1)
    assert count(left, [sender]) == Count(acknowledged=3, foreign=3)


def test_missing_samples_are_counted() -> None:
    sender = Sender("room", 1)
    sender.confirmed = 1
    assert count({}, [sender]) == Count(acknowledged=2, missing=2)
