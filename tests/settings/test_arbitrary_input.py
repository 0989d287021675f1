"""Settings with arbitrary values."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jmmc.core.errors import SettingsError
from jmmc.settings import Settings
from tests.support.strategies import VALUES, bounded


# A conf_pattern such as `[[` is valid, but Python warns that its meaning may change.
@pytest.mark.filterwarnings("ignore:Possible:FutureWarning")
@bounded
@given(
    st.dictionaries(st.sampled_from(sorted(Settings.model_fields)), VALUES, max_size=3),
    st.booleans(),
)
def test_any_value_of_a_setting_is_accepted_or_refused(values: dict[str, Any], text: bool) -> None:
    given_values = {k: str(v) for k, v in values.items()} if text else values
    try:
        Settings.of(**given_values)
    except SettingsError as error:
        assert not any("\n" in problem for problem in error.problems)
