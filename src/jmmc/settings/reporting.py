"""The report that is sent by e-mail: how often, when, to whom and in which language."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from jmmc.settings.alerting import Emails
from jmmc.settings.values import LiveNumber, Mark, SettingsGroup


class ReportingSettings(SettingsGroup):
    """The weekly or monthly report by e-mail."""

    title: ClassVar = "Report by e-mail"

    report_email_every: Annotated[Literal["off", "weekly", "monthly"], Mark.LIVE] = Field(
        "off",
        description=(
            "Whether a report of each calendar week or month of time_zone is sent by e-mail, over"
            " the mail server smtp_url, from alert_sender."
        ),
    )
    report_emails: Annotated[Emails, Mark.LIVE] = Field(
        (), description="E-mail addresses that the report is sent to, comma-separated."
    )
    report_email_day: LiveNumber = Field(
        1,
        ge=1,
        le=28,
        description=(
            "Day on which the report is sent: weekly of the week after it, from 1 (Monday) to 7;"
            " monthly of the month after it."
        ),
    )
    report_email_hour: LiveNumber = Field(
        7, ge=0, le=23, description="Hour of time_zone from which on the report is sent."
    )
    report_language: Annotated[Literal["en", "fr"], Mark.LIVE] = Field(
        "en", description="Language of the report."
    )

    @field_validator("report_email_day")
    @classmethod
    def _day_of_a_week(cls, value: int, info: ValidationInfo) -> int:
        if info.data.get("report_email_every") == "weekly" and value > 7:
            raise ValueError("1 (Monday) to 7 while report_email_every = weekly")
        return value
