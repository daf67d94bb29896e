"""Images that are decoded for every batch: which, and that nothing but (seed, epoch, index) decides how."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from sweep import data
from sweep.config.checks import ConfigError
from sweep.config.run import DataSource, RunConfig
from sweep.data.device import ImageData
from sweep.data.interface import WHOLE, Part
from sweep.data.order import augmentation_key, permutation, random_bits
from sweep.data.resized import central_crop, random_crop
from sweep.data.streamed import StreamedData
from tests.conftest import tiny_run
from tests.data.files_of import SIDE, write_photographs

CPU = torch.device("cpu")
BATCH = 7


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> DataSource:
    return write_photographs(tmp_path_factory.mktemp("photographs"))


def streamed(source: DataSource, workers: int = 0, **changes: object) -> StreamedData:
    return StreamedData(data.load_files(source), streamed_run(**changes), CPU, workers)


def streamed_run(**changes: object) -> RunConfig:
    return tiny_run(
        **{
            "augmentation": "file_crop_flip",
            "train_subset": 0,
            "test_subset": 0,
            "seed": 3,
            "batch_size": BATCH,
            **changes,
        }
    )


def batches_of(made: StreamedData, epoch: int, step: int = 0, part: Part = WHOLE) -> Iterator[tuple[Tensor, Tensor]]:
    batches = made.batches(streamed_run(), part)
    batches.start(epoch, step)
    for size in batches.sizes[step:]:
        batch = batches.next_batch(size)
        yield batch.images[0], batch.labels[0]


def equal(found: Iterator[tuple[Tensor, Tensor]], expected: list[tuple[Tensor, Tensor]]) -> bool:
    return all(
        torch.equal(images, others) and torch.equal(labels, other_labels)
        for (images, labels), (others, other_labels) in zip(found, expected, strict=True)
    )


def test_a_batch_by_its_definition(source: DataSource) -> None:
    images, labels = next(batches_of(streamed(source), epoch=4))
    files = [
        *sorted(Path(source.directory).glob("train/bright/*")),
        *sorted(Path(source.directory).glob("train/dark/*")),
    ]
    index = permutation(3, 4, len(files), CPU)[:BATCH]
    for image, label, i in zip(images, labels, index, strict=True):
        bits = int(random_bits(augmentation_key(3, 4), i))
        np.testing.assert_array_equal(image, random_crop(Image.open(files[i]), SIDE, bits))
        assert label == (files[i].parent.name == "dark")


def test_neither_workers_nor_where_it_starts_change_a_batch(source: DataSource) -> None:
    alone, helped = streamed(source), streamed(source, workers=2)
    expected = list(batches_of(alone, epoch=1))
    batches = helped.batches(streamed_run())
    batches.start(0, 0)
    batches.next_batch(BATCH)  # others are decoded ahead, and forgotten
    batches.start(1, 1)
    resumed = ((batch.images[0], batch.labels[0]) for batch in map(batches.next_batch, batches.sizes[1:]))
    assert equal(resumed, expected[1:])
    assert not equal(batches_of(alone, epoch=2), expected)


def test_the_parts_of_processes_are_the_whole_batch(source: DataSource) -> None:
    made = streamed(source)
    parts = [list(batches_of(made, 1, part=Part(index, 3))) for index in range(3)]
    joined = [tuple(map(torch.cat, zip(*same, strict=True))) for same in zip(*parts, strict=True)]
    assert equal(batches_of(made, 1), joined)  # type: ignore[arg-type]
    clean = [torch.cat([images for images, _ in made.test.batches(2, Part(index, 3))]) for index in range(3)]
    assert torch.equal(torch.cat(clean), torch.cat([images for images, _ in made.test.batches(1000)]))


def test_evaluation_sees_the_centres_in_order(source: DataSource) -> None:
    made = streamed(source, workers=2)
    files = [*sorted(Path(source.directory).glob("val/bright/*")), *sorted(Path(source.directory).glob("val/dark/*"))]
    images, labels = (torch.cat(parts) for parts in zip(*made.test.batches(3), strict=True))
    np.testing.assert_array_equal(images, [central_crop(Image.open(file), SIDE) for file in files])
    assert made.test.labels.tolist() == [0] * 5 + [1] * 5 == labels.tolist()
    assert (made.classes, made.channels, made.image_size) == (2, 3, (SIDE, SIDE))


def test_subsets_are_those_of_arrays(source: DataSource, tmp_path: Path) -> None:
    data.prepare(source, tmp_path)
    arrays = ImageData(data.load(source, tmp_path), tiny_run(train_subset=9, test_subset=4), CPU)
    files = streamed(source, train_subset=9, test_subset=4)
    for split, other in ((files.train, arrays.train), (files.test, arrays.test)):
        assert torch.equal(split.labels, other.labels)


def test_images_are_standardized_by_imagenets_statistics(source: DataSource) -> None:
    white = streamed(source).normalize(torch.full((1, 2, 2, 3), 255, dtype=torch.uint8))
    expected = [(1 - mean) / std for mean, std in ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))]
    torch.testing.assert_close(white[0, :, 1, 1], torch.tensor(expected))


@pytest.mark.parametrize("workers", [0, 1])
def test_what_is_no_image_is_named(workers: int, tmp_path: Path) -> None:
    broken = write_photographs(tmp_path, train=2, test=1)
    (tmp_path / "val" / "dark" / "0.jpg").write_bytes(b"no image")
    with pytest.raises(ConfigError, match=r"val/dark/0.jpg: not an image"):
        list(streamed(broken, workers).test.batches(10))
