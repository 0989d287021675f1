"""Every setting, defined once: default, bounds, and the words that operators read.

From a field come its flag (`--push-interval`), its environment variable (`JMMC_PUSH_INTERVAL`), its
key in a TOML file (`push_interval`), and its line in `docs/settings.md`.
"""

import difflib
import json
import re
import tomllib
from collections.abc import Mapping
from enum import Enum
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from jmmc.alerting.rules import KINDS, Rule
from jmmc.core.errors import SettingsError
from jmmc.core.logging import LogFormat
from jmmc.privacy.pseudonyms import PseudonymizedFields

ENVIRONMENT_PREFIX = "JMMC_"

_KINDS = {str(get_args(kind.model_fields["kind"].annotation)[0]): kind for kind in KINDS}


STORE_URLS = "sqlite:///relative.db, sqlite:////absolute.db or mongodb://host/database"
"""What a store's URL may be."""


def _split(value: object) -> object:
    """A list from a flag or the environment is separated by commas."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"a regular expression ({error})") from None
    return value


def _store(value: str) -> str:
    if not re.match(r"sqlite:///.|mongodb(\+srv)?://.", value):
        raise ValueError(STORE_URLS)
    return value


def _prefix(value: str) -> str:
    if not re.fullmatch(r"(/[\w.~-]+)+", value):
        raise ValueError("a path such as /metrics, without a slash at its end")
    return value


def _push_url(value: str) -> str:
    if re.search(r"\s", value) or not (
        re.match(r"https?://[^/]", value) or re.fullmatch(r"[\w./~-]+", value)
    ):
        raise ValueError("an http or https URL, or a path relative to the script's own URL")
    return value


def _network(value: str) -> str:
    try:
        ip_network(value)
    except ValueError:
        raise ValueError(f"IP addresses or networks such as 10.0.0.0/8, not {value!r}") from None
    return value


def _origin(value: str) -> str:
    if value != "*" and not re.fullmatch(r"https?://[^/\s?#]+", value):
        raise ValueError(f"origins such as https://meet.example.org, or *, not {value!r}")
    return value


def _otlp(value: str) -> str:
    if value and not re.fullmatch(r"https?://[^/\s?#]+[^\s?#]*", value):
        raise ValueError("an http or https URL, such as http://localhost:4318")
    return value


def _pairs(values: tuple[str, ...]) -> tuple[str, ...]:
    if not all(re.fullmatch(r"[\w-]+=.+", value) for value in values):
        raise ValueError("name=value, such as authorization=Bearer abc")
    return values


SECRETS = frozenset(
    {"secret", "pseudonym_key", "otlp_headers", "alert_webhooks", "alert_secret", "smtp_url"}
)
"""Settings whose value is never shown."""

_Texts = Annotated[tuple[str, ...], BeforeValidator(_split)]
_Networks = Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], BeforeValidator(_split)]
_Origins = Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], BeforeValidator(_split)]


def _rules(value: object) -> object:
    """Rules from a flag or the environment are JSON."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise ValueError(f"a JSON array of rules ({error})") from None
    if not isinstance(value, list | tuple):
        raise ValueError("a list of rules")
    return value


def _named_once(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    names = [rule.name for rule in rules]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"each name once, not {twice[0]!r} twice")
    return rules


def _url(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/]+[^\s]*", value):
        raise ValueError("http or https URLs")
    return value


def _public_url(value: str) -> str:
    return _url(value).rstrip("/") if value else ""


def _smtp_url(value: str) -> str:
    found = re.fullmatch(r"smtp(?:s|\+starttls)?://(?:[^\s/@]+@)?[^\s/@:]+(?::(\d+))?", value)
    if found is None or not 0 < int(found[1] or 25) < 65536:
        raise ValueError("smtp://, smtp+starttls:// or smtps:// and [user:password@]host[:port]")
    return value


def _email(value: str) -> str:
    if not re.fullmatch(r"[^\s@<>,]+@[^\s@<>,]+", value):
        raise ValueError(f"e-mail addresses, not {value!r}")
    return value


class Mark(Enum):
    """What else there is to know of a setting."""

    LIVE = "may change while the collector runs"


_Urls = Annotated[tuple[Annotated[str, AfterValidator(_url)], ...], BeforeValidator(_split)]
_Emails = Annotated[tuple[Annotated[str, AfterValidator(_email)], ...], BeforeValidator(_split)]
_Rules = Annotated[tuple[Rule, ...], BeforeValidator(_rules), AfterValidator(_named_once)]
_LiveFlag = Annotated[bool, Mark.LIVE]
_LiveNumber = Annotated[int, Mark.LIVE]
_LiveReal = Annotated[float, Mark.LIVE]


class Settings(BaseModel):
    """How a collector behaves. Frozen; a bad value raises `SettingsError`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    prefix: Annotated[str, AfterValidator(_prefix)] = Field(
        "/jitsi-meet-metrics-collector", description="Path under which the collector answers."
    )
    store: Annotated[str, AfterValidator(_store)] = Field(
        "sqlite:///jmmc.db",
        min_length=1,
        description=(
            "URL of the store: sqlite:///relative.db, sqlite:////absolute.db or any URL of MongoDB"
            " that names a database: mongodb://host/database."
        ),
    )
    collection: str = Field(
        "metrics-collector",
        min_length=1,
        max_length=120,
        pattern=r"^[^$\x00]+$",
        description="Collection of the MongoDB database; the ancestor's can be used as it is.",
    )
    store_timeout: float = Field(
        5,
        gt=0,
        le=300,
        description="Seconds that MongoDB may take for one operation before it counts as down.",
    )
    retention_days: int = Field(
        0, ge=0, le=24_855, description="Days after which samples are deleted; 0 keeps them."
    )
    summary_retention_days: int = Field(
        0,
        ge=0,
        le=24_855,
        description=(
            "Days after which summaries, the names that can be searched for and the sums for"
            " comparisons are deleted too; 0 keeps them."
        ),
    )
    spool_dir: str = Field(
        "jmmc-spool",
        description=(
            "Folder in which pushes wait while MongoDB cannot be written; one collector each."
            " Empty: they are refused (503) and wait in the browsers. Not used with SQLite."
        ),
    )
    spool_limit: int = Field(
        1024, ge=1, description="MiB that the spool may have; beyond, pushes are refused (503)."
    )
    conf_pattern: Annotated[str, AfterValidator(_pattern), Mark.LIVE] = Field(
        r"[^\s\x00-\x1f\x7f/\\<>\"]{1,256}",
        description=(
            "Regular expression that the whole name of a conference must match. Jitsi sends names"
            " in lower case and percent-encoded."
        ),
    )
    authorized_regions: Annotated[_Texts, Mark.LIVE] = Field(
        (), description="Server regions that may be stored; empty allows any. Comma-separated."
    )
    push_url: Annotated[str, AfterValidator(_push_url), Mark.LIVE] = Field(
        "push",
        description=(
            "Where browsers push to: absolute, or relative to the URL that they loaded the"
            " script from."
        ),
    )
    secret: str = Field(
        "",
        description=(
            "Signs the session cookie of the ancestor's script. Empty: a random one is made and"
            " kept beside the SQLite file."
        ),
    )
    push_interval: int = Field(
        30, ge=1, le=3600, description="Seconds between two pushes of a browser."
    )
    sample_interval: _LiveNumber = Field(
        30,
        ge=1,
        le=3600,
        description="Seconds that one sample sums up; 10 keeps every event that Jitsi raises.",
    )
    enabled: _LiveFlag = Field(True, description="Whether browsers collect at all.")
    sample_ratio: _LiveReal = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of the conferences to collect; each is in or out as a whole.",
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
    require_consent: _LiveFlag = Field(
        False,
        description=(
            "Whether the browser script does nothing at all until the page says"
            " window.jmmc_consent = true; false takes it back."
        ),
    )
    ip: Annotated[Literal["truncated", "full", "none"], Mark.LIVE] = Field(
        "truncated",
        description=(
            "How much of IP addresses is stored: truncated keeps the network (IPv4 /24, IPv6 /48),"
            " full all of it with ports, none nothing; then browsers send none either."
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
    trusted_proxies: Annotated[_Networks, Mark.LIVE] = Field(
        ("127.0.0.1/32", "::1/128"),
        description="Proxies whose X-Forwarded-For counts. Addresses or networks, comma-separated.",
    )
    allowed_origins: Annotated[_Origins, Mark.LIVE] = Field(
        ("*",),
        description=(
            "Origins of the Jitsi Meet pages, comma-separated. * lets any page push, without"
            " credentials; the ancestor's script on another origin needs its own listed."
        ),
    )
    max_body: _LiveNumber = Field(
        65536, ge=1024, le=16 * 2**20, description="Bytes that a push may have."
    )
    body_timeout: _LiveReal = Field(
        10,
        gt=0,
        le=300,
        description="Seconds in which the head of a request must arrive, and then its body.",
    )
    max_pushes_per_minute: _LiveNumber = Field(
        6000, ge=0, description="Pushes a minute that one address may send; 0 sets no limit."
    )
    max_queries_per_minute: _LiveNumber = Field(
        600, ge=0, description="Questions a minute that one address may ask; 0 sets no limit."
    )
    queue_limit: int = Field(
        10_000,
        ge=1,
        description="Pushes that may wait for their commit; beyond, browsers are told to wait.",
    )
    metrics_port: int = Field(
        0,
        ge=0,
        le=65535,
        description=(
            "Port on which `jmmc serve` answers GET /metrics to anybody, and nothing else; 0: none,"
            " it is only on the main port, for tokens with the scope read."
        ),
    )
    metrics_host: str = Field(
        "127.0.0.1", min_length=1, description="Address to listen on for metrics_port."
    )
    otlp_endpoint: Annotated[str, AfterValidator(_otlp)] = Field(
        "",
        description=(
            "URL to which metrics and traces go over OTLP (HTTP, protobuf), such as"
            " http://localhost:4318; empty: nowhere. Needs the extra otel."
        ),
    )
    otlp_headers: Annotated[tuple[str, ...], BeforeValidator(_split), AfterValidator(_pairs)] = (
        Field(
            (),
            description="Headers for that endpoint, name=value, comma-separated. A secret.",
        )
    )
    trace_ratio: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Share of the pushes that make a span of their own, with otlp_endpoint.",
    )
    quality_preset: Literal["jitsi", "teams", "twilio", "pexip"] = Field(
        "jitsi",
        description=(
            "Whose limits tell good from fair and poor; after a change, `jmmc rebuild` judges"
            " again what is stored."
        ),
    )
    alerts: Annotated[_Rules, Mark.LIVE] = Field(
        (),
        description=(
            "Rules that raise an alarm: [[alerts]] tables in TOML, elsewhere a JSON array; see"
            " docs/alerts.md."
        ),
    )
    alert_webhooks: Annotated[_Urls, Mark.LIVE] = Field(
        (), description="URLs that alarms are posted to, comma-separated."
    )
    alert_secret: Annotated[str, Mark.LIVE] = Field(
        "", description="Signs what is posted to alert_webhooks; empty leaves it unsigned."
    )
    alert_emails: Annotated[_Emails, Mark.LIVE] = Field(
        (), description="Addresses that alarms are mailed to, comma-separated."
    )
    alert_sender: Annotated[str, Mark.LIVE] = Field(
        "", description="Address that alarms are mailed from; empty: jmmc at this machine's name."
    )
    smtp_url: Annotated[str, AfterValidator(_smtp_url), Mark.LIVE] = Field(
        "smtp://localhost:25",
        description=(
            "Mail server: smtp://host:port as it is, smtp+starttls:// or smtps:// encrypted; with"
            " user:password@ before the host when it wants them, percent-encoded."
        ),
    )
    public_url: Annotated[str, AfterValidator(_public_url), Mark.LIVE] = Field(
        "", description="URL at which people open the pages, for links in alarms; empty: no links."
    )
    demo: bool = Field(False, description="Whether to serve the demo page.")
    log_level: Annotated[Literal["debug", "info", "warning", "error"], Mark.LIVE] = Field(
        "info", description="Least severity that is logged."
    )
    log_format: Annotated[LogFormat, Mark.LIVE] = Field(
        "logfmt", description="Form of a line in the log: key=value pairs, or a JSON object."
    )

    @classmethod
    def of(cls, **values: Any) -> "Settings":
        """Settings from keywords. Raises `SettingsError`."""
        return load_settings(flags=values, environ={}, file=None)


def without_password(url: str) -> str:
    """A URL that may be shown."""
    return re.sub(r"(?<=://)([^/@:]*):[^/]*@", r"\1:***@", url)


class Origin(NamedTuple):
    """A value and where it was given, in words for the operator."""

    value: object
    source: str


def load_settings(
    *, flags: Mapping[str, object], environ: Mapping[str, str], file: Path | None
) -> Settings:
    """The settings in force: a flag beats the environment, which beats the file, then defaults.

    Raises `SettingsError` with one line that names the setting, where it was given, its value
    and what is allowed.
    """
    return _validated(gather(flags=flags, environ=environ, file=file))


def gather(
    *, flags: Mapping[str, object], environ: Mapping[str, str], file: Path | None
) -> dict[str, Origin]:
    """What was given, by setting, with where it was given; not yet validated."""
    given: dict[str, Origin] = {}
    if file is not None:
        for name, value in _read(file).items():
            given[_known(name, str(file))] = Origin(value, f"{name} in {file}")
    for variable, text in environ.items():
        if variable.startswith(ENVIRONMENT_PREFIX):
            name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
            given[_known(name, variable)] = Origin(text, variable)
    for name, value in flags.items():
        given[_known(name, name)] = Origin(value, name)
    return given


def marked(name: str, mark: Mark) -> bool:
    """Whether a setting bears a mark."""
    return mark in Settings.model_fields[name].metadata


class Change(NamedTuple):
    """What becomes of new settings while a collector runs: `settings` are then in force.

    `applied` and `waiting` name what differs: the latter needs a restart.
    """

    settings: Settings
    applied: list[str]
    waiting: list[str]


def changed(old: Settings, new: Settings) -> Change:
    """What of `new` may take the place of `old` without a restart."""
    differing = [name for name in Settings.model_fields if getattr(old, name) != getattr(new, name)]
    applied = [item for item in differing if marked(item, Mark.LIVE)]
    settings = old.model_copy(update={item: getattr(new, item) for item in applied})
    return Change(settings, applied, [item for item in differing if item not in applied])


def environment_name(name: str) -> str:
    """The environment variable of a setting."""
    return ENVIRONMENT_PREFIX + name.upper()


def default_text(field: FieldInfo) -> str:
    """A setting's default as one would write it in a flag; empty when there is none."""
    value = field.default
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, tuple) else str(value)


def _validated(given: dict[str, Origin]) -> Settings:
    try:
        return Settings.model_validate({name: value.value for name, value in given.items()})
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        name = str(problem["loc"][0])
        origin = given[name]
        if name == "alerts" and len(problem["loc"]) > 1:
            raise SettingsError(f"{origin.source}, {_in_rule(problem, origin.value)}") from None
        shown = "" if name in SECRETS else f" = {_shown(origin.value)}"
        allowed = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        raise SettingsError(f"{origin.source}{shown}: expected {allowed}") from None


def _in_rule(problem: ErrorDetails, given: object) -> str:
    """What is wrong with a rule: which, which of its fields, and what is allowed."""
    number, *path = problem["loc"][1:]
    rule = _rules(given)[int(number)]  # type: ignore[index]
    name = f" ({rule['name']})" if isinstance(rule, dict) and "name" in rule else ""
    context = problem.get("ctx", {})
    field = next((str(item) for item in path if item not in _KINDS), "")
    value = problem["input"]
    if problem["type"] == "union_tag_invalid":
        field, value = "kind", context["tag"]
    elif problem["type"] == "union_tag_not_found":
        field = "kind"
    where = f"rule {int(number) + 1}{name}" + (f", {field}" if field else "")
    if problem["type"] in ("missing", "union_tag_not_found"):
        return f"{where}: missing"
    if problem["type"] == "extra_forbidden":
        known = ", ".join(_KINDS[str(path[0])].model_fields)
        return f"{where}: there is no such key for {path[0]}; known: {known}"
    allowed = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if problem["type"] == "union_tag_invalid":
        allowed = ", ".join(_KINDS)
    elif problem["type"] == "string_pattern_mismatch":
        allowed = "small letters, digits, - and _"
    elif problem["type"] == "model_attributes_type":
        allowed = "a table"
    shown = f" = {_shown(value)}" if field else ""
    return f"{where}{shown}: expected {allowed}"


def _shown(value: object) -> str:
    text = repr(without_password(value) if isinstance(value, str) else value)
    return text if len(text) <= 100 else text[:97] + "..."


def _read(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: not TOML: {error}") from error


def _known(name: str, source: str) -> str:
    if name in Settings.model_fields:
        return name
    near = difflib.get_close_matches(name, Settings.model_fields, n=1)
    hint = f"; did you mean {near[0]}?" if near else "; see `jmmc settings`"
    raise SettingsError(f"{source}: there is no setting {name!r}{hint}")
