"""Secrets that stand in an address: made by the operating system's generator, kept as a digest only."""

from __future__ import annotations

import hashlib
import secrets

TOKEN_BYTES = 24  # 192 bits
LONGEST_TOKEN = 100  # characters; a longer one is none of ours


def new_token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def token_digest(token: str) -> str:
    """What the database keeps. A fast hash is enough: nobody can try 2^192 tokens."""
    return hashlib.sha256(token[:LONGEST_TOKEN].encode()).hexdigest()
