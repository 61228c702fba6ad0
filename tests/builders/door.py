"""A gRPC server of one room whose callers simply say who they are, in the header `x-employee` or `x-service`,
or with their personnel number as token."""

from typing import Any

import grpc
import protovalidate
from google.protobuf.descriptor import FileDescriptor, MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from grpc_status import rpc_status

from mesh import errors, status
from mesh.call import CURRENT, Call
from mesh.permissions import Permissions
from mesh.tokens import Caller, Kind

EVERYTHING = Permissions(["*"])


def caller_of(metadata: Any) -> Caller:
    said = dict(metadata)
    if "x-service" in said:
        return Caller(kind=Kind.SERVICE, name=said["x-service"], permissions=EVERYTHING)
    employee = said.get("x-employee", said.get("authorization", "").removeprefix("Bearer "))
    return Caller(kind=Kind.PERSON, name=f"user{employee}", employee=employee, permissions=EVERYTHING)


def server(contract: FileDescriptor, servicer: Any) -> grpc.aio.Server:
    made = grpc.aio.server(options=[("grpc.max_concurrent_streams", 20_000), ("grpc.so_reuseport", 1)])
    service = next(iter(contract.services_by_name.values()))
    validator = protovalidate.Validator()

    def handler(method: MethodDescriptor) -> Any:
        behaviour = getattr(servicer, method.name)

        async def serve(request: Any, context: Any) -> Any:
            call = Call(method.full_name, "", 1, 0.0)
            call.caller = caller_of(context.invocation_metadata())
            CURRENT.set(call)
            try:
                found = validator.collect_violations(request)
                if found:
                    raise errors.InvalidArgument(errors.Violation("request", one.proto.message) for one in found)
                if not method.server_streaming:
                    return await behaviour(request, context)
                write = context.write
                async for message in behaviour(request, context):
                    await write(message)
            except errors.DomainError as error:
                await context.abort_with_status(rpc_status.to_status(status.status_of(error)))

        read = GetMessageClass(method.input_type).FromString
        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(serve, read, _bytes)
        return grpc.unary_unary_rpc_method_handler(serve, read, _bytes)

    handlers = {method.name: handler(method) for method in service.methods}
    made.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))
    return made


def _bytes(message: Any) -> bytes:
    return message if isinstance(message, bytes) else message.SerializeToString()
