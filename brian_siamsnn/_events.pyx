# distutils: language = c++
# cython: language_level=3, boundscheck=False, wraparound=False
"""The event-driven kernels of ``event_kernel.h`` for NumPy arrays."""

from libc.stdint cimport int32_t, int64_t

ctypedef fused real:
    float
    double

cdef extern from "event_kernel.h" namespace "siamsnn":
    cdef cppclass ConvolutionGeometry:
        int images, height, width, channels
        int out_height, out_width, out_channels
        int kernel, stride, groups, block

    int64_t convolve_events[real](
        const int32_t*, int, const real*, int, const real*, real*,
        const ConvolutionGeometry&, int, int) nogil

    int64_t pool_events[real](
        const int32_t*, int, const real*, int, real*, real*, const real*, real*,
        const ConvolutionGeometry&, int, int) nogil

    int64_t gate_events[real](
        const int32_t*, int, const real*, int, real*, real*, int32_t*, real*,
        const ConvolutionGeometry&, int, int) nogil


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
    """Add a step's spikes to the potentials ``v``; returns the synaptic events.

    ``amplitude`` has one entry a spike, or one for all of them.
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


def pool(const int32_t[::1] spikes, const real[::1] amplitude, real[::1] sums, real[::1] maximum,
         const real[::1] emitted, real[::1] rise,
         int images, tuple shape_in, tuple shape_out, int kernel, int stride, int strip, int threads):
    """Raise the windows' running maxima by a step's spikes; returns the events."""
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
    """Let the spikes of leading inputs pass; returns the events.

    Without leaders (an empty array) every leading input's, else that of the first.
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
