"""Check an installation: is everything that tracking needs here, and if not, how to fix it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import machine_checks, package_checks
from .finding import problem

if TYPE_CHECKING:
    from .finding import Finding

__all__ = ["CHECKS", "examine"]

#: Checks of `examine`, in the order of its findings.
CHECKS = (
    package_checks.python_packages,
    machine_checks.compiler,
    machine_checks.code_generation,
    package_checks.kernel,
    machine_checks.processors,
    machine_checks.cython_cache,
    package_checks.video,
    package_checks.models,
    package_checks.genn,
    machine_checks.cuda,
    machine_checks.folders,
)


def examine() -> list[Finding]:
    """Run all checks.

    Returns
    -------
    list of Finding
        Findings in the order of `CHECKS`. A check that fails itself is a finding too, and the others still run.
    """
    return [finding for check in CHECKS for finding in _run(check)]


def _run(check):
    try:
        return check()
    except Exception as error:  # what is broken here may break the check itself
        return [problem(check.__name__.replace("_", " "), f"the check itself failed ({error})")]
