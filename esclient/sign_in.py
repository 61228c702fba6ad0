"""Signing in with a password at config_service (Anmeldung)."""

import grpc
from esoffice.config.v1 import identity_pb2 as pb
from esoffice.config.v1 import identity_pb2_grpc

from esclient.session import Token, TokenProvider
from mesh.instants import instant


def password_sign_in(channel: grpc.aio.Channel, user: str, password: str) -> TokenProvider:
    """Return what signs this user in whenever a token runs out; keeps the password in memory for that."""
    stub: identity_pb2_grpc.IdentityServiceAsyncStub = identity_pb2_grpc.IdentityServiceStub(channel)
    request = pb.SignInRequest(user=user, password=password)

    async def provide() -> Token:
        answer = await stub.SignIn(request)
        return Token(text=answer.token, expire_time=instant(answer.expire_time))

    return provide
