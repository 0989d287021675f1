"""Read what a collector stored, as in a notebook: `python read_calls.py sqlite:///jmmc.db`.

The cells work in Jupyter as they are. `reader.table(...)` needs the extra `parquet` (pyarrow).
"""

# %% Open the store. Nothing is written to it; the collector may be running.
import sys
from collections import Counter

from jmmc import Reader

reader = Reader(sys.argv[1] if len(sys.argv) > 1 else "sqlite:///jmmc.db")
since, until = sys.argv[2:4] if len(sys.argv) > 3 else ("7d", "now")

# %% How was it?
overview = reader.overview(since, until)
print(
    f"{overview.sessions} sessions, {overview.minutes} minutes, peak {overview.peak_people} people"
)
if overview.grades.poor_share is not None:
    print(f"{overview.grades.poor_share:.1%} of the known time was poor")

# %% Which regions differ? Each share has its 95 % interval.
for row in reader.compare("region", since, until):
    low, high = row.poor_interval
    print(f"{row.value:12} {row.minutes:6} min  poor: {low:.1%} to {high:.1%}")

# %% Why was it bad? Reasons by the seconds that they lasted.
reasons: Counter[str] = Counter()
for session in reader.sessions(since, until):
    reasons.update(session.reasons)
print(dict(reasons.most_common(5)))

# %% One session with its worst moments, and what was measured then.
worst = max(reader.sessions(since, until), key=lambda session: session.poor, default=None)
if worst is not None:
    detail = reader.session(worst.session)
    for explained in detail.spells:
        spell = explained.spell
        print(spell.start, spell.end - spell.start, "s", spell.grade.name.lower(), spell.reasons)

# %% Every sample as a table, for pandas (.to_pandas()) or polars (polars.from_arrow(table)).
table = reader.table("timeline", since, until)
print(f"{table.num_rows} samples, {table.num_columns} columns")

# %%
reader.close()
