"""Durations in words, for pages and command."""


def duration(seconds: int) -> str:
    """Format a duration in its two largest units: 45 s, 3 min 20 s, 1 h 5 min."""
    if seconds < 60:
        return f"{seconds}\u00a0s"
    if seconds < 3600:
        rest = f" {seconds % 60}\u00a0s" if seconds % 60 and seconds < 600 else ""
        return f"{seconds // 60}\u00a0min{rest}"
    rest = f" {seconds % 3600 // 60}\u00a0min" if seconds % 3600 >= 60 else ""
    return f"{seconds // 3600}\u00a0h{rest}"
