from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.conf import settings


@pytest.mark.parametrize("module", ["webapp.urls", "tasks.supervisor"])
def test_web_and_supervisor_never_load_torch(module: str) -> None:
    code = (
        "import django; django.setup(); import importlib, sys; "
        f"importlib.import_module({module!r}); sys.exit('torch' in sys.modules)"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "webapp.settings"}
    done = subprocess.run([sys.executable, "-c", code], cwd=settings.BASE_DIR, env=environment, check=False)
    assert done.returncode == 0
