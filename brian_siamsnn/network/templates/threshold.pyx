{# USES_VARIABLES { N } #}
{# Brian2's threshold template without branches, because the processor cannot predict which neurons fire (about one in
   ten). First the condition is evaluated for a chunk of neurons, in a loop that the compiler can vectorise; then the
   indices of those that fire are written, eight at a time, from a table of all 256 cases. #}
{% extends 'common_group.pyx' %}

{% block template_support_code %}
cdef extern from *:
    """
    #include <cstddef>
    #include <cstdint>
    #include <cstring>

    namespace {
    constexpr int NEURONS_AT_ONCE = 4096;

    // Positions of the bits that are set in each byte, and their number.
    struct Places {
        typedef int32_t Eight __attribute__((vector_size(32), aligned(4), may_alias));
        Eight of[256];
        unsigned char count[256];
        Places() {
            for (int byte = 0; byte < 256; byte++) {
                int n = 0;
                for (int bit = 0; bit < 8; bit++)
                    if (byte >> bit & 1) of[byte][n++] = bit;
                count[byte] = n;
                while (n < 8) of[byte][n++] = 0;
            }
        }
    };
    const Places places;

    // Appends first + k for every k with fired[k] != 0; returns the new length.
    inline size_t append(int32_t* events, size_t n, const char* fired, size_t first, size_t neurons) {
        size_t k = 0;
        for (; k + 8 <= neurons; k += 8) {
            uint64_t bytes;
            std::memcpy(&bytes, fired + k, 8);
            const unsigned byte = bytes * 0x0102040810204080ull >> 56;  // packs eight bytes of 0 or 1 into eight bits
            *(Places::Eight*)(events + n) = places.of[byte] + int32_t(first + k);
            n += places.count[byte];
        }
        for (; k < neurons; k++) {
            events[n] = first + k;
            n += fired[k];
        }
        return n;
    }
    }
    """
    enum: NEURONS_AT_ONCE
    size_t append(int32_t*, size_t, const char*, size_t, size_t) nogil
{% endblock %}

{% block maincode %}
    {% set _eventspace = get_array_name(eventspace_variable) %}
    # scalar code
    _vectorisation_idx = 1
    {{ scalar_code | autoindent }}

    cdef size_t _count = 0, _begun, _first, _number, _k
    cdef char _fired[NEURONS_AT_ONCE]
    for _first in range(0, N, NEURONS_AT_ONCE):
        _number = min(<size_t>NEURONS_AT_ONCE, <size_t>N - _first)
        for _k in range(_number):
            _idx = _first + _k
            # vector code
            _vectorisation_idx = _idx
            {{ vector_code | autoindent }}
            _fired[_k] = 1 if _cond else 0
        {% if _uses_refractory %}
        _begun = _count
        {% endif %}
        _count = append({{_eventspace}}, _count, _fired, _first, _number)
        {% if _uses_refractory %}
        for _k in range(_begun, _count):
            {{not_refractory}}[{{_eventspace}}[_k]] = False
            {{lastspike}}[{{_eventspace}}[_k]] = {{t}}
        {% endif %}
    {{_eventspace}}[N] = _count
{% endblock %}

{% block after_code %}
    # EMPTY_CODE_BLOCK  -- the end of a run is in Python, see SharedCode
{% endblock %}
