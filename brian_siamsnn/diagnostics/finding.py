"""Findings: what a check of the installation found, and how to fix it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Finding", "note", "ok", "problem"]


@dataclass(frozen=True)
class Finding:
    """Result of a check.

    Attributes
    ----------
    subject : str
        What was checked.
    state : {"ok", "note", "problem"}
        ``"note"`` is a limitation, or makes something slow; with a ``"problem"`` tracking does not work.
    text : str
        What was found, and what it means.
    fix : str
        What to do, usually a command; empty if there is nothing to do.
    """

    subject: str
    state: str
    text: str
    fix: str = ""


def ok(subject: str, text: str) -> Finding:
    """Create a finding without consequences.

    Parameters
    ----------
    subject : str
        What was checked.
    text : str
        What was found.

    Returns
    -------
    Finding
        With the state ``"ok"``.
    """
    return Finding(subject, "ok", text)


def note(subject: str, text: str, fix: str = "") -> Finding:
    """Create a finding that limits something, or makes it slow.

    Parameters
    ----------
    subject : str
        What was checked.
    text : str
        What was found, and what it means.
    fix : str
        What to do; empty by default.

    Returns
    -------
    Finding
        With the state ``"note"``.
    """
    return Finding(subject, "note", text, fix)


def problem(subject: str, text: str, fix: str = "") -> Finding:
    """Create a finding with which tracking does not work.

    Parameters
    ----------
    subject : str
        What was checked.
    text : str
        What was found.
    fix : str
        What to do; empty by default.

    Returns
    -------
    Finding
        With the state ``"problem"``.
    """
    return Finding(subject, "problem", text, fix)
