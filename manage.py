#!/usr/bin/env python
"""Netspace's command line: `manage.py up`, `manage.py demo`, `manage.py worker` and Django's own commands."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
