# distutils: language = c++
# cython: language_level=3, boundscheck=False, wraparound=False
"""The C++ kernels of a window (``window_kernel.h``) for NumPy arrays."""

from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t
from libcpp cimport bool

ctypedef fused real:
    float
    double

cdef extern from "window_kernel.h" namespace "siamsnn":
    cdef cppclass ConvolutionGeometry:
        int images, height, width, channels
        int out_height, out_width, out_channels
        int kernel, stride, groups, block

    cdef cppclass WindowArguments[real]:
        const uint8_t* arriving
        const int16_t* weights
        const real* unit
        const real* current
        real* v
        uint8_t* counts
        int p

    void window_of_convolution[real](
        const WindowArguments[real]&, const int32_t*, int64_t*, const ConvolutionGeometry&, int) nogil

    void window_of_pool(
        const uint8_t*, uint8_t*, const int32_t*, int, int64_t*, const ConvolutionGeometry&, int) nogil

    void window_of_current[real](
        const real*, real*, uint8_t*, const int32_t*, int, bool, int64_t*, int, int, int, int, int) nogil


cdef ConvolutionGeometry geometry(
    int images, tuple shape_in, tuple shape_out, int kernel, int stride, int groups, int block
):
    cdef ConvolutionGeometry g
    g.images = images
    g.height, g.width, g.channels = shape_in
    g.out_height, g.out_width, g.out_channels = shape_out
    g.kernel, g.stride, g.groups, g.block = kernel, stride, groups, block
    return g


def convolve(const uint8_t[::1] arriving, const int16_t[::1] weights, const real[::1] unit, const real[::1] current,
             real[::1] v, uint8_t[::1] counts, const int32_t[::1] fan_out, int64_t[:, ::1] result,
             int images, tuple shape_in, tuple shape_out, int kernel, int stride, int groups, int block, int threads):
    """Let a convolution gather the counts of a window, and fire its own.

    Parameters
    ----------
    arriving : ndarray of uint8, shape (images*H*W*C,)
        Spike counts of the presynaptic layer.
    weights : ndarray of int16
        Blocked weights as multiples of the unit, see `_events.convolve_fixed_point`.
    unit : ndarray, shape (out_channels,)
        Unit of each output channel.
    current : ndarray
        Input current of each postsynaptic neuron, added p times.
    v : ndarray
        Membrane potentials, changed in place.
    counts : ndarray of uint8
        Spike counts of the postsynaptic neurons, written in place.
    fan_out : ndarray of int32, shape (H' * W',)
        Synapses that leave a neuron of each output pixel.
    result : ndarray of int64, shape (2, p)
        Written in place: spikes in each step of the window, and their synaptic events.
    images, shape_in, shape_out, kernel, stride, groups, block, threads
        As for `_events.convolve`.
    """
    cdef ConvolutionGeometry g = geometry(images, shape_in, shape_out, kernel, stride, groups, block)
    cdef WindowArguments[real] a
    a.arriving, a.weights, a.unit, a.current = &arriving[0], &weights[0], &unit[0], &current[0]
    a.v, a.counts, a.p = &v[0], &counts[0], result.shape[1]
    with nogil:
        window_of_convolution(a, &fan_out[0], &result[0, 0], g, threads)


def pool(const uint8_t[::1] arriving, uint8_t[::1] counts, const int32_t[::1] fan_out, int64_t[:, ::1] result,
         int images, tuple shape_in, tuple shape_out, int kernel, int stride, int threads):
    """Let pooling gates pass the largest count of each window.

    Parameters are as for `convolve`.
    """
    cdef ConvolutionGeometry g = geometry(images, shape_in, shape_out, kernel, stride, 1, 16)
    cdef int p = result.shape[1]
    with nogil:
        window_of_pool(&arriving[0], &counts[0], &fan_out[0], p, &result[0, 0], g, threads)


def fire_current(const real[::1] current, real[::1] v, uint8_t[::1] counts, const int32_t[::1] fan_out,
                 int64_t[:, ::1] result, bint whole, int images, tuple shape, int threads):
    """Let the first layer gather its current for a window, and fire.

    Parameters are as for `convolve`, except for these.

    Parameters
    ----------
    whole : bool
        Whether p times the current is added at once, as in the first step of a wave, or p times one by one.
    shape : tuple of int
        Shape (height, width, channels) of the layer.
    """
    cdef int height = shape[0], width = shape[1], channels = shape[2], p = result.shape[1]
    with nogil:
        window_of_current(&current[0], &v[0], &counts[0], &fan_out[0], p, whole, &result[0, 0],
                          images, height, width, channels, threads)
