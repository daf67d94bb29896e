"""Image files in torchvision's ImageFolder layout, which is ImageNet's: train/<class>/*.jpg and val/<class>/*.jpg."""

from sweep.config.datasets import DataSet

PARTS = (
    DataSet(
        "image_folder",
        "files of images in one folder per class, in train/ and val/",
        needs="data_dir; dataset_name; image_size",
    ),
    DataSet(
        "imagenet",
        "ImageNet (ILSVRC 2012), as torchvision.datasets.ImageNet unpacks it",
        source="image_folder",
        needs="data_dir; image_size",
        printed=("ImageNet", "ImageNet-1K", "Imagenet-1K"),
        printed_side=224,
        corrupted="imagenet-c",
    ),
)
