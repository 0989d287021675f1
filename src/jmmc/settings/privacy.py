"""PseudonymizedFields personal data is stored, and in which form."""

from typing import Annotated, Literal

from pydantic import Field

from jmmc.privacy.pseudonyms import PseudonymizedFields
from jmmc.settings.values import LiveFlag, Mark, SettingsGroup


class PrivacySettings(SettingsGroup):
    """Addresses, pseudonyms and consent."""

    ip: Annotated[Literal["truncated", "full", "none"], Mark.LIVE] = Field(
        "truncated",
        description=(
            "How much of IP addresses is stored: truncated keeps the network (IPv4 /24, IPv6 /48),"
            " full all of it with ports, none nothing; then browsers send none either."
        ),
    )
    pseudonyms: PseudonymizedFields = Field(
        "none",
        description=(
            "What is stored under a pseudonym, a keyed digest: uid, conf or both. The same person"
            " and the same conference keep theirs, as long as the key is the same."
        ),
    )
    pseudonym_key: str = Field(
        "",
        description=(
            "Key of the pseudonyms, long and random. Empty: `secret` is. Another key makes other"
            " pseudonyms: nothing that is stored belongs together with what comes then."
        ),
    )
    require_consent: LiveFlag = Field(
        False,
        description=(
            "Whether the browser script does nothing at all until the page says"
            " window.jmmc_consent = true; false takes it back."
        ),
    )
    asn_database: str = Field(
        "",
        description=(
            "Path of a database of autonomous systems (.mmdb: GeoLite2-ASN, DBIP-ASN-Lite): the"
            " provider is stored beside the address, looked up before that is truncated. Empty:"
            " none. Needs the extra geo."
        ),
    )
    country_database: str = Field(
        "",
        description=(
            "Path of a database of countries (.mmdb: GeoLite2-Country or -City, DBIP-Country-Lite):"
            " the country is stored, as above. A newer file is read at the next start."
        ),
    )
