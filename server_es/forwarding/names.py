"""The resource names of forwardings."""

from typing import Final

from mesh.names import NamePattern

FORWARDING: Final = NamePattern("servicecalls/{servicecall}/forwardings/{forwarding}", numeric=True)
