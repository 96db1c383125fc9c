"""How runs ended, in the words of the known trackers, and what becomes of them."""

from __future__ import annotations

from typing import Literal

End = Literal["finished", "failed", "left_out"]
ENDS = {"finished": "is a result", "failed": "counts as failed", "left_out": "is left out"}


def words_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


FINISHED_WORDS = words_of(
    "complete completed finished finish done success successful succeeded ok terminated trained converged 0"
)
# By their own doing: the network, or what was asked of it.
FAILED_WORDS = words_of(
    "fail failed failure error errored diverged nan oom out_of_memory crashed crash invalid infeasible"
)
# They say nothing of their network, or not yet.
OPEN_WORDS = words_of(
    "pruned stopped early_stopped killed running pending queued waiting scheduled paused created new "
    "unfinished cancelled canceled aborted lost preempted preempting timeout timed_out interrupted "
    "incomplete"
)
KNOWN_WORDS = FINISHED_WORDS | FAILED_WORDS | OPEN_WORDS
UNFINISHED = "fewer epochs than planned"  # the end of a run that its status doesn't tell


def usual_end(word: str) -> End:
    """What a status means unless the person says otherwise; an unknown word is no result."""
    bare = word.strip().lower().rsplit(".", 1)[-1].replace(" ", "_").replace("-", "_")
    if bare in FINISHED_WORDS:
        return "finished"
    return "failed" if bare in FAILED_WORDS else "left_out"
