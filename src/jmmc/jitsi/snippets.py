"""What to paste where, so that Jitsi Meet loads the browser script: every way in."""

import re
from typing import Literal, NamedTuple, get_args
from urllib.parse import urlsplit

Target = Literal["config.js", "docker-jitsi-meet", "nginx", "plugin.head.html", "iframe"]
TARGETS: tuple[Target, ...] = get_args(Target)


class Choice(NamedTuple):
    """When a way in is the right one, and what comes with it."""

    when: str
    apps: bool
    consequence: str


CHOICES: dict[Target, Choice] = {
    "config.js": Choice(
        "Debian packages, or anything else whose config.js you can edit: take this one first",
        True,
        "survives upgrades; disableThirdPartyRequests and analytics.disabled turn it off",
    ),
    "docker-jitsi-meet": Choice(
        "the containers of docker-jitsi-meet: a variable of .env",
        True,
        "survives upgrades; the same two switches turn it off",
    ),
    "nginx": Choice(
        "Jitsi Meet's own nginx: collector on the same host, script put into the page",
        False,
        "no CORS and no CSP to think of; works with analytics switched off",
    ),
    "plugin.head.html": Choice(
        "a page of Jitsi Meet that is yours to keep",
        False,
        "works with analytics switched off; an upgrade of the package overwrites the file",
    ),
    "iframe": Choice(
        "your own page embeds somebody else's Jitsi Meet (IFrame API, since July 2026)",
        False,
        "fewer readings: no upload loss, no jitter, no freezes",
    ),
}

_URL = re.compile(
    r"https?://[\w.-]+(:\d{1,5})?(/[\w.~-]+)*|https?://\[[\da-fA-F:.]+\](:\d{1,5})?(/[\w.~-]+)*"
)


def public_url(text: str) -> str:
    """A collector's URL as browsers see it, without a slash at its end.

    Nothing in it can end a string of any snippet. Raises `ValueError`.
    """
    url = text.rstrip("/")
    if not _URL.fullmatch(url):
        raise ValueError(
            "the URL at which browsers reach the collector, its prefix included, such as"
            " https://metrics.example.org/jitsi-meet-metrics-collector"
        )
    return url


def snippet(target: Target, *, url: str, upstream: str) -> str:
    """What to paste for one way in, with comments that say where.

    `url` is the collector as browsers see it (`public_url`), `upstream` as the web server beside it
    sees it; both with the prefix.
    """
    parts = urlsplit(url)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path
    return {
        "config.js": _config,
        "docker-jitsi-meet": _docker,
        "nginx": _nginx,
        "plugin.head.html": _plugin,
        "iframe": _iframe,
    }[target](url, origin, path, upstream)


def _config(url: str, origin: str, _path: str, _upstream: str) -> str:
    return f"""\
// Debian: at the end of /etc/jitsi/meet/YOUR-DOMAIN-config.js.
// docker-jitsi-meet: CONFIG/web/custom-config.js, or see --target docker-jitsi-meet.
config.analytics = config.analytics || {{}};
config.analytics.scriptURLs = (config.analytics.scriptURLs || []).concat('{url}/getClient');

// Neither may be true, or Jitsi Meet loads no script:
//   config.disableThirdPartyRequests, config.analytics.disabled

// Mobile apps read this too. They report means of so many ticks of 10 s, 15 without this line:
// config.avgRtpStatsN = 3;
// The collector must then be told its address, for an app cannot know where a script came from:
//   jmmc serve --push-url {url}/push

// CSP, where your server sends one: script-src and connect-src need {origin}
// CORS: nothing to do unless allowed_origins is set; then it must list your Jitsi Meet.
"""


def _docker(url: str, origin: str, _path: str, _upstream: str) -> str:
    return f"""\
# Into .env of docker-jitsi-meet (more scripts: separated by commas), then: docker compose up -d
ANALYTICS_SCRIPT_URLS={url}/getClient

# Not loaded while disableThirdPartyRequests or analytics.disabled is set in custom-config.js: then
# paste what
#   jmmc snippet --target nginx
# prints into CONFIG/web/nginx-custom/jmmc.conf, with an address in proxy_pass that this container
# reaches, and restart it: it reads that folder at its start.

# Mobile apps read this too: start the collector with --push-url {url}/push
# CSP, where CSP_HEADER is set: script-src and connect-src need {origin}
# CORS: nothing to do unless allowed_origins is set; then it must list your PUBLIC_URL.
"""


def _nginx(_url: str, _origin: str, path: str, upstream: str) -> str:
    location = f"{path or urlsplit(upstream).path}/"
    return f"""\
# Into the server block of Jitsi Meet: /etc/nginx/sites-available/YOUR-DOMAIN.conf, or, with
# docker-jitsi-meet, CONFIG/web/nginx-custom/jmmc.conf. Then: nginx -t && systemctl reload nginx

# The collector under Jitsi Meet's own host: no CORS, no third party. ^~ keeps Jitsi Meet's
# last rule from taking the path for a room.
location ^~ {location} {{
    proxy_pass {upstream}/;
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
    client_max_body_size 64k;
}}

# The script into each page. Leave this out where config.js names it.
sub_filter '</head>' '<script async src="{location}getClient"></script></head>';
sub_filter_once on;

# The collector must trust this server, or all browsers seem to have its address:
#   jmmc serve --trusted-proxies ADDRESS-OF-NGINX   (127.0.0.1 is trusted already)
# CSP, where your server sends one: script-src 'self' and connect-src 'self' are enough.
# Where pages come from another server by proxy_pass, add to that location:
#   proxy_set_header Accept-Encoding "";
"""


def _plugin(url: str, origin: str, _path: str, _upstream: str) -> str:
    return f"""\
<!-- Into /usr/share/jitsi-meet/plugin.head.html. An upgrade of the package overwrites it.
     docker-jitsi-meet: the container's files are read-only, so mount yours over it, in
     docker-compose.override.yml:
       services: {{web: {{volumes: [
         "./plugin.head.html:/usr/share/jitsi-meet/plugin.head.html:ro"]}}}} -->
<script async src="{url}/getClient"></script>
<!-- Apps do not read this page: for them see config.js.
     CSP, where your server sends one: script-src and connect-src need {origin}
     CORS: nothing to do unless allowed_origins is set; then it must list your Jitsi Meet. -->
"""


def _iframe(url: str, origin: str, _path: str, _upstream: str) -> str:
    return f"""\
<!-- Into your page, after external_api.js of the Jitsi Meet that you embed. Not beside a script
     of ours inside of it: then everybody would count twice. -->
<script src="{url}/getEmbedder"></script>
<script>
  // const api = new JitsiMeetExternalAPI(...) is in your page already:
  jmmcWatch(api);
</script>
<!-- Jitsi Meet before July 2026 has no getConnectionStats: it only tells who was there, and when.
     CSP of your page: script-src and connect-src need {origin}
     CORS: nothing to do unless allowed_origins is set; then it must list your page. -->
"""
