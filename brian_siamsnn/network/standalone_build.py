"""Compile a program of Brian2's ``cpp_standalone`` device in less than half the time.

Brian2 writes a file for each code object, and a compiler spends most of its time on what these files have in common:
the same headers, and in each layer the same kernel for a convolution's events. Here both are compiled once, as a
precompiled header and as an explicit instantiation.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from brian2 import prefs
from brian2.codegen.cpp_prefs import get_compiler_and_args

from ..environment import available_threads

if TYPE_CHECKING:
    from brian2.devices.cpp_standalone.device import CPPStandaloneDevice

    from ..aliases import FilePath

__all__ = ["build"]

#: The flags of the package's own kernel: sums are neither reordered nor contracted.
_FLAGS = ["-w", "-O3", "-march=native", "-ffp-contract=off", "-std=c++17", "-pthread"]

#: What all files have in common. Kernels are included outside the namespace that Brian2 puts functions in.
_HEADER = """\
#include "objects.h"
#include "brianlib/common_math.h"
#include "brianlib/stdint_compat.h"
#include <climits>
#include <cmath>
#include <ctime>
#include <fstream>
#include <iostream>
"""
_KERNELS = """\
#include "event_kernel.h"
#include "pooling_kernel.h"
extern {instantiation}
"""
_INSTANTIATION = (
    "template int64_t siamsnn::convolve_events<{real}>(const int32_t*, int, const {real}*, int, const {real}*, "
    "{real}*, const siamsnn::ConvolutionGeometry&, int, int);\n"
)
#: Added to the makefile; among its flags Brian2 would drop an option of two words.
_RULES = """

CXXFLAGS += -include common.h

common.h.gch: common.h objects.h
\t$(CXX) $(CXXFLAGS) -x c++-header $< -o $@

$(OBJS): common.h.gch
"""


def build(device: CPPStandaloneDevice, directory: FilePath, real: str | None) -> None:
    """Write and compile the program of the networks that were run on a device.

    Parameters
    ----------
    device : CPPStandaloneDevice
        The device, set with ``build_on_run=False``.
    directory : str or path
        Folder of the program.
    real : {"float", "double"}, optional
        C++ type of the membrane potentials if the program uses the shared kernels, None if it does not.

    Raises
    ------
    RuntimeError
        If the program does not compile.
    """
    folder = Path(directory)
    header, sources = _HEADER, {}
    if real is not None:
        instantiation = _INSTANTIATION.format(real=real)
        header += _KERNELS.format(instantiation=instantiation)
        sources["kernels.cpp"] = instantiation
    flags, jobs = prefs.codegen.cpp.extra_compile_args_gcc, prefs.devices.cpp_standalone.extra_make_args_unix
    prefs.codegen.cpp.extra_compile_args_gcc = _FLAGS
    # Brian2's "-j" without a number starts a compiler for every file at once
    prefs.devices.cpp_standalone.extra_make_args_unix = [f"-j{available_threads()}"]
    try:
        options = {"compile": False, "run": False, "additional_source_files": list(sources)}
        device.build(directory=str(folder), with_output=False, **options)
        for name, text in {"common.h": header, **sources}.items():
            (folder / name).write_text(text, encoding="utf-8")
        with (folder / "makefile").open("a", encoding="utf-8") as makefile:
            makefile.write(_RULES)
        device.compile_source(str(folder), get_compiler_and_args()[0], debug=False, clean=False)
    finally:
        prefs.codegen.cpp.extra_compile_args_gcc = flags
        prefs.devices.cpp_standalone.extra_make_args_unix = jobs
