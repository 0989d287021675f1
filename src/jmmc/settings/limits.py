"""How much the server accepts before it refuses requests."""

from typing import ClassVar

from pydantic import Field

from jmmc.settings.values import LiveNumber, LiveReal, SettingsGroup


class LimitsSettings(SettingsGroup):
    """Sizes, times and rates beyond which requests are refused."""

    title: ClassVar = "Limits"

    max_body: LiveNumber = Field(
        65536, ge=1024, le=16 * 2**20, description="Maximum size of a push in bytes."
    )
    body_timeout: LiveReal = Field(
        10,
        gt=0,
        le=300,
        description=(
            "Seconds within which the headers of a request must arrive, and again for its body."
        ),
    )
    max_pushes_per_minute: LiveNumber = Field(
        6000,
        ge=0,
        description=(
            "Maximum pushes per minute and address; 0 sets no limit. A push counts once more for"
            " each 2 KiB, each 10 samples and each further document that it writes to. Less while"
            " the collector is overloaded. Of scripts and of checks of health it gets a quarter of"
            " that number each, and at least 60. Of new sessions it may open a quarter of that"
            " number at once, and then a hundredth a minute: behind an address with more than 1,500"
            " participants, allow more."
        ),
    )
    max_session_days: LiveNumber = Field(
        4,
        ge=1,
        le=366,
        description=(
            "Maximum length of a session in days of samples: one each 10 seconds, or each"
            " `sample_interval` where that is shorter. Later samples are refused."
        ),
    )
    max_queries_per_minute: LiveNumber = Field(
        600,
        ge=0,
        description=(
            "Maximum requests to the dashboard and the API per minute and address; five times as"
            " many with static files and refused requests; 0 sets no limit."
        ),
    )
    max_connections_per_address: LiveNumber = Field(
        1000,
        ge=0,
        description=(
            "Maximum open connections per address, and a tenth of the files that the process may"
            " open at the most; new ones wait beyond twelve times as many a minute. Connections of"
            " trusted_proxies have no limit; 0 sets no limit."
        ),
    )
    queue_limit: int = Field(
        10_000,
        ge=1,
        description="Maximum number of pushes that wait for their commit; more get 503.",
    )
