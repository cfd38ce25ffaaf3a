"""Square images: convolutions over the pixels of a row."""

import numpy as np
import pytest
import torch

from model.networks.images import Images, side


@pytest.mark.parametrize(
    ("pixels", "expected"), [(16, 4), (64, 8), (784, 28), (9, None), (4, None), (0, None), (63, None), (65, None)]
)
def test_a_square_of_at_least_four_is_an_image(pixels: int, expected: int | None) -> None:
    """Only as many columns as a square has make an image."""
    assert side(pixels) == expected


@pytest.mark.parametrize("size", [4, 5, 8, 28])
def test_images_of_any_side_become_columns(size: int) -> None:
    """The number of columns is as told; columns beyond the pixels are handed on as they are."""
    torch.manual_seed(0)
    images = Images(size).eval()
    rows = torch.from_numpy(np.random.default_rng(0).random((3, size * size + 2), dtype=np.float32))
    columns = images(rows)
    assert columns.shape == (3, images.width + 2)
    assert torch.equal(columns[:, -2:], rows[:, -2:])
    torch.testing.assert_close(torch.jit.script(images)(rows), columns)


def test_pixels_lie_row_by_row() -> None:
    """A stroke down and a stroke across differ by their place: the second pixel is beside the first, not below it."""
    images = Images(4).eval()
    with torch.no_grad():
        first = images.layers[0]
        assert isinstance(first, torch.nn.Conv2d)
        first.weight.zero_()
        first.weight[:, :, 1, 2] = 1.0  # takes the pixel to the right
        assert first.bias is not None
        first.bias.zero_()
    shifted = images.layers[:2](torch.arange(16.0).reshape(1, 1, 4, 4))[0, 0]
    assert shifted[0].tolist() == [1.0, 2.0, 3.0, 0.0]
