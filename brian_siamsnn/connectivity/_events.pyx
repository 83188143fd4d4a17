# distutils: language = c++
# cython: language_level=3, boundscheck=False, wraparound=False
"""The event-driven kernels of ``event_kernel.h`` and ``pooling_kernel.h`` for NumPy arrays."""

from libc.stdint cimport int16_t, int32_t, int64_t

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

    int64_t convolve_fixed_point_ "siamsnn::convolve_fixed_point"[real](
        const int32_t*, int, const int16_t*, const real*, real*, const ConvolutionGeometry&, int, int) nogil

cdef extern from "image_kernel.h" namespace "siamsnn":
    int IMAGE_BLOCK

    cdef cppclass ImageGeometry:
        int width, channels, out_height, out_width, out_channels, kernel, stride

    void convolve_image_ "siamsnn::convolve_image"(
        const float*, const float*, const float*, float*, const ImageGeometry&, int) nogil

cdef extern from "pooling_kernel.h" namespace "siamsnn":
    int64_t pool_events[real](
        const int32_t*, int, const real*, int, real*, real*, const real*, real*,
        const ConvolutionGeometry&, int, int) nogil

    int64_t gate_events[real](
        const int32_t*, int, const real*, int, real*, real*, int32_t*, real*,
        const ConvolutionGeometry&, int, int) nogil


#: Output channels of the first layer that are summed together.
image_block = IMAGE_BLOCK


def convolve_image(const float[:, :, ::1] image, const float[::1] weights, const float[::1] bias,
                   float[:, :, ::1] current, int kernel, int stride, int threads):
    """Convolve an image with blocked weights into ``current``, shape (H', W', channels)."""
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


def convolve_fixed_point(const int32_t[::1] spikes, const int16_t[::1] weights, const real[::1] unit, real[::1] v,
                         int images, tuple shape_in, tuple shape_out, int kernel, int stride, int groups, int block,
                         int strip, int threads):
    """Add a step's spikes, which all carry 1, to the potentials ``v``; returns the synaptic events.

    The weights are multiples of each output channel's ``unit``; no sum of a window's exceeds 16 bits.
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
