"""CIFAR through torchvision: from files that are there, from a download, and from neither."""

import hashlib
import pickle
import tarfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from sweep import data
from sweep.config.checks import ConfigError
from sweep.config.run import DataSource
from sweep.data.vision import torchvision


def source(folder: Path, kind: str = "cifar10") -> DataSource:
    return DataSource(kind, kind, str(folder))


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A tiny archive in CIFAR-10's format, with torchvision told its checksums and where it is."""
    dataset: Any = torchvision.datasets.CIFAR10
    folder = tmp_path / "made" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    checksums = {}
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        images = generator.integers(0, 256, (2, 3072), dtype=np.uint8)
        (folder / name).write_bytes(pickle.dumps({"data": images, "labels": [3, 7]}))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": [f"class {i}" for i in range(10)]}))
    for file in folder.iterdir():
        checksums[file.name] = hashlib.md5(file.read_bytes()).hexdigest()
    path = tmp_path / "made" / dataset.filename
    with tarfile.open(path, "w:gz") as tar:
        tar.add(folder, folder.name)
    lists = [[name, checksums[name]] for name in sorted(checksums) if name.startswith("data")]
    monkeypatch.setattr(dataset, "train_list", lists)
    monkeypatch.setattr(dataset, "test_list", [["test_batch", checksums["test_batch"]]])
    monkeypatch.setattr(dataset, "meta", dataset.meta | {"md5": checksums["batches.meta"]})
    monkeypatch.setattr(dataset, "tgz_md5", hashlib.md5(path.read_bytes()).hexdigest())
    handler = partial(QuietHandler, directory=str(path.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(dataset, "url", f"http://127.0.0.1:{server.server_port}/{path.name}")
        yield path
        server.shutdown()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Nothing."""


def test_it_is_downloaded_checked_and_read(archive: Path, tmp_path: Path) -> None:
    cifar = source(tmp_path / "data")
    data.prepare(cifar, tmp_path)
    arrays = data.load(cifar, tmp_path)
    assert arrays.train_images.shape == (10, 32, 32, 3) and arrays.train_images.dtype == np.uint8
    assert arrays.train_labels.tolist() == [3, 7] * 5
    assert arrays.test_images.shape == (2, 32, 32, 3)
    first = pickle.loads((archive.parent / "cifar-10-batches-py" / "data_batch_1").read_bytes())["data"][0]
    np.testing.assert_array_equal(arrays.train_images[0], first.reshape(3, 32, 32).transpose(1, 2, 0))
    assert arrays.class_names[2] == "class 2"


def test_files_that_are_there_are_not_downloaded(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "url", "http://127.0.0.1:1/nowhere")
    data.prepare(source(archive.parent), tmp_path)
    assert len(data.load(source(archive.parent), tmp_path).train_labels) == 10


def test_without_files_and_network_the_error_says_what_to_do(archive: Path, tmp_path: Path) -> None:
    archive.unlink()
    with pytest.raises(ConfigError, match=r"cifar-10-batches-py is not in data_dir=.*dataset=digits"):
        data.prepare(source(tmp_path / "data"), tmp_path)


def test_a_damaged_archive_is_refused(archive: Path, tmp_path: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:-50])
    with pytest.raises(ConfigError, match=r"is not in data_dir=.*or is damaged"):
        data.prepare(source(tmp_path / "data"), tmp_path)


@pytest.mark.parametrize(("kind", "classes"), [("cifar10", 10), ("cifar100", 100)])
def test_it_is_described_without_files(kind: str, classes: int, tmp_path: Path) -> None:
    facts = data.describe(source(tmp_path, kind))
    assert (facts.train_size, facts.test_size, facts.classes, facts.height) == (50_000, 10_000, classes, 32)
