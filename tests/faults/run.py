"""Many rounds: `python -m tests.faults.run --rounds 300 --seed 1 [--store sqlite] [--fault ...]`.

Prints a line per round, then a Markdown table of faults and stores. The exit code is 1 if any
confirmed sample was missing or duplicated, or a deleted or foreign one was stored.
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
    """Plan the rounds of each site: (number of the round, fault), all faults in turn."""
    pairs = [
        (kind, fault)
        for fault in FAULTS
        for kind in fault.sites
        if kind in kinds and fault.name in names
    ]
    rounds_by_site: dict[str, list[tuple[int, Fault]]] = defaultdict(list)
    for number, (kind, fault) in enumerate(islice(cycle(pairs), rounds)):
        rounds_by_site[kind].append((number, fault))
    return rounds_by_site


async def _run(rounds: int, seed: int, kinds: list[str], names: list[str]) -> bool:
    cells: dict[_Cell, list[Count]] = defaultdict(list)
    broken = done = 0
    for kind, numbered_faults in plan(rounds, kinds, names).items():
        folder = Path(tempfile.mkdtemp(prefix="jmmc-faults-"))
        site = Site(kind, folder)
        everybody: list[Sender] = []
        total = Count()
        try:
            await site.open()
            for number, fault in numbered_faults:
                began = time.monotonic()
                name = f"{seed}-{number}"
                counts, senders = await play(site, fault, name)
                everybody += senders
                total = total.plus(counts)
                cells[fault.name, kind].append(counts)
                done += 1
                print(
                    f"{done}/{rounds} {name} {kind}: {fault.name}: {_describe(counts)},"
                    f" {time.monotonic() - began:.1f} s",
                    flush=True,
                )
            again = count(await site.stored(everybody), everybody)
            print(
                f"{kind}: all {len(numbered_faults)} rounds at the end: {_describe(again)}",
                flush=True,
            )
            broken += not (again.is_right and total.is_right)
        except Exception as error:
            broken += 1
            traceback.print_exception(error)
            print(f"{kind}: aborted; logs are in {folder}", flush=True)
        finally:
            await site.close()
    print(_table(cells))
    return not broken


def _describe(count: Count) -> str:
    return (
        f"{count.acknowledged} acknowledged, {count.missing} missing,"
        f" {count.duplicated} duplicated, {count.foreign} foreign, {count.refused} pushes refused"
    )


def _table(cells: dict[_Cell, list[Count]]) -> str:
    rows = [
        "| fault | store | rounds | acknowledged | missing | duplicated | foreign | refused |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    whole: list[Count] = []
    for (fault, kind), counts in sorted(cells.items()):
        rows.append(_row(fault, kind, counts))
        whole += counts
    return "\n".join([*rows, _row("**all**", "", whole)])


def _row(fault: str, kind: str, counts: list[Count]) -> str:
    total = Count()
    for round_count in counts:
        total = total.plus(round_count)
    mistakes = f"{total.missing} | {total.duplicated} | {total.foreign}"
    figures = f"{len(counts)} | {total.acknowledged:,} | {mistakes} | {total.refused:,}"
    return f"| {fault} | {kind} | {figures} |"


def options() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="faults",
        description="Inject faults, round after round, and count confirmed samples in the store.",
    )
    parser.add_argument("--rounds", type=int, default=300, help="number of rounds in all")
    parser.add_argument("--seed", type=int, default=1, help="repeats the same rounds")
    parser.add_argument("--store", action="append", choices=SITES, help="only this one; repeatable")
    names = [fault.name for fault in FAULTS]
    parser.add_argument("--fault", action="append", choices=names, help="only this one; repeatable")
    return parser.parse_args()


def main() -> None:
    """Run; exits with 1 if the store is not as it must be."""
    chosen = options()
    kinds = chosen.store or list(SITES)
    names = chosen.fault or [fault.name for fault in FAULTS]
    run = _run(chosen.rounds, chosen.seed, kinds, names)
    sys.exit(0 if asyncio.run(run) else 1)


if __name__ == "__main__":
    main()
