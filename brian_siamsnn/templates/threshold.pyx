{# USES_VARIABLES { N } #}
{# Brian2's template for a threshold, but without a branch: one neuron in ten fires, which no processor foresees.
   Every index is written; it stays only if the place moves on. There are no refractory neurons here. #}
{% extends 'common_group.pyx' %}

{% block maincode %}
    {% set _eventspace = get_array_name(eventspace_variable) %}
    # scalar code
    _vectorisation_idx = 1
    {{ scalar_code | autoindent }}

    cdef size_t _cpp_numevents = 0
    for _idx in range(N):
        # vector code
        _vectorisation_idx = _idx
        {{ vector_code | autoindent }}
        {{_eventspace}}[_cpp_numevents] = _idx
        _cpp_numevents += 1 if _cond else 0
    {{_eventspace}}[N] = _cpp_numevents
{% endblock %}

{% block after_code %}
    {% set _eventspace = get_array_name(eventspace_variable) %}
    {{_eventspace}}[N] = 0
{% endblock %}
