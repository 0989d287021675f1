"""The long run: `python -m tests.faults.run --rounds 300 --seed 1 [--store sqlite] [--fault ...]`.

A line a round, then a table of faults and stores in Markdown. The exit code tells whether anything
was missing or doubled.
"""

import argparse
import asyncio
import sys
import tempfile
import time
import traceback
from collections import defaultdict
from itertools import cycle, islice
from pathlib import Path

from tests.faults.faults import FAULTS, Fault
from tests.faults.rounds import Count, count, play
from tests.faults.site import SITES, Site
from tests.support.senders import Sender

_Cell = tuple[str, str]


def plan(rounds: int, kinds: list[str], names: list[str]) -> dict[str, list[tuple[int, Fault]]]:
    """Which faults each site sees, by number of the round: all in turn, until there are enough."""
    pairs = [
        (kind, fault)
        for fault in FAULTS
        for kind in fault.sites
        if kind in kinds and fault.name in names
    ]
    found: dict[str, list[tuple[int, Fault]]] = defaultdict(list)
    for number, (kind, fault) in enumerate(islice(cycle(pairs), rounds)):
        found[kind].append((number, fault))
    return found


async def _run(rounds: int, seed: int, kinds: list[str], names: list[str]) -> bool:
    cells: dict[_Cell, list[Count]] = defaultdict(list)
    broken = done = 0
    for kind, value in plan(rounds, kinds, names).items():
        folder = Path(tempfile.mkdtemp(prefix="jmmc-faults-"))
        site = Site(kind, folder)
        everybody: list[Sender] = []
        total = Count()
        try:
            await site.open()
            for number, fault in value:
                began = time.monotonic()
                name = f"{seed}-{number}"
                found, senders = await play(site, fault, name)
                everybody += senders
                total = total.plus(found)
                cells[fault.name, kind].append(found)
                done += 1
                print(
                    f"{done}/{rounds} {name} {kind}: {fault.name}: {_words(found)},"
                    f" {time.monotonic() - began:.1f} s",
                    flush=True,
                )
            again = count(await site.stored(everybody), everybody)
            print(f"{kind}: all {len(value)} rounds once more: {_words(again)}", flush=True)
            broken += again.missing + again.doubled + total.missing + total.doubled
        except Exception as error:
            broken += 1
            traceback.print_exception(error)
            print(f"{kind} is given up; the logs are in {folder}", flush=True)
        finally:
            await site.close()
    print(_table(cells))
    return not broken


def _words(count: Count) -> str:
    found = f"{count.acknowledged} acknowledged, {count.missing} missing, {count.doubled} doubled"
    return f"{found}, {count.refused} pushes refused"


def _table(cells: dict[_Cell, list[Count]]) -> str:
    rows = [
        "| fault | store | rounds | acknowledged | missing | doubled | pushes refused |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    whole: list[Count] = []
    for (fault, kind), value in sorted(cells.items()):
        rows.append(_row(fault, kind, value))
        whole += value
    return "\n".join([*rows, _row("**all**", "", whole)])


def _row(fault: str, kind: str, its: list[Count]) -> str:
    total = Count()
    for item in its:
        total = total.plus(item)
    figures = f"{total.acknowledged:,} | {total.missing} | {total.doubled} | {total.refused:,}"
    return f"| {fault} | {kind} | {len(its)} | {figures} |"


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="faults", description="Faults, round after round.")
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--store", action="append", choices=SITES)
    names = [fault.name for fault in FAULTS]
    parser.add_argument("--fault", action="append", choices=names)
    told = parser.parse_args()
    run = _run(told.rounds, told.seed, told.store or list(SITES), told.fault or names)
    sys.exit(0 if asyncio.run(run) else 1)


if __name__ == "__main__":
    main()
