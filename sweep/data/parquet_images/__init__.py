"""Any train/test pair of parquet files in the Hugging Face image layout (a struct column with encoded bytes)."""

from sweep.config.datasets import DataSet

PART = DataSet(
    "parquet_images",
    "train-*.parquet and test-*.parquet in the Hugging Face image layout",
    needs="data_dir; dataset_name; label_column, where the files do not say which",
)
