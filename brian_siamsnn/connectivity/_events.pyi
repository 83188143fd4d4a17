import numpy as np

Shape = tuple[int, ...]

def instruction_set() -> int: ...
def limit_instructions(level: int) -> None: ...

image_block: int

def convolve_image(
    image: np.ndarray,
    weights: np.ndarray,
    bias: np.ndarray,
    current: np.ndarray,
    kernel: int,
    stride: int,
    threads: int,
) -> None: ...
def convolve(
    spikes: np.ndarray,
    amplitude: np.ndarray,
    weights: np.ndarray,
    v: np.ndarray,
    images: int,
    shape_in: Shape,
    shape_out: Shape,
    kernel: int,
    stride: int,
    groups: int,
    block: int,
    strip: int,
    threads: int,
) -> int: ...
def convolve_fixed_point(
    spikes: np.ndarray,
    weights: np.ndarray,
    unit: np.ndarray,
    v: np.ndarray,
    images: int,
    shape_in: Shape,
    shape_out: Shape,
    kernel: int,
    stride: int,
    groups: int,
    block: int,
    strip: int,
    threads: int,
) -> int: ...
def pool(
    spikes: np.ndarray,
    amplitude: np.ndarray,
    sums: np.ndarray,
    maximum: np.ndarray,
    emitted: np.ndarray,
    rise: np.ndarray,
    images: int,
    shape_in: Shape,
    shape_out: Shape,
    kernel: int,
    stride: int,
    strip: int,
    threads: int,
) -> int: ...
def gate(
    spikes: np.ndarray,
    amplitude: np.ndarray,
    sums: np.ndarray,
    maximum: np.ndarray,
    leader: np.ndarray,
    passed: np.ndarray,
    images: int,
    shape_in: Shape,
    shape_out: Shape,
    kernel: int,
    stride: int,
    strip: int,
    threads: int,
) -> int: ...
def any_of(
    spikes: np.ndarray,
    amplitude: np.ndarray,
    arrived: np.ndarray,
    images: int,
    shape_in: Shape,
    shape_out: Shape,
    kernel: int,
    stride: int,
    strip: int,
    threads: int,
) -> int: ...
