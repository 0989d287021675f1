"""One round of each fault; `./run faults` plays hundreds."""

from pathlib import Path

import pytest

from tests.faults.faults import FAULTS
from tests.faults.rounds import Count, count, play
from tests.faults.site import Site
from tests.support.senders import Sender

_FAULTS_BY_SITE = {
    "sqlite, two": (
        "kill collector",
        "stop collector",
        "disk full",
        "disk read-only",
        "disk fails to sync",
        "slow disk",
        "clock jumps",
    ),
    "mongod, two": ("kill mongod", "kill both", "disk full", "line silent", "answers lost"),
    "spool": ("kill both", "disk fails to sync", "torn log", "line cut"),
    "replica set": ("election",),
}
_REJECTS_PUSHES = {"disk full", "disk read-only", "disk fails to sync"}


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
                counts, senders = await play(site, fault, f"ci-{len(everybody)}")
                everybody += senders
                assert (counts.missing, counts.duplicated) == (0, 0), fault.name
                assert counts.acknowledged >= 5 * len(senders), f"{fault.name}: there was no load"
                if fault.name in _REJECTS_PUSHES and kind.startswith("sqlite"):
                    assert counts.refused, f"{fault.name}: no push got 503"
        again = count(await site.stored(everybody), everybody)
        assert (again.missing, again.duplicated) == (0, 0)
    finally:
        await site.close()


def test_missing_samples_are_counted() -> None:
    sender = Sender("room", 1)
    sender.confirmed = 1
    assert count({}, [sender]) == Count(acknowledged=2, missing=2)
