"""How much the server accepts."""

from pydantic import Field

from jmmc.settings.values import LiveNumber, LiveReal, SettingsGroup


class LimitsSettings(SettingsGroup):
    """Sizes, times and rates beyond which requests are refused."""

    max_body: LiveNumber = Field(
        65536, ge=1024, le=16 * 2**20, description="Bytes that a push may have."
    )
    body_timeout: LiveReal = Field(
        10,
        gt=0,
        le=300,
        description="Seconds in which the head of a request must arrive, and then its body.",
    )
    max_pushes_per_minute: LiveNumber = Field(
        6000, ge=0, description="Pushes a minute that one address may send; 0 sets no limit."
    )
    max_queries_per_minute: LiveNumber = Field(
        600, ge=0, description="Questions a minute that one address may ask; 0 sets no limit."
    )
    queue_limit: int = Field(
        10_000,
        ge=1,
        description="Pushes that may wait for their commit; beyond, browsers are told to wait.",
    )
