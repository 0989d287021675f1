"""Notes over real stores: kept, found by their time, bounded, copied."""

import pytest

from jmmc.answers import notes as module
from jmmc.answers.details import NotFoundError
from jmmc.answers.notes import LONGEST_TEXT, Note, NoteError, add_note, notes, remove_note
from jmmc.stores import Store
from jmmc.stores.copy import copy_records
from tests.stores.conftest import NewStores


async def test_notes_are_found_by_any_moment_that_they_share_with_a_window(
    store: Store, other: Store
) -> None:
    span = await add_note(store.reports, "maintenance", 1000, 2000, by="Ann")
    moment = await add_note(store.reports, "  upgraded bridge 2 ", 1500)
    assert (span.text, span.by) == ("maintenance", "Ann")
    assert (moment.text, moment.until) == ("upgraded bridge 2", None)
    assert await notes(other.reports) == [span, moment]
    truth: dict[tuple[int, int], list[Note]] = {
        (0, 999): [],
        (0, 1000): [span],
        (1001, 1499): [span],
        (1500, 1500): [span, moment],
        (2000, 3000): [span],
        (2001, 3000): [],
    }
    for window, found in truth.items():
        assert await notes(other.reports, *window) == found, window
    await remove_note(other.reports, span.id)
    assert await notes(store.reports) == [moment]
    with pytest.raises(NotFoundError):
        await remove_note(store.reports, span.id)


@pytest.mark.parametrize("text", ["", "  ", "x" * (LONGEST_TEXT + 1), "two\nlines", "\u202eevil"])
async def test_a_note_is_one_short_printable_line(store: Store, text: str) -> None:
    with pytest.raises(NoteError, match="1 to 200 printable characters"):
        await add_note(store.reports, text, 0)
    assert not await notes(store.reports)


async def test_spans_have_an_order_and_a_store_a_limit(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NoteError, match="later"):
        await add_note(store.reports, "x", 10, 10)
    monkeypatch.setattr(module, "MOST", 2)
    await add_note(store.reports, "x" * LONGEST_TEXT, 10, 11)
    await add_note(store.reports, "y", 10)
    with pytest.raises(NoteError, match="remove some first"):
        await add_note(store.reports, "z", 10)


async def test_a_copy_has_notes_and_views_and_changes_none_that_are_there(
    new_stores: NewStores,
) -> None:
    source, target = new_stores()(), new_stores()()
    for opened in (source, target):
        await opened.open()
    kept = await add_note(source.reports, "kept", 1)
    await source.reports.put_record("view", "v", b'{"a":1}')
    await target.reports.put_record("view", "v", b'{"a":2}')
    assert await copy_records(source.reports, target.reports) == 1
    assert await copy_records(source.reports, target.reports) == 0
    assert await notes(target.reports) == [kept]
    assert await target.reports.records("view") == {"v": b'{"a":2}'}
    for opened in (source, target):
        await opened.close()
