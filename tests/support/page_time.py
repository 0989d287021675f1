"""Moves the clock of a page step by step, and waits for the responses to its requests."""

from playwright.sync_api import Page

_STEP = 5000  # Milliseconds: less than the script's timeout for a response.

# `answered()` resolves when all responses are there and the script has handled them: a response
# has its whole body at once, so that the script handles it without another task of the browser.
ANSWERED = """
(() => {
  const realFetch = window.fetch;
  const pending = new Set();
  const nextTask = () => new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = resolve;
    port2.postMessage(0);
  });
  window.fetch = (...args) => {
    const response = realFetch(...args).then(async (streamed) => (
      new Response(await streamed.text(), streamed)
    ));
    const handled = response.then(nextTask, nextTask).then(nextTask).then(() => {
      pending.delete(handled);
    });
    pending.add(handled);
    return response;
  };
  window.answered = async () => {
    while (pending.size) await Promise.all(pending);
  };
})();
"""


# What `page.clock.run_for` does, without a message to the page and another for each step.
_PASS = """
async ([milliseconds, step]) => {
  await answered();
  for (let passed = 0; passed < milliseconds; passed += step) {
    await __pwClock.controller.runFor(Math.min(step, milliseconds - passed));
    await answered();
  }
}
"""


def answered(page: Page) -> None:
    """Wait until the page, which has `ANSWERED`, has the responses to all its requests."""
    page.evaluate("answered()")


def pass_time(page: Page, milliseconds: int) -> None:
    """Move the page's clock. Requests made meanwhile are answered before it moves on.

    Documents that the page opens later begin where `page.clock` was set.
    """
    page.evaluate(_PASS, [milliseconds, _STEP])
