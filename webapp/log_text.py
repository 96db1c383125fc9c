"""What the logs say: nothing with which somebody who reads them could come in."""

from __future__ import annotations

import logging
import re

# The part of an address that lets in whoever holds it: shared pages, invitations, new passwords, sign-in links.
SECRETS = re.compile(r"(/(?:share|invitations)/|/password/new/[^/\s]+/|[?&]sesame=)[^/\s&\"'?#>)\]]+")


class SecretFreeFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return SECRETS.sub(r"\1…", super().format(record))
