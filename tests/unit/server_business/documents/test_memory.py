"""Memory of large messages is kept where the C library can do that, and nothing breaks where it cannot."""

import ctypes

import pytest

from server_business.documents.memory import keep_large_blocks


def test_glibc_keeps_large_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert keep_large_blocks() == hasattr(ctypes.CDLL(None), "mallopt")
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert not keep_large_blocks()
