"""Images in parquet files: described, decoded, checked."""

import hashlib
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image

from sweep.config.checks import ConfigError, allowed
from sweep.config.facts import DataFacts
from sweep.config.run import DataSource
from sweep.data import cache
from sweep.data.arrays import ImageArrays, Images

SPLITS = ("train", "test")


def describe(source: DataSource) -> DataFacts:
    files = {split: _files(source, split) for split in SPLITS}
    first = pq.read_schema(files["train"][0])
    image_column, label_column = _columns(source, first)
    sizes = {split: sum(pq.read_metadata(file).num_rows for file in files[split]) for split in SPLITS}
    head = next(pq.ParquetFile(files["train"][0]).iter_batches(batch_size=1, columns=[image_column]))
    height, width, channels = _decode(head.column(0)[0]["bytes"].as_py(), files["train"][0]).shape
    labels = _labels(files["train"], label_column)
    return DataFacts(
        sizes["train"], sizes["test"], channels, height, width, len(_class_names(first, label_column, labels)),
        _sha256([*files["train"], *files["test"]], (image_column, label_column)),
    )  # fmt: skip


def prepare(source: DataSource, cache_dir: Path) -> None:
    """Decodes every image once, into arrays under `cache_dir` that all workers read."""
    cache.write_once(_cache(source, cache_dir), lambda: _read(source))


def load(source: DataSource, cache_dir: Path) -> ImageArrays:
    return cache.read(_cache(source, cache_dir))


def _cache(source: DataSource, cache_dir: Path) -> Path:
    return cache_dir / f"{source.name}-{describe(source).sha256[:16]}"


def _files(source: DataSource, split: str) -> list[Path]:
    folder = Path(source.directory)
    files = sorted(folder.glob(f"{split}-*.parquet")) or sorted(folder.glob(f"{split}.parquet"))
    if not files:
        raise ConfigError(
            f"data_dir={folder.resolve()}: no {split}-*.parquet or {split}.parquet there; "
            f"dataset=parquet_images needs one or more files of both splits, train and test"
        )
    return files


def _columns(source: DataSource, schema: pa.Schema) -> tuple[str, str]:
    images = [f.name for f in schema if pa.types.is_struct(f.type) and f.type.get_field_index("bytes") >= 0]
    if len(images) != 1:
        raise ConfigError(
            f"data_dir={source.directory}: one column with encoded images (a struct with `bytes`) is needed, "
            f"the files have {images or 'none'} among {allowed(schema.names)}"
        )
    labels = [name for name, feature in _features(schema).items() if feature.get("_type") == "ClassLabel"]
    labels = [source.label_column] if source.label_column else labels or ["label"]
    if len(labels) != 1 or labels[0] not in schema.names:
        raise ConfigError(
            f"label_column={source.label_column}: give one of {allowed(set(schema.names) - set(images))} "
            f"(found: {allowed(labels)})"
        )
    return images[0], labels[0]


def _features(schema: pa.Schema) -> dict[str, Any]:
    metadata = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
    features: dict[str, Any] = metadata.get("info", {}).get("features", {})
    return features


def _class_names(schema: pa.Schema, label_column: str, labels: np.ndarray[Any, Any]) -> tuple[str, ...]:
    """From the metadata where it has them, else the numbers up to the largest label."""
    names = _features(schema).get(label_column, {}).get("names")
    return tuple(names) if names else tuple(str(label) for label in range(int(labels.max()) + 1))


def _sha256(files: Iterable[Path], columns: tuple[str, ...]) -> str:
    digest = hashlib.sha256(repr(columns).encode())
    for file in files:
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def _labels(files: Iterable[Path], column: str) -> np.ndarray[Any, Any]:
    labels = pa.concat_arrays([pq.read_table(file, columns=[column])[column].combine_chunks() for file in files])
    if not pa.types.is_integer(labels.type) or labels.null_count or pc.min(labels).as_py() < 0:
        raise ConfigError(f"label_column={column}: whole numbers from 0 are needed, the files have {labels.type}")
    return np.asarray(labels.to_numpy(zero_copy_only=False), dtype=np.int64)


def _read(source: DataSource) -> ImageArrays:
    files = {split: _files(source, split) for split in SPLITS}
    schema = pq.read_schema(files["train"][0])
    image_column, label_column = _columns(source, schema)
    labels = {split: _labels(files[split], label_column) for split in SPLITS}
    names = _class_names(schema, label_column, labels["train"])
    for split in SPLITS:
        if labels[split].max() >= len(names):
            raise ConfigError(f"{split} files: label {labels[split].max()} is beyond the {len(names)} classes")
    images = {split: _images(files[split], image_column) for split in SPLITS}
    if images["train"].shape[1:] != images["test"].shape[1:]:
        raise ConfigError(f"train images are {images['train'].shape[1:]}, test images {images['test'].shape[1:]}")
    return ImageArrays(images["train"], labels["train"], images["test"], labels["test"], names)


def _images(files: Iterable[Path], column: str) -> Images:
    decoded: list[Images] = []
    for file in files:
        for row, encoded in enumerate(pq.read_table(file, columns=[column])[column]):
            decoded.append(_decode(encoded["bytes"].as_py(), file, row))
            if decoded[-1].shape != decoded[0].shape:
                raise ConfigError(
                    f"{file}, row {row}: image of shape {decoded[-1].shape}, others {decoded[0].shape}; "
                    f"all images of a data set must have one size and one number of channels"
                )
    return np.stack(decoded)


def _decode(encoded: bytes, file: Path, row: int = 0) -> Images:
    """(H, W, C): one channel where the image is grey, three otherwise."""
    try:
        image = Image.open(io.BytesIO(encoded))
        array = np.asarray(image if image.mode == "L" else image.convert("RGB"), dtype=np.uint8)
    except (OSError, TypeError) as error:
        raise ConfigError(f"{file}, row {row}: not an image ({error})") from error
    return array[..., np.newaxis] if array.ndim == 2 else array
