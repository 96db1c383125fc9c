"""Files as people have them: each small case comes in as what it is, with exact numbers."""

from __future__ import annotations

import gzip
import json
import os
import zipfile
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

CASES = Path(os.environ.get("NETSPACE_CASES", Path(__file__).parents[3] / "shared" / "cases"))
REGNET = {"MODEL": {"TYPE": "regnet"}, "REGNET": {"DEPTH": 13, "W0": 24, "WA": 36.44, "WM": 2.49, "GROUP_W": 8}}
ANYNET = {"DEPTHS": [1, 1, 4, 7], "WIDTHS": [24, 56, 152, 368], "STRIDES": [2] * 4, "BOT_MULS": [1.0] * 4,
          "GROUP_WS": [8] * 4}  # fmt: skip
REGNET_PARAMETERS = {"depth", "w_0", "w_a", "w_m"}


def imported(path: Path, *options: str) -> dict[str, Any]:
    out = StringIO()
    call_command("import", str(path), "--dry-run", "--json", *options, stdout=out)
    told: dict[str, Any] = json.loads(out.getvalue())
    return told


def of_text(folder: Path, text: str | bytes, *options: str, name: str = "file.csv") -> dict[str, Any]:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return imported(path, *options)


def with_role(told: dict[str, Any], role: str) -> set[str]:
    return {name for name, given in told["roles"].items() if given == role}


# name: n, failed, left out, lowest and mean error, and some roles
NUMBERS: dict[str, tuple[int, int, int, float, float, dict[str, str]]] = {
    "01_thousands.csv": (32, 0, 0, 10.1, 32.98125, {"model": "name", "top1_err": "error", "param_count": "complexity"}),
    "03_nan_loss.csv": (20, 0, 0, 21, 42, {"depth": "parameter", "loss": "outcome", "error": "error"}),
    "04_pandas_index.csv": (
        10, 0, 0, 20.5, 25, {"column 1": "left_out", "number": "left_out", "params_depth": "parameter"},
    ),
    "05_conditional.csv": (10, 0, 0, 20.5, 25, {"params_lr_sgd": "parameter", "params_lr_adam": "parameter"}),
    "06_pruned.csv": (4, 0, 8, 20, 24.5, {"state": "status", "params_depth": "parameter"}),
    "07_long_tag.csv": (
        10, 0, 0, 31, 35.5, {"metrics.val_acc": "error", "params.depth": "parameter", "tags.note": "left_out"},
    ),
    "08_mlflow_inf.csv": (20, 0, 0, 20, 22.85, {"metrics.val_loss": "outcome", "params.depth": "parameter"}),
    "09_wide.csv": (5, 0, 0, 20, 22, {"error": "error"}),
    "10_leading_zero.json": (10, 0, 0, 20, 24.5, {"arch": "name"}),
    "11_by_key.json": (5, 0, 0, 9.6, 9.8, {"key": "name", "mean_acc": "error", "params": "complexity"}),
    "12a_sep_line.csv": (6, 0, 0, 20.5, 23, {"Modell": "name", "Tiefe": "parameter", "error": "error"}),
    "12c_cp1252.csv": (6, 0, 0, 20.5, 23, {"Größe": "parameter"}),
    "12f_percent.csv": (6, 0, 0, 20.5, 23, {"Tiefe": "parameter"}),
    "13_flops_g.csv": (20, 0, 0, 24.3, 27.15, {"flops": "complexity", "params": "complexity"}),
    "14_outcome_column.csv": (60, 0, 0, 20, 28.85, {"depth": "parameter", "top1": "outcome", "top1_err": "error"}),
    "15_categorical.csv": (60, 0, 0, 20, 26.475, {"block": "parameter", "depth": "parameter"}),
    "15_plus_minus.csv": (30, 0, 0, 16.3, 20.65, {"model": "name", "top-1 err": "error"}),
    "21_nan_in_unused_field.json": (3, 0, 0, 20, 20, dict.fromkeys(REGNET_PARAMETERS, "parameter")),
    "23_weight_decay_0.json": (6, 0, 0, 20, 20, {"weight_decay": "parameter", "learning_rate": "parameter"}),
    "24_regnet_as_setup_writes_it.json": (
        4, 0, 0, 20, 20, dict.fromkeys(REGNET_PARAMETERS, "parameter") | {"d_1": "left_out"},
    ),
    "25_stages_2_and_4.json": (
        6, 0, 0, 20, 20, {"d_1": "parameter", "d_3": "parameter", "w_4": "parameter", "w_0": "left_out"},
    ),
    "27_other_family.json": (3, 0, 0, 20, 20, {"learning_rate": "parameter", "flops": "complexity"}),
}  # fmt: skip


@pytest.mark.parametrize("name", NUMBERS)
def test_each_case_comes_in_with_its_numbers_and_roles(name: str) -> None:
    if not (CASES / name).is_file():
        pytest.skip(f"{CASES / name} is not there: NETSPACE_CASES names the folder of the cases.")
    told = imported(CASES / name)
    n, failed, left_out, lowest, mean, roles = NUMBERS[name]
    assert (told["n"], told["failed"], told["left_out"]) == (n, failed, left_out)
    assert told["min"] == pytest.approx(lowest)
    assert told["mean"] == pytest.approx(mean)
    assert told["roles"] | roles == told["roles"]


def test_a_missing_cell_costs_a_cell(tmp_path: Path) -> None:
    told = of_text(tmp_path, "depth,width,error\n1,8,20\n2,,30\n3,x,40\n4,16,\n")
    assert (told["n"], told["left_out"], told["mean"]) == (3, 1, 30)
    assert told["reasons"] == [{"reason": "error is empty", "rows": 1, "mean_with": None}]


@pytest.mark.parametrize(
    ("word", "n", "failed", "left_out"),
    [
        ("COMPLETE", 3, 0, 0), ("FINISHED", 3, 0, 0), ("TERMINATED", 3, 0, 0), ("FAIL", 2, 1, 0), ("crashed", 2, 1, 0),
        ("diverged", 2, 1, 0), ("TrialState.PRUNED", 2, 0, 1), ("killed", 2, 0, 1), ("running", 2, 0, 1),
        ("no such word", 2, 0, 1),
    ],
)  # fmt: skip
def test_only_a_run_that_finished_is_a_result(tmp_path: Path, word: str, n: int, failed: int, left_out: int) -> None:
    told = of_text(tmp_path, f"depth,error,state\n1,20,finished\n2,22,finished\n3,60,{word}\n")
    assert (told["n"], told["failed"], told["left_out"]) == (n, failed, left_out)


def test_the_person_says_what_becomes_of_a_status(tmp_path: Path) -> None:
    text = "depth,error,state\n1,20,finished\n2,22,finished\n3,60,pruned\n"
    assert of_text(tmp_path, text)["reasons"][0]["mean_with"] == 34
    assert of_text(tmp_path, text, "--status", "pruned=failed")["failed"] == 1
    assert of_text(tmp_path, text, "--status", "pruned=finished")["mean"] == 34


def test_runs_that_ended_before_their_last_epoch_are_no_results(tmp_path: Path) -> None:
    told = of_text(tmp_path, "depth,error,epoch,max_epoch\n1,20,100,100\n2,22,100,100\n3,60,7,100\n")
    assert (told["n"], told["left_out"]) == (2, 1)
    assert told["reasons"][0]["reason"] == "epoch is below max_epoch"


@pytest.mark.parametrize(
    ("cells", "mean"),
    [
        ("20,5;21,5;22,5", 21.5), ("20.5%;21.5 %;22.5%", 21.5), ("76,3 ± 0,2;76,3±0,4;76,3 +/- 0,1", 76.3),
        ("20.5*;21.5†;22.5", 21.5), ("2e1;21;22", 21),
    ],
)  # fmt: skip
def test_errors_are_read_however_they_are_written(tmp_path: Path, cells: str, mean: float) -> None:
    rows = "".join(f"{depth};{cell}\n" for depth, cell in enumerate(cells.split(";"), start=1))
    assert of_text(tmp_path, f"depth;error\n{rows}")["mean"] == pytest.approx(mean)


def test_a_column_that_reads_both_ways_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="Say what 1,234 in column steps means: it reads both ways"):
        of_text(tmp_path, "steps;error\n1,234;20\n5,678;30\n")


def test_units_are_read_from_names_and_sizes(tmp_path: Path) -> None:
    heads = ["GFLOPs", "flops (M)", "FLOPs", "MACs [G]", "GOPs", "#params", "Params (M)", "n_params", "Activations"]
    values = ["0.4", "400", "4e8", "0.2", "0.8", "5.5", "5.5", "5500000", "2.5"]
    units = ["flops-G", "flops-M", "flops-1", "flops-G", "flops-G-operations", "params-M", "params-M", "params-1",
             "acts-M"]  # fmt: skip
    for head, value, unit in zip(heads, values, units, strict=True):
        told = of_text(tmp_path, f"{head},error\n{value},20\n{float(value) * 1.1:g},21\n")
        assert told["roles"][head] == "complexity", head
        assert told["units"][head] == unit, head


FRAME = [{"depth": 1, "error": 20.0}, {"depth": 2, "error": 30.0}]


@pytest.mark.parametrize(
    "document",
    [
        FRAME,
        {"depth": {"0": 1, "1": 2}, "error": {"0": 20.0, "1": 30.0}},
        {"0": FRAME[0], "1": FRAME[1]},
        {"net-a": FRAME[0], "net-b": FRAME[1]},
        {"columns": ["depth", "error"], "index": [0, 1], "data": [[1, 20.0], [2, 30.0]]},
        {"schema": {"fields": []}, "data": [{"index": 0, **FRAME[0]}, {"index": 1, **FRAME[1]}]},
        {"depth": [1, 2], "error": [20.0, 30.0]},
        {"runs": FRAME},
        [["depth", "error"], [1, 20.0], [2, 30.0]],
        [{"config": {"depth": 1}, "summary": {"error": 20.0}}, {"config": {"depth": 2}, "summary": {"error": 30.0}}],
    ],
)
def test_json_is_read_however_it_is_turned(tmp_path: Path, document: Any) -> None:
    told = of_text(tmp_path, json.dumps(document), name="file.json")
    assert (told["n"], told["mean"]) == (2, 25)
    assert {name.split(".")[-1] for name in with_role(told, "parameter")} == {"depth"}


def test_a_value_that_is_no_number_in_json_costs_that_value(tmp_path: Path) -> None:
    text = '[{"loss": NaN, "error": 20}, {"loss": 1, "error": 30}, {"loss": -Infinity, "error": NaN}]'
    told = of_text(tmp_path, text, name="file.json")
    assert (told["n"], told["left_out"], told["missing"]) == (2, 1, {"loss": 1})


PLAIN = "depth,error\n1,20\n2,30\n"


def test_packed_and_foreign_texts_open(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text(PLAIN)
    with zipfile.ZipFile(tmp_path / "one.zip", "w") as pack:
        pack.write(tmp_path / "one.csv", "one.csv")
        pack.writestr("__MACOSX/._one.csv", b"x")
    texts: list[bytes] = [
        gzip.compress(PLAIN.encode()), (tmp_path / "one.zip").read_bytes(), PLAIN.encode("utf-16"),
        PLAIN.encode("utf-16-le"), PLAIN.replace(",", "\t").encode(), b"# made by us\n#\n" + PLAIN.encode(),
        PLAIN.replace("\n", ",\n").encode(), PLAIN.replace(",", "|").encode(), PLAIN.replace("\n", "\r\n").encode(),
        b'depth,error,"a, b"\n1,20,x\n2,30,y\n', b"depth,error\n1,20,\n2,30,\n", b"depth,error\na,1,20\nb,2,30\n",
        ("depth,error,größe\n1,20,2\n2,30,4\n" * 1).encode("cp1252"),
    ]  # fmt: skip
    for text in texts:
        told = of_text(tmp_path, text, name="upload")
        assert (told["n"], told["mean"]) == (2, 25), text
        assert "depth" in with_role(told, "parameter"), text


def test_a_workbook_opens(tmp_path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    for row in (["Results of 2026"], ["arch", "depth", "error"], ["0020", 1, 20.0], ["0120", 2, 30.0]):
        sheet.append(row)
    book.save(tmp_path / "book.xlsx")
    told = imported(tmp_path / "book.xlsx")
    assert (told["n"], told["mean"]) == (2, 25)
    assert told["roles"] == {"arch": "name", "depth": "parameter", "error": "error"}


def an_entry(k: int = 0, *, cfg: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    optim = {"BASE_LR": 0.1, "WEIGHT_DECAY": 5e-4, "MAX_EPOCH": 2}
    epochs = {
        "epoch_ind": [1, 2],
        "epoch_max": [2, 2],
        "top1_err": [30.0 - k, 25.0],
        "min_top1_err": [30.0 - k, 25.0 - k],
    }
    return {
        "cfg": {**REGNET, "OPTIM": optim, "RNG_SEED": k, **(cfg or {})},
        "complexity": {"flops": 2e8 + k, "params": 2e6, "acts": 2e6},
        "test_epoch": epochs,
        **more,
    }


def a_sweep(folder: Path, *entries: Any, options: tuple[str, ...] = ()) -> dict[str, Any]:
    return of_text(folder, json.dumps(entries), *options, name="sweep.json")


def test_a_sweep_takes_the_lowest_error_and_of_averaged_weights_where_they_are(tmp_path: Path) -> None:
    plain, averaged = an_entry(1), an_entry(2, test_ema_epoch={"top1_err": [21.0, 22.0], "min_top1_err": [21.0, 21.0]})
    told = a_sweep(tmp_path, plain, averaged)
    assert (told["n"], told["min"], told["mean"]) == (2, 21, 22.5)
    final = a_sweep(tmp_path, plain, averaged, options=("--role", "final_error=error"))
    assert final["mean"] == 25


def test_a_regnet_that_the_setup_tool_turned_into_an_anynet_has_the_regnets_parameters(tmp_path: Path) -> None:
    told = a_sweep(tmp_path, *(an_entry(k, cfg={"MODEL": {"TYPE": "anynet"}, "ANYNET": ANYNET}) for k in range(3)))
    assert with_role(told, "parameter") >= REGNET_PARAMETERS
    assert {"d_1", "w_1"} <= with_role(told, "left_out")
    assert told["roles"]["design"] == "design"


def test_an_anynet_beside_default_regnet_parameters_keeps_its_stages(tmp_path: Path) -> None:
    two = {"DEPTHS": [2, 5], "WIDTHS": [24, 56], "STRIDES": [2, 2], "BOT_MULS": [1.0] * 2, "GROUP_WS": [8] * 2}
    cfgs = [{"MODEL": {"TYPE": "anynet"}, "ANYNET": stages} for stages in (ANYNET, two)]
    told = a_sweep(tmp_path, *(an_entry(k, cfg=cfg) for k, cfg in enumerate(cfgs)))
    assert {"d_1", "d_4", "w_3"} <= with_role(told, "parameter")
    assert told["missing"]["d_3"] == 1
    assert "w_0" not in with_role(told, "parameter")


def test_dead_jobs_and_jobs_stopped_early_are_no_results(tmp_path: Path) -> None:
    dead = {"cfg": an_entry()["cfg"], "log_file": "out.txt"}
    early = an_entry(2)
    early["test_epoch"] = {"epoch_ind": [1], "epoch_max": [2], "top1_err": [80.0], "min_top1_err": [80.0]}
    told = a_sweep(tmp_path, dead, an_entry(1), early)
    assert (told["n"], told["left_out"], told["mean"]) == (1, 2, 24)
    assert {reason["reason"] for reason in told["reasons"]} == {
        "error is empty",
        "epoch_reached is below epochs_planned",
    }


def test_whatever_varies_in_the_configurations_becomes_a_parameter(tmp_path: Path) -> None:
    other = {"MODEL": {"TYPE": "effnet"}}
    told = a_sweep(
        tmp_path,
        an_entry(0, cfg=other | {"EN": {"DEPTHS": [1, 2], "STEM_W": 32}, "TRAIN": {"MIXUP_ALPHA": 0.0}}),
        an_entry(1, cfg=other | {"EN": {"DEPTHS": [1, 3], "STEM_W": 32}, "TRAIN": {"MIXUP_ALPHA": 0.2}}),
    )
    assert {"EN.DEPTHS_2", "TRAIN.MIXUP_ALPHA"} <= with_role(told, "parameter")
    assert "EN.STEM_W" not in told["roles"]
    assert told["roles"]["seed"] == "group"


def test_swept_epochs_are_a_parameter(tmp_path: Path) -> None:
    entries = [an_entry(k) for k in range(3)]
    for k, entry in enumerate(entries):
        entry["cfg"]["OPTIM"]["MAX_EPOCH"] = 2 + k
    assert "epochs" in with_role(a_sweep(tmp_path, *entries), "parameter")


def test_only_what_varies_among_many_columns_is_chosen(tmp_path: Path) -> None:
    head = "error," + ",".join(f"params.p{k}" for k in range(150))
    rows = "".join(f"{20.5 + row}," + ",".join(str(row + k) for k in range(150)) + "\n" for row in range(4))
    told = of_text(tmp_path, f"{head}\n{rows}")
    assert len(with_role(told, "parameter")) == 99
    assert told["n"] == 4


def test_what_trackers_add_is_no_parameter(tmp_path: Path) -> None:
    text = (
        "Name,State,Runtime,Sweep,lr,act,val_acc,_step,_timestamp,training_iteration,params.seed\n"
        "a,finished,611,s,0.1,relu,0.88,9,1700000000,10,0\nb,finished,700,s,0.2,none,0.91,9,1700000009,10,1\n"
        "c,crashed,50,s,0.5,relu,,3,1700000019,2,1\nd,running,50,s,0.5,relu,0.3,3,1700000029,3,2\n"
    )
    told = of_text(tmp_path, text)
    assert (told["n"], told["failed"], told["left_out"], told["mean"]) == (2, 1, 1, pytest.approx(10.5))
    assert with_role(told, "parameter") == {"lr", "act"}
    assert with_role(told, "group") == {"Sweep", "params.seed"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nothing=error", "no column nothing"), ("depth=king", "king is no role"),
        ("depth=error:furlongs", "furlongs is no unit"), ("depth", "must have the form"),
    ],
)  # fmt: skip
def test_a_role_that_can_not_be_is_refused_with_a_sentence(tmp_path: Path, given: str, said: str) -> None:
    with pytest.raises(CommandError, match=said):
        of_text(tmp_path, PLAIN, "--role", given)
