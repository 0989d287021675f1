"""Text to paste so that Jitsi Meet loads the browser script, for each way to install it."""

import re
from typing import Literal, NamedTuple, get_args
from urllib.parse import urlsplit

from jmmc.settings import Settings

Target = Literal["config.js", "docker-jitsi-meet", "nginx", "plugin.head.html", "iframe"]
TARGETS: tuple[Target, ...] = get_args(Target)


class Choice(NamedTuple):
    """When to use a target, whether mobile apps are collected too, and what else to know."""

    when: str
    apps: bool
    consequence: str


CHOICES: dict[Target, Choice] = {
    "config.js": Choice(
        "Debian packages, or any installation whose config.js you can edit: recommended",
        True,
        "survives upgrades; not loaded with disableThirdPartyRequests or analytics.disabled",
    ),
    "docker-jitsi-meet": Choice(
        "docker-jitsi-meet: a variable in .env",
        True,
        "survives upgrades; not loaded with the same two settings",
    ),
    "nginx": Choice(
        "Jitsi Meet's own nginx: the collector on the same host, the script in the page",
        False,
        "needs no CORS and no CSP; works with disableThirdPartyRequests",
    ),
    "plugin.head.html": Choice(
        "a Jitsi Meet whose plugin.head.html you maintain",
        False,
        "works with disableThirdPartyRequests; an upgrade of the package overwrites the file",
    ),
    "iframe": Choice(
        "your own page embeds another's Jitsi Meet (IFrame API, since July 2026)",
        False,
        "fewer readings: no upload loss, no jitter, no freezes",
    ),
}

_URL = re.compile(
    r"https?://[\w.-]+(:\d{1,5})?(/[\w.~-]+)*|https?://\[[\da-fA-F:.]+\](:\d{1,5})?(/[\w.~-]+)*"
)


def public_url(text: str) -> str:
    """Check the collector's URL as browsers see it; return it without a trailing slash.

    The URL cannot end a string in any snippet. Raises `ValueError`, whose message says what is
    expected.
    """
    url = text.rstrip("/")
    if not _URL.fullmatch(url):
        raise ValueError(
            "the URL at which browsers reach the collector, with its prefix, such as"
            " https://metrics.example.org/jitsi-meet-metrics-collector"
        )
    return url


def snippet(target: Target, *, url: str, upstream: str, settings: Settings | None = None) -> str:
    """The text to paste for a target, with comments that say where.

    `url` is the collector's URL for browsers (`public_url`), `upstream` the one for a web server on
    the same machine; both with the prefix. With the collector's `settings`, the comments say what
    they cover already.
    """
    parts = urlsplit(url)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path
    values = _Values(
        url=url,
        origin=origin,
        location=f"{path or urlsplit(upstream).path}/",
        upstream=upstream,
        push_url=settings.push_url if settings else "",
        origins=settings.allowed_origins if settings else None,
    )
    return {
        "config.js": _config,
        "docker-jitsi-meet": _docker,
        "nginx": _nginx,
        "plugin.head.html": _plugin,
        "iframe": _iframe,
    }[target](values)


class _Values(NamedTuple):
    """What stands in a snippet; `origins` is `allowed_origins`, None if it is not known."""

    url: str
    origin: str
    location: str
    upstream: str
    push_url: str
    origins: tuple[str, ...] | None

    def push_lines(self, comment: str) -> str:
        """Comments about `push_url`, which mobile apps need."""
        if urlsplit(self.push_url).scheme:
            lines = ("Apps push to push_url, which the collector's settings have:", self.push_url)
        else:
            what = "An app does not know where the script came from; the collector's settings need:"
            lines = (what, f'push_url = "{self.url}/push"')
        return f"{comment} {lines[0]}\n{comment}   {lines[1]}"

    def cors(self, page: str) -> str:
        """What `allowed_origins` means for the page that loads the script, named `page`."""
        if self.origins is None:
            return f"CORS: if allowed_origins is set, add {page} to it."
        if "*" in self.origins:
            return "CORS: nothing to do, since any page may push (allowed_origins)."
        return f"CORS: allowed_origins must have {page}; it has {' '.join(self.origins)}."


def _config(values: _Values) -> str:
    return f"""\
// Debian: add this to the end of /etc/jitsi/meet/YOUR-DOMAIN-config.js.
// docker-jitsi-meet: to CONFIG/web/custom-config.js, or use --target docker-jitsi-meet.
config.analytics = config.analytics || {{}};
config.analytics.scriptURLs = (config.analytics.scriptURLs || []).concat('{values.url}/getClient');

// Jitsi Meet loads no script when one of these is true:
//   config.disableThirdPartyRequests, config.analytics.disabled

// Mobile apps read this too. They report the means of avgRtpStatsN ticks of 10 s (default 15):
// config.avgRtpStatsN = 3;
{values.push_lines("//")}

// CSP, if your server sends one: add {values.origin} to script-src and connect-src.
// {values.cors("your Jitsi Meet's origin")}
"""


def _docker(values: _Values) -> str:
    return f"""\
# Add to .env of docker-jitsi-meet, then: docker compose up -d
# If the variable is there already, append the URL after a comma.
ANALYTICS_SCRIPT_URLS={values.url}/getClient

# Jitsi Meet loads no script when disableThirdPartyRequests or analytics.disabled is true in
# custom-config.js. Then paste the output of
#   jmmc snippet --target nginx
# into CONFIG/web/nginx-custom/jmmc.conf, set proxy_pass to an address that the web container can
# reach, and restart the container: it reads that folder when it starts.

# Mobile apps read this too.
{values.push_lines("#")}
# CSP, if CSP_HEADER is set: add {values.origin} to script-src and connect-src.
# {values.cors("your PUBLIC_URL")}
"""


def _nginx(values: _Values) -> str:
    return f"""\
# Add to Jitsi Meet's server block in /etc/nginx/sites-available/YOUR-DOMAIN.conf; with
# docker-jitsi-meet, to CONFIG/web/nginx-custom/jmmc.conf.
# Then: nginx -t && systemctl reload nginx

# The collector under Jitsi Meet's own host: needs no CORS and is no third party. Without ^~,
# Jitsi Meet's last location would treat the path as a room.
location ^~ {values.location} {{
    proxy_pass {values.upstream}/;
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
    client_max_body_size 64k;
}}

# Adds the script to each page. Leave this out if config.js names the script.
sub_filter '</head>' '<script async src="{values.location}getClient"></script></head>';
sub_filter_once on;

# The collector must trust this server, otherwise all browsers appear with nginx's address:
#   jmmc serve --trusted-proxies ADDRESS-OF-NGINX   (127.0.0.1 is trusted by default)
# CSP, if your server sends one: script-src 'self' and connect-src 'self' are enough.
# CORS: not needed, the origin is the same.
# If a location gets its pages from another server (proxy_pass), add to that location:
#   proxy_set_header Accept-Encoding "";
"""


def _plugin(values: _Values) -> str:
    return f"""\
<!-- Add to /usr/share/jitsi-meet/plugin.head.html. An upgrade of the package overwrites it.
     docker-jitsi-meet: the container's files are read-only; mount your file over it in
     docker-compose.override.yml:
       services: {{web: {{volumes: [
         "./plugin.head.html:/usr/share/jitsi-meet/plugin.head.html:ro"]}}}} -->
<script async src="{values.url}/getClient"></script>
<!-- Mobile apps do not read this page: to collect them, use the target config.js.
     CSP, if your server sends one: add {values.origin} to script-src and connect-src.
     {values.cors("your Jitsi Meet's origin")} -->
"""


def _iframe(values: _Values) -> str:
    return f"""\
<!-- Add to your page, after external_api.js of the Jitsi Meet that you embed. Do not use this if
     that Jitsi Meet loads getClient itself: everybody would be counted twice. -->
<script src="{values.url}/getEmbedder"></script>
<script>
  // `api` is the JitsiMeetExternalAPI that your page already creates.
  jmmcWatch(api);
</script>
<!-- Before July 2026 Jitsi Meet has no getConnectionStats: then only presence is collected.
     CSP, if your page has one: add {values.origin} to script-src and connect-src.
     {values.cors("your page's origin")} -->
"""
