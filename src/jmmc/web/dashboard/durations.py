"""Durations in words, for pages and command."""

from jmmc.core.rounding import whole_minutes


def duration(seconds: int) -> str:
    """Format a duration in its two largest units: 45 s, 3 min 20 s, 1 h 5 min.

    From ten minutes on it is rounded to minutes.
    """
    if seconds < 60:
        return f"{seconds}\u00a0s"
    if seconds < 600:
        rest = f" {seconds % 60}\u00a0s" if seconds % 60 else ""
        return f"{seconds // 60}\u00a0min{rest}"
    hours, minutes = divmod(whole_minutes(seconds), 60)
    if not hours:
        return f"{minutes}\u00a0min"
    return f"{hours}\u00a0h" + (f" {minutes}\u00a0min" if minutes else "")
