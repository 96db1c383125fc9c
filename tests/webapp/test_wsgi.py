"""The web process: ready before it serves."""

from __future__ import annotations

import subprocess
import sys

CHECK = """
import sys
import webapp.wsgi
wanted = ("webapp.views.analyses", "webapp.templatetags.netspace", "scipy.stats")
loaded = [name for name in wanted if name in sys.modules]
print(*loaded, "torch" in sys.modules)
"""


def test_a_web_process_has_loaded_what_its_pages_need_and_no_torch_before_the_first_request() -> None:
    done = subprocess.run([sys.executable, "-c", CHECK], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["webapp.views.analyses", "webapp.templatetags.netspace", "scipy.stats", "False"]
