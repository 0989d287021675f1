"""Tabs of a browser that a test opens, each in a profile of its own unless it says otherwise."""

from playwright.sync_api import Browser, BrowserContext, Page


class Tabs:
    """Opens tabs, and closes all their profiles at the end."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []

    def open(self, beside: Page | None = None) -> Page:
        """Open an empty tab, in the same profile as `beside`."""
        if beside:
            return beside.context.new_page()
        self._contexts.append(self._browser.new_context())
        return self._contexts[-1].new_page()

    def close(self) -> None:
        for context in self._contexts:
            context.close()
