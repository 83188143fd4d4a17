"""What test modules share; import it as ``from tests.helpers.NAME import ...``."""
