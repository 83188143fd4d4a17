import numpy as np

Shape = tuple[int, ...]

def convolve(
    arriving: np.ndarray,
    weights: np.ndarray,
    unit: np.ndarray,
    current: np.ndarray,
    v: np.ndarray,
    counts: np.ndarray,
    fan_out: np.ndarray,
    result: np.ndarray,
    images: int,
    shape_in: Shape,
    shape_out: Shape,
    kernel: int,
    stride: int,
    groups: int,
    block: int,
    threads: int,
) -> None: ...
def pool(
    arriving: np.ndarray,
    counts: np.ndarray,
    fan_out: np.ndarray,
    result: np.ndarray,
    images: int,
    shape_in: Shape,
    shape_out: Shape,
    kernel: int,
    stride: int,
    threads: int,
) -> None: ...
def fire_current(
    current: np.ndarray,
    v: np.ndarray,
    counts: np.ndarray,
    fan_out: np.ndarray,
    result: np.ndarray,
    whole: bool,
    images: int,
    shape: Shape,
    threads: int,
) -> None: ...
