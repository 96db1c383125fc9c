"""What the columns of a file are: guessed from their names and values, each guess with its reason."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from pyarrow import compute

from webapp.files.cells import FloatArray, Numbers, Style, is_identifier, read_numbers, styles_of
from webapp.files.csv_files import NAMELESS
from webapp.files.status import FINISHED_WORDS, KNOWN_WORDS, words_of
from webapp.files.table import Table
from webapp.files.units import COMPLEXITY_UNITS, ERROR_UNITS, guess_complexity, guess_error_unit
from webapp.models import ColumnRole as Role
from webapp.wording import counted

LOOKED_AT = 20_000  # rows that the guesses are made from
MOSTLY = 0.9  # of the filled cells must be numbers for a column of numbers
MOST_LEVELS = 50
MOST_KEPT = 100  # columns

PARAMETER_PREFIX = re.compile(r"^(params?|config|hparams|hyperparameters|args|cfg)[._/](?=.)", re.I)
OUTCOME_PREFIX = re.compile(r"^(metrics?|summary|results?|values?|user_attrs)[._/](?=.)", re.I)
ERROR_WORDS = re.compile(r"(^|[^a-z])(err|error|errors|acc|accuracy|top1|top-1|top 1)([^a-z]|$)")
SECOND = ("train", "top5", "top-5", "top 5", "std", "spread", "min", "best", "acc", "loss", "ema", "final", "rate")
WORDS: Sequence[tuple[Role, frozenset[str]]] = (
    (Role.STATUS, words_of("state status outcome exit_state")),
    (Role.DATA_SET, words_of("dataset data_set task benchmark")),
    (
        Role.GROUP,
        words_of("group sweep project experiment study seed random_seed rng_seed replicate fold"),
    ),
    (
        Role.OUTCOME,
        words_of(
            "loss time duration runtime seconds memory mem latency throughput fps speed f1 auc ppl "
            "perplexity bleu energy wall cost map miou top5 recall precision score mse mae rmse nll kl "
            "spread std wall_s"
        ),
    ),
)
SEEDS = frozenset({"seed", "random_seed", "rng_seed"})  # no choice of a design, whatever a tracker calls it
NAMES = words_of("name model modell arch architecture network net run run_name model_name key title uid")
COUNTERS = words_of(
    "number trial trial_id run_id id index row unnamed_0 experiment_id sample_id step iteration job job_id"
)
NOTES = words_of(
    "note notes comment comments description tags url path file out_dir log_file host hostname user "
    "timestamp created created_at"
)
REACHED = words_of("epoch epoch_reached epochs_reached last_epoch epochs_done epochs_trained training_iteration")
PLANNED = words_of("max_epoch max_epochs epochs_planned planned_epochs num_epochs n_epochs total_epochs epochs")


NO_NUMBERS = Numbers(np.array([]), np.array([], dtype=bool), percent=False)


@dataclass(frozen=True)
class ColumnChoice:
    """What one column is: its role, with a unit where the role has one, and how its numbers are written.

    ``style`` is empty where a column reads both ways and nobody has said which.
    """

    role: Role
    unit: str = ""
    style: Style | str = "point"
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Look:
    """A column as the guesses see it."""

    name: str
    texts: pa.Array
    numbers: Numbers
    styles: Sequence[Style]
    is_text: bool
    levels: int  # distinct values
    missing: int
    n: int

    @property
    def words(self) -> list[str]:
        """Of its name, without the prefixes of trackers, camel case taken apart."""
        bare = OUTCOME_PREFIX.sub("", _without_prefix(self.name))
        parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", bare).lower()
        return [word for word in re.split(r"[^a-z0-9\u00c0-\uffff]+", parted) if word]

    @property
    def word(self) -> str:
        return "_".join(self.words)


def _without_prefix(name: str) -> str:
    """Without what a tracker puts before its parameters; param_count keeps its first word."""
    return name if guess_complexity(name.lower(), NO_NUMBERS) else PARAMETER_PREFIX.sub("", name)


def guess(table: Table) -> dict[str, ColumnChoice]:
    """The most likely role of each column, and why."""
    looks = _looks(table)
    choices = {look.name: _guess_of(look, table) for look in looks}
    by_name = {look.name: look for look in looks}
    choices |= {name: _given(Role(role), by_name[name]) for name, role in table.roles.items()}
    if not any(choice.role == Role.ERROR for choice in choices.values()):
        choices |= _error_of(looks, choices)
    for name, choice in choices.items():
        if choice.role in (Role.ERROR, Role.BEST_ERROR):
            choices[name] = replace(choice, unit=guess_error_unit(name, by_name[name].numbers))
        elif choice.role == Role.COMPLEXITY:
            known = guess_complexity(by_name[name].word, by_name[name].numbers)
            choices[name] = replace(choice, unit=known[0] if known else "flops-1", reason=known[1] if known else "")
    return _bounded(_once(_epochs(_complements(choices, by_name), by_name)))


def _given(role: Role, look: Look) -> ColumnChoice:
    """The role that the reader of a format knows."""
    unit = ("category" if look.is_text else "number") if role == Role.PARAMETER else ""
    if look.missing == look.n:
        return ColumnChoice(Role.LEFT_OUT, reason="empty in every row")
    return ColumnChoice(role, unit, reason="as pycls writes it")


def _looks(table: Table) -> list[Look]:
    columns = [column.slice(0, LOOKED_AT) for column in table.columns]
    styles = [_styles(column) for column in columns]
    if table.decimal_comma and ["comma"] in styles:
        styles = [_styles(column, decimal_comma=True) for column in columns]
    return [_look(table, *given) for given in zip(table.names, columns, styles, strict=True)]


def _styles(column: pa.Array, *, decimal_comma: bool = False) -> list[Style]:
    return ["point"] if column.type == pa.float64() else styles_of(column, decimal_comma=decimal_comma)


def _look(table: Table, name: str, column: pa.Array, styles: Sequence[Style]) -> Look:
    numbers = read_numbers(column, styles[0])
    is_text = column.type == pa.string() and (
        name in table.typed or is_identifier(column) or numbers.share < MOSTLY or numbers.inexact
    )
    filled = column.filter(pa.array(numbers.present))
    missing = len(column) - int(numbers.present.sum())
    return Look(name, column, numbers, styles, is_text, len(compute.unique(filled)), missing, len(column))


def _guess_of(look: Look, table: Table) -> ColumnChoice:
    style = look.styles[0] if len(look.styles) == 1 or look.is_text else ""
    role, reason = _role_of(look, table)
    unit = ("category" if look.is_text else "number") if role == Role.PARAMETER else ""
    return ColumnChoice(role, unit, style, reason)


def _role_of(look: Look, table: Table) -> tuple[Role, str]:
    if look.name in table.nested:
        first = next((cell for cell in look.texts.to_pylist() if cell), "")
        is_design = '"kind":' in first[:40]
        return (Role.DESIGN, "records of designs") if is_design else (Role.LEFT_OUT, "lists or records")
    if look.missing == look.n:
        return Role.LEFT_OUT, "empty in every row"
    for rule in (_by_status, _by_prefix, _by_name):
        if answer := rule(look):
            return answer
    if look.levels == 1 and not look.missing:
        return Role.LEFT_OUT, "the same in every row"
    if look.is_text:
        return _of_texts(look)
    some = f", in {look.n - look.missing} of {look.n} rows" if look.missing else ""
    return Role.PARAMETER, f"numbers, {counted(look.levels, 'value')}{some}"


def _by_status(look: Look) -> tuple[Role, str] | None:
    """Words of the known trackers, of which some say that a run ended."""
    if not look.is_text or look.levels > len(KNOWN_WORDS):
        return None
    words = {str(text).strip().lower() for text in compute.unique(look.texts).to_pylist() if text}
    if look.word in dict(WORDS)[Role.STATUS] or (words <= KNOWN_WORDS and words & FINISHED_WORDS):
        return Role.STATUS, counted(look.levels, "word") + " of a run's end"
    return None


def _by_prefix(look: Look) -> tuple[Role, str] | None:
    if look.word in SEEDS or guess_complexity(look.word, look.numbers):
        return None
    if (
        PARAMETER_PREFIX.match(look.name)
        and (look.levels > 1 or look.missing)
        and (not look.is_text or look.levels <= MOST_LEVELS)
    ):
        kind = "words" if look.is_text else "numbers"
        return Role.PARAMETER, f"named as a tracker names parameters; {kind}, {counted(look.levels, 'value')}"
    if OUTCOME_PREFIX.match(look.name) and not look.is_text:
        return Role.OUTCOME, "named as a tracker names what it measures"
    if re.match(r"(tags|system_attrs|attributes)[._/]", look.name, re.I) or look.word.startswith("datetime"):
        return Role.LEFT_OUT, "named as a tracker names notes"
    return None


def _by_name(look: Look) -> tuple[Role, str] | None:
    named = set(look.words)
    if look.word in COUNTERS or (NAMELESS.fullmatch(look.name) and _counts(look.numbers.values)):
        is_name = look.is_text and look.levels == look.n
        return (Role.NAME, "names every row") if is_name else (Role.LEFT_OUT, "numbers the rows")
    if look.word in NOTES or look.word.endswith("_note"):
        return Role.LEFT_OUT, "notes, by its name"
    if look.is_text and look.word in NAMES:
        return Role.NAME, "by its name"
    if not look.is_text and look.levels > 1 and guess_complexity(look.word, look.numbers):
        return Role.COMPLEXITY, "by its name"
    for role, words in WORDS:
        if look.word in words or (role == Role.OUTCOME and named & words and not look.is_text):
            return role, "by its name"
    if not look.is_text and ERROR_WORDS.search(" ".join(look.words)):
        return Role.OUTCOME, "another error or accuracy"
    if not look.is_text and look.word in REACHED:
        return Role.EPOCH_REACHED, "by its name"
    return None


def _counts(values: FloatArray) -> bool:
    return len(values) > 0 and bool(np.all(np.diff(values) == 1))


def _of_texts(look: Look) -> tuple[Role, str]:
    if look.missing > 0.9 * look.n:
        return Role.LEFT_OUT, "text, nearly always empty"
    if look.levels == look.n - look.missing and look.n > 2:
        return Role.NAME, "text, different in every row"
    if look.levels <= min(MOST_LEVELS, max(2, look.n // 2)):
        return Role.PARAMETER, f"text, {counted(look.levels, 'value')}"
    return Role.LEFT_OUT, f"text, {counted(look.levels, 'value')}"


def _error_of(looks: Sequence[Look], choices: Mapping[str, ColumnChoice]) -> dict[str, ColumnChoice]:
    """The likeliest error, and the error of the best epoch where it stands beside it."""
    named = [look for look in looks if ERROR_WORDS.search(" ".join(look.words)) and look.numbers.share > 0
             and not PARAMETER_PREFIX.match(look.name)]  # fmt: skip
    best = next((look.name for look in named if look.name in ("best_error", "min_top1_err")), "")
    candidates = [look for look in named if look.name != best] or named
    if candidates:
        error = min(candidates, key=_likeness).name
        found = {error: replace(choices[error], role=Role.ERROR, reason="by its name")}
        if best and error in ("error", "top1_err"):
            found[best] = replace(choices[best], role=Role.BEST_ERROR, reason="by its name")
        return found
    tracked = any(PARAMETER_PREFIX.match(look.name) for look in looks)
    value = next((look for look in looks if look.word in ("value", "values_0") and not look.is_text), None)
    if value is None or not tracked:
        return {}
    return {value.name: replace(choices[value.name], role=Role.ERROR, reason="what the study optimised")}


def _likeness(look: Look) -> tuple[int, int, int]:
    """Smaller for a name that is more likely the column meant: an error before an accuracy, final before others."""
    order = ["error", "top1_err", "err", "test_error", "test_err", "accuracy", "acc", "test_acc", "val_acc"]
    place = order.index(look.word) if look.word in order else len(order)
    return place, sum(word in look.word for word in SECOND), len(look.words)


def _complements(choices: dict[str, ColumnChoice], looks: Mapping[str, Look]) -> dict[str, ColumnChoice]:
    """What only says the error in other words is measured: 100 less it, or the same again."""
    error = next((name for name, choice in choices.items() if choice.role == Role.ERROR), "")
    if not error:
        return choices
    values = looks[error].numbers.values
    found = dict(choices)
    for name, choice in choices.items():
        if choice.role != Role.PARAMETER or looks[name].is_text or len(values) < 3:
            continue
        both = np.isfinite(values) & np.isfinite(looks[name].numbers.values)
        others = looks[name].numbers.values[both]
        same = any(np.allclose(others, words) for words in (values[both], 100 - values[both], 1 - values[both]))
        if both.sum() > 2 and np.ptp(values[both]) > 0 and same:
            found[name] = replace(choice, role=Role.OUTCOME, unit="", reason=f"says {error} in other words")
    return found


def _epochs(choices: dict[str, ColumnChoice], looks: Mapping[str, Look]) -> dict[str, ColumnChoice]:
    """A column of epochs reached makes another the epochs planned; alone, varied epochs are a parameter."""
    roles = {choice.role for choice in choices.values()}
    if Role.EPOCH_REACHED not in roles or Role.EPOCHS_PLANNED in roles:
        return choices
    planned = next((name for name, look in looks.items() if look.word in PLANNED and not look.is_text), "")
    if planned:
        return choices | {planned: replace(choices[planned], role=Role.EPOCHS_PLANNED, unit="", reason="by its name")}
    return choices


UNITS: Mapping[Role, Mapping[str, str]] = {
    Role.PARAMETER: {"number": "number", "category": "category"},
    Role.COMPLEXITY: COMPLEXITY_UNITS,
    Role.ERROR: ERROR_UNITS,
    Role.BEST_ERROR: ERROR_UNITS,
}
ONLY_ONE = (Role.ERROR, Role.BEST_ERROR, Role.STATUS, Role.NAME, Role.DESIGN, Role.EPOCH_REACHED, Role.EPOCHS_PLANNED)


def _once(choices: dict[str, ColumnChoice]) -> dict[str, ColumnChoice]:
    """Of roles that only one column can have the first keeps it; of complexities each the first."""
    seen: set[str] = set()
    found = {}
    for name, choice in choices.items():
        key = choice.unit.split("-")[0] if choice.role == Role.COMPLEXITY else str(choice.role)
        single = choice.role in ONLY_ONE or choice.role == Role.COMPLEXITY
        if single and key in seen:
            choice = replace(
                choice, role=Role.LEFT_OUT, unit="", reason=f"another column is the {key.replace('_', ' ')}"
            )
        seen.add(key) if single else None
        found[name] = choice
    return found


def _bounded(choices: dict[str, ColumnChoice]) -> dict[str, ColumnChoice]:
    """The first of too many columns; the error always."""
    left, found = MOST_KEPT, {}
    kept_first = sorted(choices, key=lambda name: choices[name].role not in ONLY_ONE)
    for name in kept_first:
        choice = choices[name]
        if choice.role != Role.LEFT_OUT:
            left -= 1
            if left < 0:
                choice = replace(choice, role=Role.LEFT_OUT, unit="", reason=f"more than {MOST_KEPT} columns")
        found[name] = choice
    return {name: found[name] for name in choices}


def default_unit(role: Role, table: Table, name: str) -> str:
    """The unit of a column in a role that was chosen for it; empty where the role has none."""
    column = table.column(name).slice(0, LOOKED_AT)
    look = _look(table, name, column, _styles(column))
    if role == Role.PARAMETER:
        return "category" if look.is_text else "number"
    if role in (Role.ERROR, Role.BEST_ERROR):
        return guess_error_unit(name, look.numbers)
    if role == Role.COMPLEXITY:
        known = guess_complexity(look.word, look.numbers)
        return known[0] if known else "flops-1"
    return ""
