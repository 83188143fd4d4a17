"""Helpers shared by test modules; import them with ``from tests.helpers.NAME import ...``."""
