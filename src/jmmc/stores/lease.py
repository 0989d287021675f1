"""The right of one process to do a background task for all that share a store."""

from jmmc.stores.contract import Reports


class Lease:
    """A lease of one process. `holder` names the process, `seconds` is how long a lease lasts."""

    def __init__(self, name: str, holder: str, *, seconds: int) -> None:
        self.seconds = seconds
        self.may_hold = False
        """Whether this process may have it: also while an answer of the store is awaited."""
        self._name = name
        self._holder = holder

    async def take(self, reports: Reports, now: int) -> bool:
        """Take or renew the lease at `now` (Unix seconds); return whether this process has it.

        Raises `StoreError`.
        """
        self.may_hold = True
        self.may_hold = await reports.lease(self._name, self._holder, now=now, seconds=self.seconds)
        return self.may_hold

    async def release(self, reports: Reports) -> None:
        """Give up the lease, if this process may have it. Raises `StoreError`."""
        if self.may_hold:
            self.may_hold = False
            await reports.release(self._name, self._holder)
