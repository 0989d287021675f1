"""Names of calendar periods in English and French: `March 2026`, `week of 2 March 2026`."""

from datetime import date, datetime, tzinfo

from jmmc.core.calendar import Bounds, Period

_MONTHS = {
    "en": (
        *("January", "February", "March", "April", "May", "June", "July"),
        *("August", "September", "October", "November", "December"),
    ),
    "fr": (
        *("janvier", "février", "mars", "avril", "mai", "juin", "juillet"),
        *("août", "septembre", "octobre", "novembre", "décembre"),
    ),
}
_SHORT = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "fr": (
        *("janv.", "févr.", "mars", "avr.", "mai", "juin"),
        *("juil.", "août", "sept.", "oct.", "nov.", "déc."),
    ),
}
_DAYS = {
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "fr": ("lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim."),
}
_WEEK = {"en": "week of {day}", "fr": "semaine du {day}"}


def period_name(period: Period, bounds: Bounds, zone: tzinfo, language: str) -> str:
    """The name of a period, which begins at midnight of `zone`."""
    day = local_date(bounds[0], zone)
    match period:
        case "day":
            return f"{_DAYS[language][day.weekday()]} {date_name(day, language)}"
        case "week":
            return _WEEK[language].format(day=date_name(day, language))
        case "month":
            return f"{_MONTHS[language][day.month - 1]} {day.year}"
    return str(day.year)


def short_name(period: Period, bounds: Bounds, zone: tzinfo, language: str) -> str:
    """A name for the axis of a chart, without the year where that is clear."""
    day = local_date(bounds[0], zone)
    if period == "year":
        return str(day.year)
    month = _SHORT[language][day.month - 1]
    if period == "month":
        return f"{month} {day.year}" if day.month == 1 else month
    return f"{day.day} {month}"


def period_key(period: Period, bounds: Bounds, zone: tzinfo) -> str:
    """A name that sorts: `2026-03-29`, `2026-W13`, `2026-03` or `2026`."""
    day = local_date(bounds[0], zone)
    match period:
        case "week":
            year, week, _ = day.isocalendar()
            return f"{year}-W{week:02}"
        case "month":
            return f"{day:%Y-%m}"
        case "year":
            return str(day.year)
    return day.isoformat()


def date_name(day: date, language: str) -> str:
    """A date in words: `2 March 2026`, `1er mars 2026`."""
    number = "1er" if language == "fr" and day.day == 1 else str(day.day)
    return f"{number} {_MONTHS[language][day.month - 1]} {day.year}"


def local_date(second: int, zone: tzinfo) -> date:
    """The calendar day of a moment."""
    return datetime.fromtimestamp(second, zone).date()
