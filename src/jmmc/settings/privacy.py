"""Which personal data is stored, and in which form."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from jmmc.privacy.pseudonyms import PseudonymizedFields
from jmmc.settings.values import LiveFlag, Mark, SettingsGroup


class PrivacySettings(SettingsGroup):
    """Addresses, pseudonyms and consent."""

    title: ClassVar = "Privacy"

    ip: Annotated[Literal["truncated", "full", "none"], Mark.LIVE] = Field(
        "truncated",
        description=(
            "How much of an IP address is stored: truncated keeps the network (IPv4 /24, IPv6 /48),"
            " full keeps the address and its port, none keeps nothing, and browsers do not send it."
        ),
    )
    pseudonyms: PseudonymizedFields = Field(
        "none",
        description=(
            "What is replaced by a pseudonym (a keyed digest) before it is stored: the participant"
            " id (uid), the room name (conf), both or none. A pseudonym stays the same as long as"
            " the key does."
        ),
    )
    pseudonym_key: Annotated[str, Mark.HIDDEN] = Field(
        "",
        description=(
            "Key of the pseudonyms: a long random text. Empty: `secret` is used. A new key gives"
            " new pseudonyms, which cannot be linked to the stored ones."
        ),
    )
    identify: Annotated[Literal["none", "stats_id", "display_name", "jwt"], Mark.LIVE] = Field(
        "none",
        description=(
            "Which name of a participant is stored beside the id: stats_id is Jitsi's statistics id"
            " (config.statisticsId, else a random name that the browser keeps; with"
            " enableEmailInStats the e-mail address), display_name what people call themselves, jwt"
            " the name in the token, or its id. Only none is allowed with pseudonyms."
        ),
    )
    collect_devices: LiveFlag = Field(
        False,
        description="Whether the names of microphone, camera and speaker are stored.",
    )
    require_consent: LiveFlag = Field(
        False,
        description=(
            "Whether the browser script does nothing until the page sets window.jmmc_consent ="
            " true; false withdraws the consent."
        ),
    )
    asn_database: str = Field(
        "",
        description=(
            "Path of a database of autonomous systems (.mmdb: GeoLite2-ASN, DBIP-ASN-Lite). The"
            " provider is looked up before the address is truncated, and stored beside it. Empty:"
            " no provider. Needs the extra geo."
        ),
    )
    country_database: str = Field(
        "",
        description=(
            "Path of a database of countries (.mmdb: GeoLite2-Country or -City, DBIP-Country-Lite)."
            " The country is stored in the same way. A newer file is read at the next start."
        ),
    )

    @field_validator("identify")
    @classmethod
    def _no_name_beside_a_pseudonym(cls, value: str, info: ValidationInfo) -> str:
        if value != "none" and info.data.get("pseudonyms", "none") != "none":
            raise ValueError(f"none while pseudonyms = {info.data['pseudonyms']}")
        return value
