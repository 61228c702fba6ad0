"""server_es, as received messages need it: acknowledges an escalation by its code."""

from collections.abc import Callable
from typing import Any, Final

import grpc
from esoffice.es.v1 import escalations_pb2, escalations_pb2_grpc

from server_business.sms.answering import Later

_LIMIT: Final = 25.0
_SAID: Final = frozenset(
    {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.INVALID_ARGUMENT}
)


class Escalations:
    """The client, for plain threads.

    Args:
        channel: to server_es.
        wait: waits for a call over it.
    """

    def __init__(self, channel: grpc.aio.Channel, wait: Callable[[Callable[[], Any]], Any]) -> None:
        self._stub = escalations_pb2_grpc.EscalationServiceStub(channel)
        self._wait = wait

    def acknowledge(self, code: str, number: str, request_id: str) -> str:
        """Acknowledge; return why it could not be, empty when it was. Raises Later."""
        request = escalations_pb2.AcknowledgeEscalationsRequest(code=code, phone_number=number, request_id=request_id)
        if not number.startswith("+"):
            return "its sender is no number"
        try:
            self._wait(lambda: self._stub.AcknowledgeEscalations(request, timeout=_LIMIT))
        except TimeoutError as error:
            raise Later("server_es does not answer in time") from error
        except grpc.RpcError as error:
            answered: Any = error  # the error is the call
            if answered.code() in _SAID:
                return str(answered.details())
            raise Later(f"server_es does not answer as it should ({answered.code().name})") from error
        return ""
