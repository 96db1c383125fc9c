"""What the one-machine start does with programs that end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from webapp.launcher import MOST_QUICK_ENDS, Launcher, LaunchError, Part


def look_often(launcher: Launcher, part: Part) -> None:
    for _ in range(3 * MOST_QUICK_ENDS):
        if part.process is not None:
            part.process.wait(5)
        launcher.check()
        part.restart_at = 0.0  # the waits are tested with the processes


def test_a_program_that_ends_again_and_again_is_started_a_few_times_and_then_given_up(
    settings: Any, tmp_path: Path
) -> None:
    settings.VAR = tmp_path
    said: list[str] = []
    launcher = Launcher(port=8000, say=said.append)
    part = Part("web", ["/bin/false"], lambda *_: None)
    launcher.parts = [part]
    with pytest.raises(LaunchError, match="The web ends again and again; see "):
        look_often(launcher, part)
    assert said == ["The web ended with status 1; it is started again, and nothing is lost."] * (MOST_QUICK_ENDS - 1)
