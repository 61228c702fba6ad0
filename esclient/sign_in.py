"""Signing in with a password at config_service (Anmeldung)."""

from datetime import UTC
from importlib import import_module
from typing import Any

import grpc

from esclient.session import Token, TokenProvider


def password_sign_in(channel: grpc.aio.Channel, user: str, password: str) -> TokenProvider:
    """Return what signs this user in whenever a token runs out; keeps the password in memory for that."""
    contract: Any = import_module("esoffice.config.v1.identity_pb2")
    sign_in: Any = channel.unary_unary(
        "/esoffice.config.v1.IdentityService/SignIn",
        request_serializer=contract.SignInRequest.SerializeToString,
        response_deserializer=contract.SignInResponse.FromString,
    )

    async def provide() -> Token:
        answer = await sign_in(contract.SignInRequest(user=user, password=password), timeout=20)
        return Token(text=answer.token, expire_time=answer.expire_time.ToDatetime(UTC))

    return provide
