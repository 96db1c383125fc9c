"""A thin client of Netspace's API for scripts and notebooks (docs/api.md); needs numpy, uses pandas if it is there."""

from netspace_client.client import Client
from netspace_client.errors import ClientError, Timeout
from netspace_client.results import Batch, Imported, Progress, Regime, Space

__all__ = ["Batch", "Client", "ClientError", "Imported", "Progress", "Regime", "Space", "Timeout"]
