"""An oracle: the truth of every second of made-up calls, compared with what the product answers.

* `truth`: what a person had in each second of a call, from small scripts.
* `pushing`: the pushes that a browser makes of it, as the protocol says.
* `expected`: the right figures, by counting seconds.
* `asking`: the API, the pages and the command line of a running `jmmc serve`.
* `cases`: the calls; `conftest` pushes all of them to one collector for each store.

It enters and leaves by the public door only, and imports nothing of what makes the answers
(`jmmc.quality`, `jmmc.answers`, `jmmc.stores`, `jmmc.maintenance`).
"""
