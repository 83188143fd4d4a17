"""Fuzzing: how each entry point handles invalid input.

``python -m tests.fuzz --examples 1000`` runs for a long time and reports; ``tests/fuzz/test_targets.py`` runs a few
examples of each target.
"""
