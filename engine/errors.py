"""What can go wrong in the engine, each with the parameter and the value that caused it."""

from __future__ import annotations


class EngineError(Exception):
    """Base of all errors of the engine.

    Parameters
    ----------
    message : str
        A sentence that a user can act on; it names the parameter and the value.
    parameter : str, optional
        The name of the offending parameter, spelled as in forms and JSON; empty where no single one is to blame.
    value : Any, optional
        The offending value.
    """

    def __init__(self, message: str, *, parameter: str = "", value: object = None) -> None:
        super().__init__(message)
        self.parameter = parameter
        self.value = value


class InvalidDesign(EngineError, ValueError):
    """A design whose parameters describe no network."""


class InvalidSpace(EngineError, ValueError):
    """A space, or a law of one of its parameters, that is not well defined."""


class InvalidTrunk(InvalidDesign, InvalidSpace):
    """A trunk that no network has, and so no design or space either."""


class InvalidRegime(EngineError, ValueError):
    """A training regime, recipe or complexity window that is not well defined."""


class InvalidPopulation(EngineError, ValueError):
    """Columns that do not form a population, or that a statistic cannot be computed from."""


class SamplingExhausted(EngineError):
    """The bounded search for designs ended too early; the message says which constraint rejected most."""


class TrainingError(EngineError):
    """A training that ended without a result; ``kind`` is the failure kind shown to people."""

    kind = "code_error"


class Diverged(TrainingError):
    """The loss became NaN or infinite."""

    kind = "diverged"


class OutOfMemory(TrainingError):
    """The device, or the process, had too little memory."""

    kind = "out_of_memory"


class TimedOut(TrainingError):
    """The training took longer than its regime allows."""

    kind = "timed_out"


class DataMissing(TrainingError):
    """The data set is not where it must lie and could not be obtained."""

    kind = "data_missing"


class BadCheckpoint(TrainingError):
    """A checkpoint that is torn, foreign or does not fit its run."""

    kind = "bad_checkpoint"


class TrainingInterrupted(EngineError):
    """The caller asked the training to stop; nothing of the epoch begun is kept."""
