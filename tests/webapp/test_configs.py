"""Configurations of pycls, pasted: into the form of a space, and into the question whether a space holds them."""

from __future__ import annotations

import pytest

from tests.webapp import pages, rows
from webapp.forms.configs import read_config, space_of

REGNET = """
MODEL: {TYPE: regnet}
REGNET: {DEPTH: 13, W0: 24, WA: 36.44, WM: 2.49, GROUP_W: 8}
"""
ANYNET = """
MODEL: {TYPE: anynet}
ANYNET: {DEPTHS: [1, 2], WIDTHS: [32, 64], STRIDES: [1, 2], BOT_MULS: [0.5, 0.5], GROUP_WS: [8, 16]}
"""
BESIDE = """
MODEL: {TYPE: anynet}
REGNET: {DEPTH: 13, W0: 24, WA: 36.44, WM: 2.49, GROUP_W: 8}
ANYNET: {DEPTHS: [1, 1, 4, 7], WIDTHS: [24, 56, 152, 368], STRIDES: [2, 2, 2, 2], BOT_MULS: [1.0, 1.0, 1.0, 1.0],
         GROUP_WS: [8, 8, 8, 8]}
"""


@pytest.mark.parametrize("config", [REGNET, ANYNET, BESIDE])
def test_the_space_of_a_design_holds_it_alone(config: str) -> None:
    design = read_config(config)
    space = space_of(design)
    assert space.contains(design)
    assert read_config(BESIDE) == read_config(REGNET)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a\n- b", "has keys such as MODEL"), ("{", "no YAML"), ("MODEL: {TYPE: effnet}", "must be anynet or regnet"),
        ("MODEL: {TYPE: regnet}", "no cfg.REGNET"), ("a: " * 5_000, "no YAML"),
    ],
)  # fmt: skip
def test_what_is_no_configuration_is_said(text: str, said: str) -> None:
    with pytest.raises(Exception, match=said):
        read_config(text)


@pytest.mark.django_db
def test_a_configuration_fills_the_form_of_a_space() -> None:
    _, user = rows.a_team()
    client = pages.client_of(user)
    page = client.post("/spaces/new/", {"config": REGNET, "fill": "1"}).content.decode()
    assert "36.44" in page
    assert 'name="family" value="regnet"' in page
    assert "no YAML" in client.post("/spaces/new/", {"config": "{", "fill": "1"}).content.decode()


@pytest.mark.django_db
def test_a_space_says_whether_it_holds_a_configuration() -> None:
    team, user = rows.a_team()
    space = rows.a_space(team, user)
    page = pages.client_of(user).post(f"/spaces/{space.pk}/holds/", {"config": ANYNET}).content.decode()
    assert "does not lie in" in page
    assert "Part by part" in page
