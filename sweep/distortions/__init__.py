"""Trained networks on corrupted test images: QGen section 4.3, QReg section 4. `python -m sweep.distort`."""
