"""A browser behind a load balancer: its requests reach one of two collectors in turns."""

from pathlib import Path

from playwright.sync_api import Browser

from tests.e2e.conftest import RHYTHM, load_script
from tests.e2e.proxy import Proxy
from tests.e2e.truth import assert_sample_for_sample
from tests.support.mongod import Mongod
from tests.support.recordings import stats_of
from tests.support.servers import Pages, Serve


def test_a_session_received_by_two_collectors_in_turns_is_stored_once(
    browser: Browser, pages: Pages, mongod: Mongod, tmp_path: Path
) -> None:
    options = (*RHYTHM, "--collection", tmp_path.name, "--spool-dir", "")
    collectors = [Serve(tmp_path / str(n), *options, store=mongod.url) for n in range(2)]
    proxy = Proxy(collectors[0].port)

    def in_turns(push: int) -> str:
        proxy.target = collectors[push % 2].port
        return "pass" if push % 5 else "drop_answer"

    proxy.plan = in_turns
    context = browser.new_context()
    try:
        page = context.new_page()
        page.goto(f"{pages.url}/jitsi.html")
        records = stats_of("bridge + simulcast + e2eping", "A")[:9]
        page.evaluate("([conf, me]) => void jitsi.join(conf, me)", ["both", records[0]["me"]])
        load_script(page, proxy.port)
        page.evaluate("records => jitsi.play(records, 1050)", records)
        waits = "Object.keys(localStorage).some(key => key.startsWith('jmmc_queue_'))"
        page.wait_for_function(f"!{waits}", timeout=30_000)

        (session,) = collectors[0].export("--collection", tmp_path.name)
        assert_sample_for_sample(session, page.evaluate("jitsi.emitted"))
        assert proxy.log.count("drop_answer") >= 2
        assert page.evaluate("jitsi.errors") == []
    finally:
        context.close()
        proxy.close()
        for serve in collectors:
            serve.close()
