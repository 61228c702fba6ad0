"""A contract made at run time, as `protoc` would make it from a file: `EchoService` with `Echo` and `Note`."""

from esoffice.options.v1 import options_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, wrappers_pb2

_POOL = descriptor_pool.Default()


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="tests/tiny/echo.proto",
        package="tests.tiny",
        syntax="proto3",
        dependency=["google/protobuf/wrappers.proto", "esoffice/options/v1/options.proto"],
    )
    service = file.service.add(name="EchoService")
    for name, permission, effect in (
        ("Echo", "service", options_pb2.EFFECT_READ),
        ("Note", "notes.write", options_pb2.EFFECT_WRITE),
    ):
        method = service.method.add(
            name=name, input_type=".google.protobuf.StringValue", output_type=".google.protobuf.StringValue"
        )
        method.options.Extensions[options_pb2.permission] = permission
        method.options.Extensions[options_pb2.effect] = effect
    return file


def _added() -> None:
    assert wrappers_pb2.DESCRIPTOR
    _POOL.AddSerializedFile(_file().SerializeToString())


_added()
DESCRIPTOR = _POOL.FindFileByName("tests/tiny/echo.proto")
ECHO = "/tests.tiny.EchoService/Echo"
NOTE = "/tests.tiny.EchoService/Note"
