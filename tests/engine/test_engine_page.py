"""The page about the engine: its code runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "engine.md"


def test_the_code_of_the_page_runs(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(code, str(PAGE), "exec"), names)  # noqa: S102  (our own page)
    printed = capsys.readouterr().out
    assert printed.startswith("proven AnyNetDesign(")
    assert "41,278,242,816" in printed
    errors = names["errors"]
    assert all(0 <= error <= 100 for space in errors for error in space)
