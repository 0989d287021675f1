"""The checks of `jmmc check`: settings, secret, databases, store, script, a running server."""

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from jmmc.accounts import users
from jmmc.accounts.secret import resolve_secret
from jmmc.alerting.channels import refused_targets
from jmmc.core.check_findings import Finding
from jmmc.core.errors import JmmcError, UnusableStore
from jmmc.ingest.disk_guard import DiskGuard
from jmmc.ingest.geo import NetworkNames
from jmmc.jitsi.first_steps import alerts_step, https_step, retention_step, user_step
from jmmc.maintenance.clock_guard import days_ahead_of_store
from jmmc.maintenance.retention import old_data
from jmmc.protocol.admission import is_allowed
from jmmc.settings import Settings, without_password
from jmmc.stores import Store, configured_store
from jmmc.stores.sqlite.store import SqliteStore
from jmmc.web.browser.script import Script

_TYPICAL_NAMES = (
    *("weekly-meeting", "standup2", "r%c3%a9union%20a", "sunnydayswalkfast"),
    "%d0%b5%d0%b6%d0%b5%d0%bd%d0%b5%d0%b4%d0%b5%d0%bb%d1%8c%d0%bd%d0%b0%d1%8f-" * 5,
    "%f0%9f%9a%80" * 30,
)
_STALE = timedelta(days=366)
_GRANT = (
    "in mongosh, as its admin, on the database of the store:"
    ' db.grantRolesToUser("USER", [{role: "readWrite", db: db.getName()}])'
)
_SCRIPT_LIMIT = 8 * 1024  # Bytes gzipped: the documented limit.


async def inspect(settings: Settings, *, url: str | None = None) -> AsyncIterator[Finding]:
    """Check everything that these settings need; with `url`, also a running collector."""
    yield Finding("ok", "settings: all values are allowed")
    yield _conf_pattern(settings)
    yield _secret(settings)
    yield _pseudonyms(settings)
    for finding in _network_names(settings, datetime.now(UTC)):
        yield finding
    async for finding in _store(settings):
        yield finding
    yield _script(settings)
    if "*" in settings.allowed_origins:
        hint = "list your Jitsi Meet origin in allowed_origins if only it should push"
        yield Finding("ok", "origins: any page may push, without credentials", hint)
    yield https_step(settings, is_https=(url or "").startswith("https:")).finding
    yield alerts_step(settings).finding
    for finding in _report(settings):
        yield finding
    for place, why in refused_targets(settings):
        yield Finding("fail", f"alerts: {place} will be refused", why)
    if url is not None:
        yield _running(url.rstrip("/"))


def _report(settings: Settings) -> Iterator[Finding]:
    """The settings of the report by e-mail."""
    every, count = settings.report_email_every, len(settings.report_emails)
    if every == "off":
        if count:
            hint = "set report_email_every = weekly or monthly, or send it with jmmc report --send"
            yield Finding("warn", "report: report_emails has addresses, but reports are off", hint)
        return
    if not count:
        hint = "set report_emails"
        yield Finding("fail", f"report: {every}, but there is nobody to send it to", hint)
        return
    to = f"{count} {'address' if count == 1 else 'addresses'}"
    when = f"from {settings.report_email_hour}:00 in {settings.time_zone}"
    hint = "" if settings.public_url else "set public_url to have links to the pages in it"
    yield Finding("ok", f"report: {every} to {to}, {when}", hint)


def _conf_pattern(settings: Settings) -> Finding:
    pattern = re.compile(settings.conf_pattern)
    refused = [name for name in _TYPICAL_NAMES if not is_allowed(name, pattern)]
    if refused:
        hint = f"their pushes would be rejected as bad_conf: {', '.join(refused)}"
        return Finding("warn", "conf_pattern: rejects room names that Jitsi Meet generates", hint)
    return Finding("ok", "conf_pattern: accepts the room names that Jitsi Meet generates")


def _secret(settings: Settings) -> Finding:
    try:
        resolve_secret(settings)
    except JmmcError as error:
        return Finding("fail", str(error), "set secret, or make the folder writable")
    if not settings.secret and not settings.store.startswith("sqlite"):
        hint = "set secret: otherwise dialect v1 clients lose their session at each restart"
        return Finding("warn", "secret: generated at each start", hint)
    source = "from the settings" if settings.secret else "from the file beside the store"
    return Finding("ok", f"secret: {source}")


def _pseudonyms(settings: Settings) -> Finding:
    if settings.pseudonyms == "none":
        return Finding("ok", "pseudonyms: none; participant ids and rooms are stored as they are")
    if not settings.pseudonym_key:
        hint = "set pseudonym_key and keep it: a new secret would change every pseudonym"
        return Finding("warn", "pseudonyms: no pseudonym_key, derived from secret", hint)
    return Finding("ok", f"pseudonyms: {settings.pseudonyms}, with the key from the settings")


def _network_names(settings: Settings, now: datetime) -> Iterator[Finding]:
    try:
        names = NetworkNames(
            asn_database=settings.asn_database, country_database=settings.country_database
        )
    except JmmcError as error:
        hint = "name a file in the MaxMind DB format, or leave the setting empty"
        yield Finding("fail", str(error), hint)
        return
    for edition in names.editions:
        what = f"{edition.setting}: {edition.kind} of {edition.built:%Y-%m-%d}"
        if now - edition.built > _STALE:
            yield Finding("warn", f"{what}, more than a year old", "download a newer edition")
        else:
            yield Finding("ok", what)
    if not names.editions:
        yield Finding("ok", "network names: none; asn_database and country_database are empty")


async def _store(settings: Settings) -> AsyncIterator[Finding]:
    store: Store | None = None
    try:
        store = configured_store(settings, spool=False)
        await store.open()
        await store.check()
        yield Finding("ok", f"store: {without_password(settings.store)} accepts writes")
        if settings.store.startswith("mongodb"):
            async for finding in _rights(store):
                yield finding
        if isinstance(store, SqliteStore):
            complaints = await store.verify()
            if complaints:
                hint = "restore a backup; SQLite reports: " + "; ".join(complaints)
                yield Finding("fail", "store: the file is damaged", hint)
            else:
                size = Path(store.path).stat().st_size / 2**20
                yield Finding("ok", f"store: the file is intact ({size:.1f} MiB)")
        yield user_step([user.role for user in await users.users(store.reports)]).finding
        async for finding in _disks(store, settings):
            yield finding
        async for finding in _retention(store, settings, time.time()):
            yield finding
    except JmmcError as error:
        hint = "set store to sqlite:///PATH or a mongodb:// URL that this machine can reach"
        if settings.store.startswith("mongodb") and isinstance(error, UnusableStore):
            hint = _GRANT
        yield Finding("fail", f"store: {error}", hint)
    finally:
        if store is not None:
            await store.close()


async def _disks(store: Store, settings: Settings) -> AsyncIterator[Finding]:
    """How much is free of the disk of the store, and of that of the spool if it is there."""
    spooled = configured_store(settings, spool=True)
    has_spool = type(spooled) is not type(store)
    spool = Path(settings.spool_dir)
    if has_spool and not spool.exists():
        yield Finding("ok", f"spool: the folder {spool} is made at the first start")
        has_spool = False
    for measured in [store, spooled] if has_spool else [store]:
        disk = DiskGuard(measured, settings)
        await disk.look()
        if disk.problem:
            yield Finding(
                "fail",
                f"store: {disk.problem}",
                "free some space, enlarge the disk, or delete old data",
            )
        elif disk.free is not None:
            place = "the disk of the spool" if measured is spooled else "the disk"
            free, floor = f"{disk.free / 2**30:.1f} GiB", f"{settings.min_free_disk} MiB"
            yield Finding("ok", f"store: {place} has {free} free, min_free_disk is {floor}")


async def _rights(store: Store) -> AsyncIterator[Finding]:
    """What the user of MongoDB may not do, and what the server refuses."""
    from jmmc.stores.mongo.store import MongoStore

    assert isinstance(store, MongoStore)
    missing = await store.missing_rights()
    for problem in missing:
        yield Finding("fail", f"store: {problem}", _GRANT)
    if not missing:
        yield Finding("ok", "store: the user may read and write all collections of jmmc")
    for feature, reason in store.refused_features.items():
        yield Finding("ok", f"store: does without {feature}", f"the server refuses it: {reason}")


async def _retention(store: Store, settings: Settings, now: float) -> AsyncIterator[Finding]:
    """What retention would delete if the collector started now. Deletes nothing."""
    if not (settings.retention_days or settings.summary_retention_days):
        yield retention_step(settings).finding
        return
    days_ahead = await days_ahead_of_store(store, now)
    if days_ahead is not None:
        hint = "is the clock right? retention is paused until the collector has run for 24 hours"
        message = f"retention: the clock is {days_ahead} days ahead of what is stored"
        yield Finding("warn", message, hint)
    for what, count, before in await old_data(store, settings, now):
        day = datetime.fromtimestamp(before, UTC)
        yield Finding(
            "ok", f"retention: would delete {count} {what} before {day:%Y-%m-%d %H:%M} UTC"
        )


def _script(settings: Settings) -> Finding:
    size = len(Script(settings).gzip.body)
    verdict: Literal["ok", "warn"] = "ok" if size <= _SCRIPT_LIMIT else "warn"
    return Finding(verdict, f"script: {size} bytes gzipped, pushes to {settings.push_url!r}")


def _running(url: str) -> Finding:
    try:
        with urllib.request.urlopen(f"{url}/getClient", timeout=10) as answer:  # noqa: S310
            kind = answer.headers.get_content_type()
            if kind != "application/javascript":
                return Finding("fail", f"{url}/getClient answers {kind}", "check the prefix")
        with urllib.request.urlopen(f"{url}/readyz", timeout=10) as answer:  # noqa: S310
            status = json.load(answer)["status"]
    except (OSError, ValueError, KeyError) as error:
        return Finding("fail", f"{url}: {error}", "check that it runs and is reachable from here")
    return Finding("ok", f"{url}: serves the script and is {status}")
