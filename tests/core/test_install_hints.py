"""The hint that names the command to install a missing extra."""

import tomllib
from typing import get_args

import pytest

from jmmc.core.install_hints import Extra, install_hint
from tests.support.paths import ROOT


def test_every_extra_of_the_package_has_a_hint() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert {*get_args(Extra), "all"} == set(project["optional-dependencies"])


@pytest.mark.parametrize("extra", get_args(Extra))
def test_the_hint_works_from_a_checkout_and_from_an_index(extra: Extra) -> None:
    hint = install_hint(extra)
    assert f"pip install '.[{extra}]' in a checkout" in hint
    assert f"pip install 'jitsi-meet-metrics-collector[{extra}]'" in hint
