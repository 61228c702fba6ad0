"""How long the property tests try, and which tests the suite leaves to `make test-long`.

`HYPOTHESIS_PROFILE=deep` searches at random and long; the default is repeatable.
"""

import os
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "default",
    derandomize=True,
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("deep", parent=settings.get_profile("default"), derandomize=False, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# The suite has 25 minutes on two cores: this runs on SQLite in it, and on PostgreSQL by `make test-long`.
LONG_ON_POSTGRES: Final = (
    "tests/contract/test_every_method.py",
    "tests/contract/server_business/test_document_histories.py",
    "tests/contract/server_business/test_document_links.py",
    "tests/contract/server_business/test_documents.py",
    "tests/contract/server_business/test_virus_scan.py",
    "tests/contract/server_business/test_web_publication.py",
    "tests/contract/server_es/test_absence_fuzz.py",
    "tests/contract/server_es/test_web_documents.py",
    "tests/integration/server_business/test_mail_corpus.py",
    "tests/integration/server_es/test_duty_handoffs.py",
    "tests/integration/server_es/test_escalations_kill.py",
    "tests/integration/server_es/test_forwarding_kill.py",
    "tests/integration/server_es/test_house_stories.py",
    "tests/integration/server_es/test_notices_kill.py",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is left to `make test-long`, and say how many that are."""
    if os.environ.get("ESMESH_LONG"):
        return
    long = [one for one in items if one.nodeid.startswith(LONG_ON_POSTGRES) and "[postgresql" in one.name]
    long += [one for one in items if one.get_closest_marker("long")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [one for one in items if one not in set(long)]
