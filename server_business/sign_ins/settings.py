"""The settings of OAuth 2 in the words of this service."""

from esoffice.config.v1 import business_settings_pb2 as settings

from server_business.oauth2 import Client


def oauth2_client(said: settings.OAuth2Client) -> Client:
    """Read who asks for tokens."""
    return Client(
        token_url=said.token_url,
        client_id=said.client_id,
        client_secret=said.client_secret.value,
        scope=said.scope,
        device_url=said.device_authorization_url,
    )
