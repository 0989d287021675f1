"""Writes a report as an e-mail: HTML and plain text, both from the same lines.

The HTML has tables and colored cells only: mail programs show these without asking, also those that
show neither SVG nor a style sheet, and nothing is loaded from elsewhere.
"""

import tomllib
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from email.message import EmailMessage
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, NamedTuple
from urllib.parse import urlencode

import jinja2

from jmmc.answers.cause_texts import title
from jmmc.answers.model import Usage
from jmmc.answers.period_names import date_name, period_name, short_name
from jmmc.core.rounding import whole_minutes
from jmmc.core.text import with_french_spaces, without_controls
from jmmc.core.timestamps import to_iso
from jmmc.core.version import __version__
from jmmc.reporting.content import ReportContent

_TEXT_BAR = 30  # Characters of the longest bar in the plain text.
_TEXT_LABEL = 40  # Characters of a label beside its figures.
_MOST_REASONS = 3


class Line(NamedTuple):
    """One figure: what it is, the figure, and what belongs to it."""

    label: str
    value: str
    note: str = ""


class Bar(NamedTuple):
    """One bar of a chart; `share` is 0 to 1 of the longest one. It may have a grade's colour."""

    label: str
    share: float
    value: str
    grade: str = "good"

    @property
    def percent(self) -> int:
        """The length of the bar in percent."""
        return round(self.share * 100)


class Section(NamedTuple):
    """A part of a report under a title."""

    title: str
    lines: Sequence[Line] = ()
    bars: Sequence[Bar] = ()
    notes: Sequence[str] = ()


class Report(NamedTuple):
    """A report in words of one language; `links` have a text and a URL."""

    language: str
    subject: str
    verdict: str
    sections: Sequence[Section]
    links: Sequence[tuple[str, str]]
    footer: str


def write_report(
    content: ReportContent, language: str, zone: tzinfo, zone_name: str, public_url: str
) -> Report:
    """Put figures into words; without a `public_url` there are no links."""
    writer = _Writer(content, language, zone)
    texts = writer.texts
    links = []
    if public_url:
        window = {"since": to_iso(content.bounds[0]), "until": to_iso(content.bounds[1])}
        by = {"by": content.period, "tz": zone_name}
        links = [
            (texts["open_usage"], f"{public_url}/usage?{urlencode(by)}"),
            (texts["open_incidents"], f"{public_url}/incidents?{urlencode(window)}"),
            (texts["open_overview"], f"{public_url}/overview?{urlencode(window)}"),
        ]
    return Report(
        language,
        texts[f"subject_{content.period}"].format(
            name=period_name(content.period, content.bounds, zone, language)
        ),
        writer.verdict(),
        writer.sections(),
        links,
        texts["footer"].format(zone=zone_name, version=__version__),
    )


def as_html(report: Report) -> str:
    """The report as a page that needs nothing else."""
    return without_controls(_templates().get_template("report.html").render(report=report))


def as_text(report: Report) -> str:
    """The report as plain text."""
    parts = [report.subject, "=" * len(report.subject), "", report.verdict]
    for section in report.sections:
        parts += ["", section.title, "-" * len(section.title)]
        labels = [len(line.label) for line in section.lines]
        width = max((length for length in labels if length <= _TEXT_LABEL), default=0)
        for line in section.lines:
            note = f"  ({line.note})" if line.note else ""
            if len(line.label) > width:  # Its figures are below it.
                parts += [line.label, f"    {line.value}{note}"]
            else:
                parts.append(f"{line.label:<{width}}  {line.value}{note}")
        width = max((len(bar.label) for bar in section.bars), default=0)
        parts += [
            f"{bar.label:<{width}}  {'#' * round(bar.share * _TEXT_BAR):<{_TEXT_BAR}}  {bar.value}"
            for bar in section.bars
        ]
        parts += section.notes
    if report.links:
        parts.append("")
        named = _texts(report.language)["named"]
        parts += [named.format(name=text, value=url) for text, url in report.links]
    return without_controls("\n".join([*parts, "", report.footer, ""]))


def as_email(report: Report, key: str) -> EmailMessage:
    """The report as a message in both forms; `key` is the same whenever it is sent again."""
    message = EmailMessage()
    message["Subject"] = report.subject
    message["Message-ID"] = f"<{sha256(key.encode()).hexdigest()[:24]}@jmmc.invalid>"
    message["Content-Language"] = report.language
    message.set_content(as_text(report), cte="quoted-printable")
    message.add_alternative(as_html(report), subtype="html", cte="quoted-printable")
    return message


class _Writer:
    """Writes the figures of one report."""

    def __init__(self, content: ReportContent, language: str, zone: tzinfo) -> None:
        self.texts = _texts(language)
        self._content = content
        self._language = language
        self._zone = zone
        self._before = self.texts[f"before_{content.period}"]

    def verdict(self) -> str:
        """The verdict in a sentence."""
        content, usage = self._content, self._content.usage
        text: str = self.texts[f"verdict_{content.verdict}"]
        if content.verdict in ("nothing", "unknown") or usage is None:
            return text
        low, high = usage.poor_interval
        said = text.format(
            poor=self._percent(usage.grades.poor_share),
            low=self._percent(low),
            high=self._percent(high),
        )
        return said + str(self.texts[f"trend_{content.trend}"].format(before=self._before))

    def sections(self) -> list[Section]:
        """All parts; without calls only those on usage."""
        found = [self._usage()]
        if len(self._content.history) > 1:
            found.append(self._history())
        if self._content.usage is not None and self._content.verdict != "nothing":
            found += [self._quality(), self._incidents(), self._worst()]
            found.append(self._joins(self._content.usage))
        return found

    def _usage(self) -> Section:
        texts, usage, before = self.texts, self._content.usage, self._content.before
        if usage is None:
            return Section(texts["usage"], notes=[texts["verdict_nothing"]])
        low, high = usage.participants_interval
        estimate = "" if low == high else self._said("estimate", low=low, high=high)
        figures = [
            ("meetings", usage.meetings, before.meetings if before else None),
            ("participants", usage.participants, before.participants if before else None),
            ("minutes", usage.minutes, before.minutes if before else None),
            ("peak_people", usage.peak_people, before.peak_people if before else None),
            ("peak_meetings", usage.peak_meetings, before.peak_meetings if before else None),
        ]
        notes_of = {"participants": estimate}
        lines = [
            self._compared(name, now, then, notes_of.get(name, "")) for name, now, then in figures
        ]
        if usage.meeting_minutes_p50 is not None:
            lines.append(Line(texts["median"], f"{self._number(usage.meeting_minutes_p50)} min"))
        notes = []
        if usage.partial:
            notes.append(texts["partial"])
        if before is None:
            notes.append(texts["no_comparison"].format(before=self._before))
        return Section(texts["usage"], lines, notes=notes)

    def _compared(self, name: str, now: int, before: int | None, note: str = "") -> Line:
        notes = [note] if note else []
        if before is not None:
            change = "="
            if now != before:
                change = f"{(now - before) / before * 100:+.0f} %" if before else "+"
            value = self._number(before)
            notes.append(
                self.texts["compared"].format(before=self._before, value=value, change=change)
            )
        return Line(self.texts[name], self._number(now), "; ".join(notes))

    def _history(self) -> Section:
        rows = self._content.history
        most = max(row.minutes for row in rows) or 1
        return Section(
            self.texts["history"],
            bars=[
                Bar(self._short_name(row), row.minutes / most, self._number(row.minutes))
                for row in rows
            ],
        )

    def _short_name(self, row: Usage) -> str:
        bounds = row.start, row.end
        return short_name(self._content.period, bounds, self._zone, self._language)

    def _quality(self) -> Section:
        usage, before = self._content.usage, self._content.before
        assert usage is not None
        grades = usage.grades
        texts = self.texts
        unknown = self._number(whole_minutes(grades.unknown_seconds))
        lines = [
            Line(
                texts["known"],
                self._number(whole_minutes(grades.known_seconds)),
                texts["unknown_minutes"].format(minutes=unknown),
            ),
            Line(texts["good"], self._percent(grades.good_share)),
            Line(texts["fair"], self._percent(grades.fair_share)),
            Line(texts["poor"], self._percent(grades.poor_share), self._interval_of(usage)),
        ]
        if before is not None and before.grades.poor_share is not None:
            label = f"{texts['poor']}, {self._before}"
            share = self._percent(before.grades.poor_share)
            lines.append(Line(label, share, self._interval_of(before)))
        shares = (grades.good_share, grades.fair_share, grades.poor_share)
        bars = [
            Bar(texts[name], share, self._percent(share), name)
            for name, share in zip(("good", "fair", "poor"), shares, strict=True)
            if share is not None
        ]
        return Section(texts["quality"], lines, bars)

    def _interval_of(self, usage: Usage) -> str:
        if usage.grades.poor_share is None:
            return ""
        return self._interval("interval", usage.poor_interval)

    def _incidents(self) -> Section:
        """The problems of several people that hurt most, without anybody's name."""
        texts = self.texts
        lines = [
            Line(
                title(incident.answer, self._language, {id_: id_[:8] for id_ in incident.names}),
                texts["person_minutes"].format(minutes=self._minutes(incident.seconds)),
                texts["incident" if incident.meetings > 1 else "incident_of_one"].format(
                    people=self._number(incident.people),
                    meetings=self._number(incident.meetings),
                    when=self._when(incident.start),
                ),
            )
            for incident in self._content.incidents
        ]
        notes = [] if lines else [texts["no_incidents"]]
        return Section(texts["incidents"], lines, notes=notes)

    def _when(self, second: int) -> str:
        local = datetime.fromtimestamp(second, self._zone)
        return f"{date_name(local.date(), self._language)}, {local:%H:%M}"

    def _worst(self) -> Section:
        texts = self.texts
        lines = [
            Line(
                texts[worst.dimension].format(value=worst.compared.value),
                texts["poor_of"].format(poor=self._percent(worst.compared.grades.poor_share)),
                self._interval(
                    "sessions",
                    worst.compared.poor_interval,
                    count=self._number(worst.compared.sessions),
                ),
            )
            for worst in self._content.worst
        ]
        return Section(texts["worst"], lines, notes=[] if lines else [texts["none_worse"]])

    def _joins(self, usage: Usage) -> Section:
        texts, joins = self.texts, usage.joins
        lines = []
        for name, count, total, share, interval in (
            (
                "failed",
                joins.failed,
                joins.joined + joins.failed,
                joins.failed_share,
                joins.failed_interval,
            ),
            ("dropped", joins.dropped, joins.ended, joins.dropped_share, joins.dropped_interval),
        ):
            if share is not None:
                numbers = {"count": self._number(count), "total": self._number(total)}
                note = self._interval("of", interval, **numbers)
                lines.append(Line(texts[name], self._percent(share), note))
        reasons = self._content.reasons
        for name, counts in (("failed", reasons.failed), ("dropped", reasons.dropped)):
            if counts:
                lines.append(Line(texts[f"reasons_{name}"], self._reasons(counts)))
        return Section(texts["joins"], lines, notes=[] if lines else [texts["joins_unknown"]])

    def _reasons(self, counts: Mapping[str, int]) -> str:
        names, named = self.texts["reason"], self.texts["named"]
        return ", ".join(
            named.format(
                name=names.get(reason, reason.replace("_", " ")), value=self._number(count)
            )
            for reason, count in [*counts.items()][:_MOST_REASONS]
        )

    def _interval(self, name: str, interval: tuple[float, float], **values: str) -> str:
        low, high = map(self._percent, interval)
        return str(self.texts[name].format(low=low, high=high, **values))

    def _said(self, name: str, **numbers: int) -> str:
        return str(
            self.texts[name].format(
                **{key: self._number(number) for key, number in numbers.items()}
            )
        )

    def _minutes(self, seconds: int) -> str:
        """Seconds as minutes, with a place after the point below ten."""
        if seconds >= 600:
            return self._number(whole_minutes(seconds))
        text = f"{seconds / 60:.1f}"
        return text.replace(".", ",") if self._language == "fr" else text

    def _number(self, value: int) -> str:
        text = f"{value:,}"
        return text.replace(",", "\u202f") if self._language == "fr" else text

    def _percent(self, share: float | None) -> str:
        if share is None:
            return "?"
        text = f"{share * 100:.1f}\u00a0%"
        return text.replace(".", ",") if self._language == "fr" else text


@cache
def _texts(language: str) -> dict[str, Any]:
    place = files("jmmc.reporting").joinpath("locale", f"{language}.toml")
    text = place.read_text("utf-8")
    return tomllib.loads(with_french_spaces(text) if language == "fr" else text)  # Keys have none.


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("jmmc.reporting"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
