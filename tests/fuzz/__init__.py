"""Input as it should not be: what each way in does with it.

``python -m tests.fuzz --examples 1000`` runs long and reports; ``tests/test_fuzz.py`` runs a few examples of each.
"""
