"""What every call goes through, in one visible order: log, metrics, identity, permission, validation, audit.

A method is wrapped once, when its service is added, instead of passing six interceptors on every call: what the
contract
says about it (permission, effect) is read then, and a method without a permission is refused before the server starts.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

import grpc
from esoffice.options.v1 import options_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.rpc import status_pb2
from grpc_status import rpc_status

from mesh import call as calls
from mesh import errors, log, metrics, status, validation
from mesh.audit import AuditLog
from mesh.call import CURRENT, Call
from mesh.tokens import Caller, Kind
from mesh.tracing import Tracer

Unary = Callable[[Any, Any], Awaitable[Any]]
Streaming = Callable[[Any, Any], AsyncIterator[Any]]
Receiving = Callable[[AsyncIterator[Any], Any], Awaitable[Any]]

PUBLIC, SIGNED_IN, SERVICE = "public", "signed-in", "service"


class UnmarkedMethod(Exception):
    """A method carries no `permission` option; the server refuses to start."""


class Identify(Protocol):
    """Finds out who calls, from the call's metadata and its connection."""

    def __call__(self, context: grpc.aio.ServicerContext[Any, Any]) -> Caller:
        """Return the caller, anonymous when nothing is shown.

        Raises:
            Unauthenticated: what is shown is expired, foreign or damaged.
        """


class Pipeline:
    """Wraps the methods of a server. One per server.

    Args:
        identify: finds out who calls.
        audit: takes writes (with the unit of work they belong to) and refusals.
        tracer: spans by OpenTelemetry, or nothing.
    """

    def __init__(self, *, identify: Identify, audit: AuditLog, tracer: Tracer | None = None) -> None:
        self._identify = identify
        self._audit = audit
        self._tracer = tracer
        self._log = log.get("calls")

    def permission_of(self, method: MethodDescriptor) -> str:
        """Return the permission a method is marked with.

        Raises:
            UnmarkedMethod: it is not marked.
        """
        permission: str = method.GetOptions().Extensions[options_pb2.permission]
        if not permission:
            raise UnmarkedMethod(f"{method.full_name} has no (esoffice.options.v1.permission)")
        return permission

    def unary(self, method: MethodDescriptor, behaviour: Unary) -> Unary:
        """Wrap a method that answers once."""
        start = self._opener(method)
        admit = self._admission(method)
        series = _Series(method)

        async def serve(request: Any, context: Any) -> Any:
            call = start(context)
            token = CURRENT.set(call)
            answer = None
            try:
                admit(call, request, context)
                answer = await behaviour(request, context)
            except asyncio.CancelledError:
                call.code = grpc.StatusCode.CANCELLED
                raise
            except Exception as error:  # noqa: BLE001 - every error becomes a status here, and is logged here
                await self._refuse(call, error, context)
            finally:
                CURRENT.reset(token)
                self._finish(call, series)
            return answer

        return serve

    def streaming(self, method: MethodDescriptor, behaviour: Streaming) -> Unary:
        """Wrap a method that answers with a stream; the messages go out by `context.write`, the faster way."""
        start = self._opener(method)
        admit = self._admission(method)
        series = _Series(method)

        async def serve(request: Any, context: Any) -> None:
            call = start(context)
            token = CURRENT.set(call)
            series.open_streams.inc()
            try:
                admit(call, request, context)
                write = context.write
                async for message in behaviour(request, context):
                    await write(message)
            except asyncio.CancelledError:
                call.code = grpc.StatusCode.CANCELLED
                raise
            except Exception as error:  # noqa: BLE001 - as above
                await self._refuse(call, error, context)
            finally:
                series.open_streams.dec()
                CURRENT.reset(token)
                self._finish(call, series, stream=True)

        return serve

    def receiving(self, method: MethodDescriptor, behaviour: Receiving) -> Unary:
        """Wrap a method that is sent a stream and answers once; every message is validated as it is taken."""
        start = self._opener(method)
        name, enter, validate = _naming(method.input_type), self._entrance(method), _validation(method.input_type)
        series = _Series(method)

        async def taken(call: Call, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
            async for request in requests:
                if not call.target:
                    name(call, request)
                validate(request)
                yield request

        async def serve(requests: Any, context: Any) -> Any:
            call = start(context)
            token = CURRENT.set(call)
            series.open_streams.inc()
            answer = None
            try:
                enter(call, context)
                answer = await behaviour(taken(call, requests), context)
            except asyncio.CancelledError:
                call.code = grpc.StatusCode.CANCELLED
                raise
            except Exception as error:  # noqa: BLE001 - as above
                await self._refuse(call, error, context)
            finally:
                series.open_streams.dec()
                CURRENT.reset(token)
                self._finish(call, series, stream=True)
            return answer

        return serve

    # -- the steps, in order ------------------------------------------------------------------------------------------

    def _opener(self, method: MethodDescriptor) -> Callable[[Any], Call]:
        name = f"/{method.containing_service.full_name}/{method.name}"
        permission = self.permission_of(method)
        effect = method.GetOptions().Extensions[options_pb2.effect] or calls.WRITE

        def start(_context: Any) -> Call:
            return Call(name, permission, effect, time.perf_counter())

        return start

    def _admission(self, method: MethodDescriptor) -> Callable[[Call, Message, Any], None]:
        name, enter, validate = _naming(method.input_type), self._entrance(method), _validation(method.input_type)

        def admit(call: Call, request: Any, context: Any) -> None:
            name(call, request)
            enter(call, context)
            validate(request)

        return admit

    def _entrance(self, method: MethodDescriptor) -> Callable[[Call, Any], None]:
        identify = self._identify
        is_open_to_web = method.GetOptions().Extensions[options_pb2.web]

        def enter(call: Call, context: Any) -> None:
            call.caller = who = identify(context)
            call.address = who.address
            if who.outside and not is_open_to_web:
                raise errors.PermissionDenied(f"{call.method} is not open to callers outside the LAN")
            _permit(call, who)

        return enter

    async def _refuse(self, call: Call, error: Exception, context: Any) -> None:
        if isinstance(error, errors.DomainError):
            call.code, call.message = status.code_of(error), error.message
            await context.abort_with_status(rpc_status.to_status(status.status_of(error)))
        if isinstance(error, grpc.aio.AbortError):
            raise error
        if isinstance(error, grpc.aio.AioRpcError):
            await self._refuse_for_neighbour(call, error, context)
        call.code, call.message = grpc.StatusCode.INTERNAL, status.INTERNAL_TEXT
        self._log.error("call failed", method=call.method, trace_id=call.trace_id, exc_info=error)
        await context.abort_with_status(rpc_status.to_status(status.internal(call.trace_id)))

    async def _refuse_for_neighbour(self, call: Call, error: grpc.aio.AioRpcError, context: Any) -> None:
        """A service we needed refused or did not answer: a refusal is passed on as it is, the rest is UNAVAILABLE."""
        passed_on: status_pb2.Status | None = rpc_status.from_call(error)  # type: ignore[arg-type]
        if passed_on is None or not status.reason_of(passed_on):
            passed_on = status.status_of(
                errors.Unavailable(f"a service needed for the answer failed ({error.code().name})")
            )
        call.code, call.message = grpc.StatusCode.UNAVAILABLE, passed_on.message
        await context.abort_with_status(rpc_status.to_status(passed_on))

    def _finish(self, call: Call, series: "_Series", *, stream: bool = False) -> None:
        seconds = time.perf_counter() - call.started
        code = "OK" if call.code is grpc.StatusCode.OK else call.code.name
        series.calls.count(code)
        if not stream:
            series.calls.observe(seconds)
        log.CALL_LINES.write(call, code, seconds)
        self._audit.after(call)
        if self._tracer is not None:
            self._tracer.record(call, seconds)


class _Series:
    """The metric series of one method, looked up once."""

    def __init__(self, method: MethodDescriptor) -> None:
        name = f"{method.containing_service.full_name}/{method.name}"
        self.calls = metrics.CALLS.of(name)
        self.open_streams = metrics.OPEN_STREAMS.labels(name)


def _permit(call: Call, who: Caller) -> None:
    needed = call.permission
    if needed == PUBLIC:
        return
    if who.kind is Kind.ANONYMOUS:
        raise errors.Unauthenticated("sign in first: the call carries no token and no service certificate")
    if needed == SIGNED_IN or (needed == SERVICE and who.kind is Kind.SERVICE):
        return
    if needed == SERVICE or not who.may(needed):
        raise errors.PermissionDenied(f"{who.name} lacks the permission {needed}", permission=needed)


def _naming(request: Descriptor) -> Callable[[Call, Any], None]:
    """Return what notes the resource and the `request_id` a request names."""
    target = _target_field(request)
    has_request_id = "request_id" in request.fields_by_name

    def name(call: Call, request: Any) -> None:
        if target:
            call.target = getattr(request, target)
        if has_request_id:
            call.request_id = request.request_id

    return name


def _validation(request: Descriptor) -> Callable[[Any], None]:
    broken = validation.validator().collect_violations if validation.has_rules(request) else None

    def validate(request: Any) -> None:
        if broken is not None and broken(request):
            raise errors.InvalidArgument(validation.violations(request))

    return validate


def _target_field(request: Descriptor) -> str:
    """Return the field that names the resource a request is about; empty for lists and batches."""
    for name in ("name", "servicecall", "parent"):
        field = request.fields_by_name.get(name)
        if field is not None and field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated:
            return name
    return ""
