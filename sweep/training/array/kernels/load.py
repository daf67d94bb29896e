"""What the convolution kernels share: batch norm and ReLU applied while loading, and their gradients."""

import triton
import triton.language as tl

# Rows of `norm` (K, 5, C), in float32: x = max(z * multiplier + offset, 0), both times what the next layer's step
# size leaves to its input.
MEAN, RSTD, SCALE, MULTIPLIER, OFFSET = (tl.constexpr(row) for row in range(5))
NORM_ROWS = tl.constexpr(5)
# Rows of `coefficients` (K, 3, C), in float32: grad_z = scale * grad_y + slope * z + constant.
GRAD_SCALE, GRAD_SLOPE, GRAD_CONSTANT = (tl.constexpr(row) for row in range(3))
GRAD_ROWS = tl.constexpr(3)


@triton.jit
def load_row(table, row: tl.constexpr, c, channels: tl.constexpr):
    """Loads a row (C,) of one member's `norm` or `coefficients`."""
    return tl.load(table + row * channels + c, mask=c < channels, other=0.0)


@triton.jit
def window_positions(n, tap, images, shape: tl.constexpr):
    """The input positions under one tap of the windows of output positions `n`, and which are inside the image."""
    inside = n < images * shape.out_positions
    position = n
    if shape.kernel == 3:
        y = n // shape.out_width % shape.out_height * 2 + tap // 3 - 1
        x = n % shape.out_width * 2 + tap % 3 - 1
        inside &= (y >= 0) & (y < shape.in_height) & (x >= 0) & (x < shape.in_width)
        position = (n // shape.out_positions * shape.in_height + y) * shape.in_width + x
    return position, inside


@triton.jit
def load_input(source, norm, position, inside, c, channels: tl.constexpr, normalizes: tl.constexpr):
    """The layer's input (positions, channels), 0 outside the image; a NaN stays one."""
    at = position[:, None] * channels + c[None, :]
    x = tl.load(source + at, mask=inside[:, None] & (c < channels)[None, :], other=0.0)
    if normalizes:
        y = x.to(tl.float32) * load_row(norm, MULTIPLIER, c, channels)[None, :]
        y += load_row(norm, OFFSET, c, channels)[None, :]
        y = tl.maximum(y, 0.0, propagate_nan=tl.PropagateNan.ALL)
        x = tl.where(inside[:, None], y, 0.0).to(x.dtype)
    return x


@triton.jit
def load_gradient(grad, z, coefficients, position, inside, c, channels: tl.constexpr):
    """The gradient of a convolution's output, from that of its BN's output; 0 outside the image."""
    at = position[:, None] * channels + c[None, :]
    mask = inside[:, None] & (c < channels)[None, :]
    grad_y = tl.load(grad + at, mask=mask, other=0.0)
    normed = tl.load(z + at, mask=mask, other=0.0).to(tl.float32)
    grad_z = grad_y.to(tl.float32) * load_row(coefficients, GRAD_SCALE, c, channels)[None, :]
    grad_z += normed * load_row(coefficients, GRAD_SLOPE, c, channels)[None, :]
    grad_z += load_row(coefficients, GRAD_CONSTANT, c, channels)[None, :]
    return tl.where(inside[:, None], grad_z, 0.0).to(grad_y.dtype)


@triton.jit
def store_masked_gradient(grad, z, norm, out, partials, position, inside, c, channels: tl.constexpr):
    """Applies the ReLU mask to the gradient of a ReLU's output; stores it, and its sums for beta and gamma."""
    at = position[:, None] * channels + c[None, :]
    mask = inside[:, None] & (c < channels)[None, :]
    below = tl.load(z + at, mask=mask, other=0.0).to(tl.float32)
    y = below * load_row(norm, MULTIPLIER, c, channels)[None, :] + load_row(norm, OFFSET, c, channels)[None, :]
    grad_y = tl.where(mask & (y > 0), grad, 0.0)
    tl.store(out + at, grad_y.to(out.dtype.element_ty), mask=mask)
    normalized = (below - load_row(norm, MEAN, c, channels)[None, :]) * load_row(norm, RSTD, c, channels)[None, :]
    tl.store(partials + c, tl.sum(grad_y, 0), mask=c < channels)
    tl.store(partials + channels + c, tl.sum(grad_y * normalized, 0), mask=c < channels)
