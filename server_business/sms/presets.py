"""Gateways whose interface is published. Data only; where it was read stands beside each."""

from collections.abc import Mapping
from typing import Final

from server_business.sms.delivery import Delivery
from server_business.sms.templates import Gateway

SEVEN, SIPGATE, TWILIO, VONAGE = range(1, 5)
"""As in the contract's `SmsGatewaySettings.Preset`."""

PRESETS: Final[Mapping[int, Gateway]] = {
    # https://docs.seven.io/en/rest-api/endpoints/sms, …/webhooks
    SEVEN: Gateway(
        url="https://gateway.seven.io/api/sms",
        headers={"X-Api-Key": "{password}", "Accept": "application/json"},
        body="to={digits}&from={sender}&text={text}&foreign_id={reference}",
        success_path="success",
        success_values=("100",),
        id_path="messages/*/id",
        receipt_id_path="data/msg_id",
        receipt_state_path="data/status",
        receipt_states={
            "delivered": Delivery.DELIVERED, "notdelivered": Delivery.FAILED, "expired": Delivery.EXPIRED,
            "rejected": Delivery.FAILED, "failed": Delivery.FAILED, "unknown": Delivery.UNKNOWN,
        },
        inbound_from_path="data/sender",
        inbound_to_path="data/system",
        inbound_text_path="data/text",
        inbound_id_path="data/id",
    ),
    # https://github.com/sipgate-io/sipgateio-sendsms-node, https://api.sipgate.com/v2/doc
    SIPGATE: Gateway(
        url="https://api.sipgate.com/v2/sessions/sms",
        basic=True,
        body='{"smsId": "{sender}", "recipient": "{to}", "message": "{text}"}',
    ),
    # https://www.twilio.com/docs/messaging/api/message-resource, …/guides/track-outbound-message-status
    TWILIO: Gateway(
        url="https://api.twilio.com/2010-04-01/Accounts/{user}/Messages.json",
        basic=True,
        body="To={to}&From={sender}&Body={text}",
        id_path="sid",
        receipt_id_path="MessageSid",
        receipt_state_path="MessageStatus",
        receipt_states={
            "delivered": Delivery.DELIVERED, "read": Delivery.DELIVERED, "undelivered": Delivery.FAILED,
            "failed": Delivery.FAILED, "canceled": Delivery.FAILED,
        },
        inbound_from_path="From",
        inbound_to_path="To",
        inbound_text_path="Body",
        inbound_id_path="MessageSid",
    ),
    # https://developer.vonage.com/en/api/sms, …/messaging/sms/guides/delivery-receipts; one entry and id for each part
    VONAGE: Gateway(
        url="https://rest.nexmo.com/sms/json",
        body="api_key={user}&api_secret={password}&to={digits}&from={sender}&text={text}&type=unicode"
        "&client-ref={reference}",
        success_path="messages/*/status",
        success_values=("0",),
        later_values=("1", "5"),
        id_path="messages/*/message-id",
        receipt_id_path="messageId",
        receipt_state_path="status",
        receipt_states={
            "delivered": Delivery.DELIVERED, "expired": Delivery.EXPIRED, "failed": Delivery.FAILED,
            "rejected": Delivery.FAILED, "unknown": Delivery.UNKNOWN,
        },
        inbound_from_path="msisdn",
        inbound_to_path="to",
        inbound_text_path="text",
        inbound_id_path="messageId",
    ),
}  # fmt: skip
