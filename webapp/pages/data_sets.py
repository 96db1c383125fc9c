"""Data sets as people have to know them: where they must lie, how to obtain them, which workers have them."""

from __future__ import annotations

from dataclasses import dataclass

from engine.training.datasets import CIFAR_ADDRESS, DATA_SETS, FOLDER_PREFIX, data_set_facts
from webapp import queries
from webapp.queries import Holders

# Where the files must lie, below a worker's data folder, and how to come by them.
WHERE: dict[str, tuple[str, str]] = {
    "fashion-mnist": (
        "fashion-mnist/",
        "its four idx files, packed or not. Debian and Ubuntu: apt install dataset-fashion-mnist, which is found where "
        "it lies; elsewhere the demo downloads it.",
    ),
    "digits": ("", "comes with scikit-learn, and so with every worker."),
    "cifar-10": ("cifar-10/", f"unpack {CIFAR_ADDRESS} in it."),
    "imagenet": (
        "imagenet/",
        "train/CLASS/ and val/CLASS/ with the images of ILSVRC 2012 from image-net.org, which asks you to agree to its "
        "terms.",
    ),
}
OWN = (
    "NAME/",
    "train/CLASS/ and test/CLASS/ (or val/CLASS/) with your own images, a folder a class, the same classes in both. "
    "Then choose “A folder of images” in the form of a regime.",
)


@dataclass(frozen=True)
class DataSetLine:
    """``place`` is a folder below the data folder, empty where none is needed; ``holders`` is None without any."""

    name: str
    title: str
    place: str
    obtain: str
    holders: Holders | None


def data_set_lines(holders: dict[str, Holders]) -> list[DataSetLine]:
    """The data sets that have names, the folders of images that workers found, and how to add one."""
    lines = [
        DataSetLine(name, facts.title, *WHERE[name], holders=holders.get(name)) for name, facts in DATA_SETS.items()
    ]
    lines += [
        DataSetLine(
            name,
            data_set_facts(name).title,
            f"{name.removeprefix(FOLDER_PREFIX)}/",
            "found there by a worker.",
            holders[name],
        )
        for name in holders
        if name.startswith(FOLDER_PREFIX)
    ]
    return [*lines, DataSetLine(f"{FOLDER_PREFIX}NAME", "A folder of images", *OWN, holders=None)]


def found_folders() -> list[str]:
    """The folders of images that living workers have, by their names."""
    names = queries.data_set_holders()
    return [name.removeprefix(FOLDER_PREFIX) for name in names if name.startswith(FOLDER_PREFIX)]
