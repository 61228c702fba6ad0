"""Writes the OpenAPI description of what contracts offer over HTTP: `python -m deploy.openapi SET OUT`.

SET is a descriptor set with comments, by `protoc --include_imports --include_source_info`; taken are the methods with
`google.api.http` that are marked `web`, in the JSON spelling of the DMZ Envoy's transcoder.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from esoffice.options.v1 import options_pb2
from google.api import annotations_pb2
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet

_F = FieldDescriptorProto
# Types of the well-known messages in JSON (ProtoJSON).
_KNOWN: Mapping[str, dict[str, Any]] = {
    ".google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    ".google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?s$"},
}
_SCALARS: Mapping[int, dict[str, Any]] = {
    _F.TYPE_STRING: {"type": "string"},
    _F.TYPE_BOOL: {"type": "boolean"},
    _F.TYPE_INT32: {"type": "integer", "format": "int32"},
    _F.TYPE_INT64: {"type": "string", "format": "int64"},
}
_TICKET: list[dict[str, list[str]]] = [{"ticket": []}, {"cookie": []}]
_SECURITY: dict[str, list[dict[str, list[str]]]] = {"public": [], "webdocuments.read": [{"token": []}]}
_READS = "GET"


def described(files: FileDescriptorSet) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document."""
    comments = {name: text for file in files.file for name, text in _comments(file)}
    messages = {f".{file.package}.{one.name}": one for file in files.file for one in file.message_type}
    paths: dict[str, Any] = {}
    used: set[str] = set()
    for file in files.file:
        for service in file.service:
            for method in service.method:
                rule = method.options.Extensions[annotations_pb2.http]
                verb = rule.WhichOneof("pattern")
                if not verb or not method.options.Extensions[options_pb2.web]:
                    continue
                path = getattr(rule, verb)
                name = f".{file.package}.{service.name}.{method.name}"
                summary, _, rest = comments[name].partition("\n\n")
                operation: dict[str, Any] = {
                    "operationId": method.name, "summary": summary, "description": rest,
                    "security": _security(method, verb.upper()),
                    "responses": {
                        "200": _answer("OK", method.output_type),
                        "default": _answer("Refused; one sentence says why", ".google.rpc.Status"),
                    },
                }  # fmt: skip
                used |= {method.output_type}
                inside = re.findall(r"\{(\w+)(?:=(\w+)/\*)?\}", path)
                if rule.body:
                    used.add(method.input_type)
                    operation["requestBody"] = {"required": True, "content": _content(method.input_type)}
                else:
                    operation["parameters"] = list(
                        _parameters(messages[method.input_type], method.input_type, comments, inside)
                    )
                plain = re.sub(r"\{(\w+)=(\w+)/\*\}", r"\2/{\1}", path)
                paths.setdefault(plain, {})[verb] = operation
    schemas = {_short(name): _schema(messages[name], name, comments) for name in sorted(_reached(used, messages))}
    schemas["Status"] = {
        "type": "object",
        "properties": {
            "code": {"type": "integer"},
            "message": {"type": "string"},
            "details": {"type": "array", "items": {}},
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "es:office web documents", "version": "1", "description": comments.get(".title", "")},
        "paths": {**paths, "/documents/{system}/{folder}/{file}": _bytes()},
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "ticket": {"type": "apiKey", "in": "header", "name": "x-ticket"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "__Host-ticket"},
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    }


def _security(method: Any, verb: str) -> list[dict[str, Any]]:
    permission = method.options.Extensions[options_pb2.permission]
    return _TICKET if verb == _READS else _SECURITY[permission]


def _bytes() -> dict[str, Any]:
    """Describe the bytes, which are no method of a contract: their addresses come from ListFiles."""
    names = ("system", "folder", "file")
    found = {"type": "string", "format": "binary"}
    operation = {
        "summary": "Returns the bytes of a document.",
        "description": "The path is `uri` of ListFiles. Range, If-Range, If-None-Match, If-Match and the dates hold.",
        "security": _TICKET,
        "parameters": [{"name": one, "in": "path", "required": True, "schema": {"type": "string"}} for one in names],
        "responses": {
            "200": {"description": "The whole document", "content": {"*/*": {"schema": found}}},
            "206": {"description": "The part that was asked for", "content": {"*/*": {"schema": found}}},
            "304": {"description": "It has not changed"},
            "401": {"description": "No ticket, or one that does not hold"},
            "404": {"description": "There is no such document, or the visitor may not see it"},
            "416": {"description": "The part lies outside the document"},
        },
    }
    return {"get": {**operation, "operationId": "GetDocument"}, "head": {**operation, "operationId": "HeadDocument"}}


def _parameters(message: DescriptorProto, name: str, comments: Mapping[str, str], inside: list[Any]) -> Iterator[Any]:
    in_path = dict(inside)
    for field in message.field:
        text = comments[f"{name}.{field.name}"]
        if field.name in in_path:
            word = in_path[field.name]
            text = f"The part after `{word}/`." if word else text
            yield {
                "name": field.name,
                "in": "path",
                "required": True,
                "description": text,
                "schema": {"type": "string"},
            }
        else:
            yield {"name": field.json_name, "in": "query", "description": text, "schema": _type(field)}


def _schema(message: DescriptorProto, name: str, comments: Mapping[str, str]) -> dict[str, Any]:
    properties = {
        field.json_name: {**_type(field), "description": comments[f"{name}.{field.name}"]} for field in message.field
    }
    return {"type": "object", "description": comments[name], "properties": properties}


def _type(field: FieldDescriptorProto) -> dict[str, Any]:
    if field.type == _F.TYPE_MESSAGE:
        one = _KNOWN.get(field.type_name) or {"$ref": f"#/components/schemas/{_short(field.type_name)}"}
    else:
        one = _SCALARS[field.type]
    return {"type": "array", "items": one} if field.label == _F.LABEL_REPEATED else dict(one)


def _reached(used: set[str], messages: Mapping[str, DescriptorProto]) -> set[str]:
    found: set[str] = set()
    while used:
        found |= used
        inside = {field.type_name for name in used for field in messages[name].field if field.type == _F.TYPE_MESSAGE}
        used = inside - found - _KNOWN.keys()
    return found


def _content(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{_short(name)}"}}}


def _answer(description: str, name: str) -> dict[str, Any]:
    return {"description": description, "content": _content(name)}


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _comments(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    """Return the comments of messages, fields, services and methods, by full name."""
    for place in file.source_code_info.location:
        text = re.sub(r"(?m)^ ", "", place.leading_comments).strip()
        match list(place.path):
            case [4, message]:
                yield f".{file.package}.{file.message_type[message].name}", text
            case [4, message, 2, field]:
                owner = file.message_type[message]
                yield f".{file.package}.{owner.name}.{owner.field[field].name}", text
            case [6, service, 2, method]:
                owner_of = file.service[service]
                yield f".{file.package}.{owner_of.name}.{owner_of.method[method].name}", text
            case [2] if file.name.endswith("web_documents.proto"):
                yield ".title", text


def main(given: str, out: str) -> None:
    """Read a descriptor set, write the description."""
    files = FileDescriptorSet.FromString(Path(given).read_bytes())
    Path(out).write_text(json.dumps(described(files), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
