"""How figures are rounded."""


def whole_minutes(seconds: int) -> int:
    """Seconds as whole minutes, rounded; half a minute counts as one."""
    return (seconds + 30) // 60
