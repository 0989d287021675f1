"""Our own numbers: what became of the pushes."""

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

from jmmc.errors import REASONS, Reason


class Counters:
    """Every push counts once: accepted, trimmed (accepted less some readings), or rejected."""

    def __init__(self) -> None:
        self.accepted = 0
        self.trimmed = 0
        self.clamped_ages = 0
        self._rejected: Counter[Reason] = Counter(dict.fromkeys(REASONS, 0))

    def reject(self, reason: Reason) -> None:
        """Count a push that was refused."""
        self._rejected[reason] += 1

    @property
    def rejected(self) -> Mapping[Reason, int]:
        """Refused pushes by reason; every reason is there, with 0 if need be."""
        return MappingProxyType(self._rejected)
