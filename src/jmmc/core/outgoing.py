"""Outgoing HTTP: the proxy that the environment names for a URL, and connections through it.

`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` mean what they mean to curl.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment

import urllib3


def proxy_for(url: str) -> str | None:
    """The URL of the proxy that requests to `url` go through, None for none."""
    parts = urlsplit(url)
    proxies = getproxies_environment()
    host = parts.hostname or ""
    if _is_bypassed(host, parts.port, proxies.get("no", "")):
        return None
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if proxy and "://" not in proxy:
        return f"http://{proxy}"
    return proxy or None


def proxy_urls() -> list[str]:
    """All proxies that the environment names for HTTP."""
    proxies = getproxies_environment()
    named = (proxies.get(scheme) for scheme in ("http", "https", "all"))
    return [proxy if "://" in proxy else f"http://{proxy}" for proxy in named if proxy]


def pool_for(url: str, **options: Any) -> urllib3.PoolManager:
    """Connections for requests to `url`; `options` are those of `urllib3.PoolManager`.

    Raises `urllib3.exceptions.HTTPError` for a proxy of a kind that is not supported.
    """
    proxy = proxy_for(url)
    if proxy is None:
        return urllib3.PoolManager(**options)
    auth = urllib3.util.parse_url(proxy).auth
    headers = urllib3.make_headers(proxy_basic_auth=unquote(auth)) if auth else None
    return urllib3.ProxyManager(proxy, proxy_headers=headers, **options)


def without_credentials(url: str) -> tuple[str, dict[str, str]]:
    """Split a URL into one without user and password, and the header that carries them."""
    parts = urlsplit(url)
    userinfo, at, place = parts.netloc.rpartition("@")
    if not at:
        return url, {}
    user, _, password = userinfo.partition(":")
    headers = urllib3.make_headers(basic_auth=f"{unquote(user)}:{unquote(password)}")
    return parts._replace(netloc=place).geturl(), dict(headers)


def _is_bypassed(host: str, port: int | None, names: str) -> bool:
    """Whether `NO_PROXY` has a host: by name or domain, by address or by network."""
    try:
        address = ip_address(host)
    except ValueError:
        address = None
    for entry in (name.strip().lower() for name in names.split(",")):
        if entry == "*":
            return True
        name, colon, of_port = entry.rpartition(":")
        if colon and of_port.isdigit() and (":" not in name or name.endswith("]")):
            if int(of_port) != port:
                continue
            entry = name
        entry = entry.strip("[]").removeprefix("*").lstrip(".")
        if entry and (host == entry or host.endswith(f".{entry}")):
            return True
        if address is not None and _has(entry, address):
            return True
    return False


def _has(network: str, address: IPv4Address | IPv6Address) -> bool:
    try:
        return address in ip_network(network, strict=False)
    except ValueError:
        return False
