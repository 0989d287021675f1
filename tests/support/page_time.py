"""The time of a page, in step with the answers that its script waits for."""

from playwright.sync_api import Page

_STEP = 5000  # Milliseconds: less than the script waits for an answer.

# `answered()` is done when the script has what it asked for. An answer comes with its whole body,
# and the script's own steps behind it take no task of the browser's.
ANSWERED = """
(() => {
  const real = window.fetch;
  const underWay = new Set();
  const task = () => new Promise((done) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = done;
    port2.postMessage(0);
  });
  window.fetch = (...asked) => {
    const whole = real(...asked).then(async (it) => new Response(await it.text(), it));
    const over = whole.then(task, task).then(task).then(() => underWay.delete(over));
    underWay.add(over);
    return whole;
  };
  window.answered = async () => {
    while (underWay.size) await Promise.all(underWay);
  };
})();
"""


def answered(page: Page) -> None:
    """Wait until the script has the answers to all that it has asked. The page has `ANSWERED`."""
    page.evaluate("answered()")


def pass_time(page: Page, milliseconds: int) -> None:
    """Move the page's clock. What is asked meanwhile is answered before it goes further."""
    answered(page)
    for passed in range(0, milliseconds, _STEP):
        page.clock.run_for(min(_STEP, milliseconds - passed))
        answered(page)
