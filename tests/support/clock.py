"""A clock that tests set."""


class Clock:
    """Gives `now`, in Unix seconds, until it is set to another time."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
