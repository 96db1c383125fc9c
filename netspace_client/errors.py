"""What the client raises."""

from __future__ import annotations


class ClientError(Exception):
    """A request that was not answered as wanted; the message is the server's sentence.

    Attributes
    ----------
    status : int or None
        Of the answer; None where there was none.
    parameter, value : str or None
        What was wrong, where the server names one value.
    """

    def __init__(
        self, message: str, *, status: int | None = None, parameter: str | None = None, value: str | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.parameter, self.value = status, parameter, value


class Timeout(ClientError):
    """A batch that had not ended when the time to wait was over; it goes on."""
