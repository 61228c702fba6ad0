from tests.integration.conftest import postgres

__all__ = ["postgres"]
