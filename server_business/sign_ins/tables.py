"""Who is signed in, with what the next token is asked for."""

from typing import Final

from sqlalchemy import Column, LargeBinary, String, Table

from mesh.columns import UtcDateTime
from server_business.schema import METADATA

SIGN_INS: Final = Table(
    "sign_in",
    METADATA,
    # `mailAccounts/{id}` or `outgoingMail`.
    Column("account", String(60), primary_key=True),
    # Fingerprint of the issuer, the client and the scope: a sign-in holds for these only.
    Column("client", String(64), nullable=False),
    # The refresh token, sealed for its account.
    Column("sealed", LargeBinary, nullable=False),
    Column("sign_in_time", UtcDateTime(), nullable=False),
    # Why the issuer gives no more tokens for it; empty: it does.
    Column("refused", String(300), nullable=False),
)
