# distutils: language = c++
# cython: language_level=3, boundscheck=False, wraparound=False
"""The C++ kernels (``event_kernel.h``, ``image_kernel.h``, ``pooling_kernel.h``) for NumPy arrays."""

from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t

ctypedef fused real:
    float
    double

ctypedef fused pixel:
    uint8_t
    float

cdef extern from "event_kernel.h" namespace "siamsnn":
    cdef cppclass ConvolutionGeometry:
        int images, height, width, channels
        int out_height, out_width, out_channels
        int kernel, stride, groups, block

    int64_t convolve_events[real](
        const int32_t*, int, const real*, int, const real*, real*,
        const ConvolutionGeometry&, int, int) nogil

    int64_t convolve_fixed_point_ "siamsnn::convolve_fixed_point"[real](
        const int32_t*, int, const int16_t*, const real*, real*, const ConvolutionGeometry&, int, int) nogil

cdef extern from "instructions.h" namespace "siamsnn":
    int instructions() nogil
    cdef cppclass atomic_int "std::atomic<int>":
        void store(int)
    atomic_int& instruction_limit()

cdef extern from "image_kernel.h" namespace "siamsnn":
    int IMAGE_BLOCK

    cdef cppclass ImageGeometry:
        int width, channels, out_height, out_width, out_channels, kernel, stride

    void convolve_image_ "siamsnn::convolve_image"[pixel](
        const pixel*, const float*, const float*, float*, const ImageGeometry&, int) nogil

cdef extern from "pooling_kernel.h" namespace "siamsnn":
    int64_t pool_events[real](
        const int32_t*, int, const real*, int, real*, real*, const real*, real*,
        const ConvolutionGeometry&, int, int) nogil

    int64_t gate_events[real](
        const int32_t*, int, const real*, int, real*, real*, int32_t*, real*,
        const ConvolutionGeometry&, int, int) nogil

    int64_t or_events[real](
        const int32_t*, int, const real*, int, real*, const ConvolutionGeometry&, int, int) nogil


#: Number of output channels of the first layer that are summed together.
image_block = IMAGE_BLOCK


def instruction_set():
    """Return which vector instructions the kernels use: 0 for those of every processor, 1 for AVX2, 2 for AVX-512."""
    return instructions()


def limit_instructions(int level):
    """Use no more than these instructions, for tests; see `instruction_set`."""
    instruction_limit().store(level)


def convolve_image(const pixel[:, :, ::1] image, const float[::1] weights, const float[::1] bias,
                   float[:, :, ::1] current, int kernel, int stride, int threads):
    """Convolve an image with the weights of the first layer.

    Parameters
    ----------
    image : ndarray of uint8 or float32, shape (H, W, channels)
        The image.
    weights : ndarray of float32
        Blocked weights, [block][ky][kx][channel][channel in block], zero-padded to whole blocks of ``image_block``.
    bias : ndarray of float32
        Bias, zero-padded likewise.
    current : ndarray of float32, shape (H', W', out_channels)
        Result, written in place.
    kernel : int
        Side of the kernel.
    stride : int
        Stride in both directions.
    threads : int
        Number of threads.
    """
    cdef ImageGeometry g
    g.width, g.channels = image.shape[1], image.shape[2]
    g.out_height, g.out_width, g.out_channels = current.shape[0], current.shape[1], current.shape[2]
    g.kernel, g.stride = kernel, stride
    with nogil:
        convolve_image_(&image[0, 0, 0], &weights[0], &bias[0], &current[0, 0, 0], g, threads)


cdef ConvolutionGeometry geometry(
    int images, tuple shape_in, tuple shape_out, int kernel, int stride, int groups, int block
):
    cdef ConvolutionGeometry g
    g.images = images
    g.height, g.width, g.channels = shape_in
    g.out_height, g.out_width, g.out_channels = shape_out
    g.kernel, g.stride, g.groups, g.block = kernel, stride, groups, block
    return g


def convolve(const int32_t[::1] spikes, const real[::1] amplitude, const real[::1] weights, real[::1] v,
             int images, tuple shape_in, tuple shape_out, int kernel, int stride, int groups, int block,
             int strip, int threads):
    """Add the spikes of a time step to the membrane potentials.

    Parameters
    ----------
    spikes : ndarray of int32, shape (n,)
        Presynaptic neurons that fired, ascending.
    amplitude : ndarray, shape (n,) or (1,)
        Amplitude of each spike, or of all of them.
    weights : ndarray
        Blocked weights, [group][block][ky][kx][channel][channel in block], zero-padded to whole blocks.
    v : ndarray
        Postsynaptic membrane potentials, changed in place.
    images : int
        Number of images that are simulated side by side.
    shape_in : tuple of int
        Shape (height, width, channels) of the presynaptic layer.
    shape_out : tuple of int
        Shape (height, width, channels) of the postsynaptic layer.
    kernel : int
        Side of the kernel.
    stride : int
        Stride in both directions.
    groups : int
        Number of groups of the convolution.
    block : int
        Number of output channels that are added together: 16, 32, 48 or 64.
    strip : int
        Number of output rows in a task of one thread.
    threads : int
        Number of threads.

    Returns
    -------
    int
        Number of synaptic events: spikes times fan-out.
    """
    cdef ConvolutionGeometry g = geometry(images, shape_in, shape_out, kernel, stride, groups, block)
    cdef int n = spikes.shape[0]
    cdef int amplitude_stride = amplitude.shape[0] > 1
    cdef int64_t events
    if n == 0:
        return 0
    with nogil:
        events = convolve_events(&spikes[0], n, &amplitude[0], amplitude_stride, &weights[0], &v[0], g, strip, threads)
    return events


def convolve_fixed_point(const int32_t[::1] spikes, const int16_t[::1] weights, const real[::1] unit, real[::1] v,
                         int images, tuple shape_in, tuple shape_out, int kernel, int stride, int groups, int block,
                         int strip, int threads):
    """Add the spikes of a time step, all of amplitude 1, to the membrane potentials, with fixed-point weights.

    Parameters are as for `convolve`, except for these.

    Parameters
    ----------
    weights : ndarray of int16
        Blocked weights as multiples of the unit; no sum of weights over a window may exceed 16 bits.
    unit : ndarray, shape (out_channels,)
        Unit of each output channel.

    Returns
    -------
    int
        Number of synaptic events: spikes times fan-out.
    """
    cdef ConvolutionGeometry g = geometry(images, shape_in, shape_out, kernel, stride, groups, block)
    cdef int n = spikes.shape[0]
    cdef int64_t events
    if n == 0:
        return 0
    with nogil:
        events = convolve_fixed_point_(&spikes[0], n, &weights[0], &unit[0], &v[0], g, strip, threads)
    return events


def pool(const int32_t[::1] spikes, const real[::1] amplitude, real[::1] sums, real[::1] maximum,
         const real[::1] emitted, real[::1] rise,
         int images, tuple shape_in, tuple shape_out, int kernel, int stride, int strip, int threads):
    """Update the running maxima of pooling windows with the spikes of a time step (``max_pool.toml``).

    Parameters are as for `convolve`, except for these.

    Parameters
    ----------
    sums : ndarray
        Sum of the amplitudes that each presynaptic neuron has sent, changed in place.
    maximum : ndarray
        Largest of these sums in each window, changed in place.
    emitted : ndarray
        Part of the maximum that each gate has sent already.
    rise : ndarray
        Difference of the two, changed in place.

    Returns
    -------
    int
        Number of events: spikes times windows.
    """
    cdef ConvolutionGeometry g = geometry(images, shape_in, shape_out, kernel, stride, 1, 16)
    cdef int n = spikes.shape[0]
    cdef int amplitude_stride = amplitude.shape[0] > 1
    cdef int64_t events
    if n == 0:
        return 0
    with nogil:
        events = pool_events(&spikes[0], n, &amplitude[0], amplitude_stride, &sums[0], &maximum[0],
                             &emitted[0], &rise[0], g, strip, threads)
    return events


def gate(const int32_t[::1] spikes, const real[::1] amplitude, real[::1] sums, real[::1] maximum,
         int32_t[::1] leader, real[::1] passed,
         int images, tuple shape_in, tuple shape_out, int kernel, int stride, int strip, int threads):
    """Pass the spikes of leading inputs of pooling windows (``max_pool_first.toml``, ``max_pool_all.toml``).

    Parameters are as for `pool`, except for these.

    Parameters
    ----------
    leader : ndarray of int32
        Leading input of each window, changed in place. If the array is empty, spikes of all leading inputs pass, as in
        ``max_pool_all.toml``; otherwise only those of the first one.
    passed : ndarray
        Amplitude that each gate passes in this time step, changed in place.

    Returns
    -------
    int
        Number of events: spikes times windows.
    """
    cdef ConvolutionGeometry g = geometry(images, shape_in, shape_out, kernel, stride, 1, 16)
    cdef int n = spikes.shape[0]
    cdef int amplitude_stride = amplitude.shape[0] > 1
    cdef int32_t* leaders = &leader[0] if leader.shape[0] else NULL
    cdef int64_t events
    if n == 0:
        return 0
    with nogil:
        events = gate_events(&spikes[0], n, &amplitude[0], amplitude_stride, &sums[0], &maximum[0],
                             leaders, &passed[0], g, strip, threads)
    return events


def any_of(const int32_t[::1] spikes, const real[::1] amplitude, real[::1] arrived,
           int images, tuple shape_in, tuple shape_out, int kernel, int stride, int strip, int threads):
    """Add up what arrives at each pooling window in a time step (``or_pool.toml``).

    Parameters are as for `pool`, except for this one.

    Parameters
    ----------
    arrived : ndarray
        Sum of the amplitudes that arrived at each gate, changed in place.

    Returns
    -------
    int
        Number of events: spikes times windows.
    """
    cdef ConvolutionGeometry g = geometry(images, shape_in, shape_out, kernel, stride, 1, 16)
    cdef int n = spikes.shape[0]
    cdef int amplitude_stride = amplitude.shape[0] > 1
    cdef int64_t events
    if n == 0:
        return 0
    with nogil:
        events = or_events(&spikes[0], n, &amplitude[0], amplitude_stride, &arrived[0], g, strip, threads)
    return events
