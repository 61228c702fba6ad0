"""NotificationService over a real channel."""

from datetime import timedelta
from typing import Any

import grpc
import pytest
from esoffice.es.v1 import notices_pb2 as pb
from esoffice.es.v1.calendars_pb2 import TimeWindow
from esoffice.es.v1.notices_pb2_grpc import NotificationServiceStub
from google.protobuf.field_mask_pb2 import FieldMask

from mesh.database import Database
from server_es.notices.rules import Channel
from server_es.notices.service import Notifications
from tests.builders.notices import House
from tests.contract.conftest import Serve, person, refused
from tests.fakes.post import FakePost

ANNA, BEN = "employees/1/notificationPreferences", "employees/2/notificationPreferences"


class Door:
    """The served room and the house behind it."""

    def __init__(self, served: Any) -> None:
        self.served = served
        self.post = FakePost()
        self.house = House(served.database, self.post)
        self.house.furnish()
        self.stub: Any = NotificationServiceStub(served.channel)

    async def get(self, name: str = ANNA) -> pb.NotificationPreferences:
        found: pb.NotificationPreferences = await self.stub.GetNotificationPreferences(
            pb.GetNotificationPreferencesRequest(name=name)
        )
        return found

    async def update(self, said: pb.NotificationPreferences, *paths: str) -> pb.NotificationPreferences:
        request = pb.UpdateNotificationPreferencesRequest(
            notification_preferences=said, update_mask=FieldMask(paths=paths)
        )
        changed: pb.NotificationPreferences = await self.stub.UpdateNotificationPreferences(request)
        return changed

    async def listed(self, **conditions: Any) -> list[pb.Notice]:
        answer = await self.stub.ListNotices(pb.ListNoticesRequest(**conditions))
        return list(answer.notices)


@pytest.fixture
async def door(serve: Serve) -> Door:
    def room(database: Database) -> Notifications:
        return Notifications(database, House(database, FakePost()).messages)

    return Door(await serve((pb.DESCRIPTOR, room)))


async def test_who_said_nothing_prefers_a_popup_and_then_a_short_message(door: Door) -> None:
    found = await door.get()
    assert list(found.channels) == [pb.NOTICE_CHANNEL_POPUP]
    assert list(found.fallback_channels) == [pb.NOTICE_CHANNEL_SMS]
    assert found.etag


async def test_preferences_are_kept_as_they_were_said(door: Door) -> None:
    said = await door.get()
    said.channels[:] = [pb.NOTICE_CHANNEL_SMS, pb.NOTICE_CHANNEL_POPUP]
    said.fallback_channels[:] = [pb.NOTICE_CHANNEL_MAIL, pb.NOTICE_CHANNEL_SMS]
    said.fallback_duration.FromTimedelta(timedelta(minutes=3))
    said.additional_mail_address = "anna@home.example"
    said.quiet_hours.add(weekdays=[6, 7], window=TimeWindow(start_minute=0, end_minute=1440))
    changed = await door.update(said)
    assert list(changed.channels) == [pb.NOTICE_CHANNEL_POPUP, pb.NOTICE_CHANNEL_SMS]
    assert changed == await door.get()
    assert changed.fallback_duration.ToTimedelta() == timedelta(minutes=3)
    assert changed.etag != said.etag
    again = await door.update(
        pb.NotificationPreferences(name=ANNA, etag=changed.etag, channels=[pb.NOTICE_CHANNEL_MAIL]), "channels"
    )
    assert list(again.channels) == [pb.NOTICE_CHANNEL_MAIL]
    assert again.quiet_hours == changed.quiet_hours


async def test_a_stale_etag_is_refused_the_first_one_too(door: Door) -> None:
    said = await door.get()
    await door.update(said)
    assert (await refused(door.update(said))).code() is grpc.StatusCode.ABORTED
    said.etag = ""
    assert (await refused(door.update(said))).code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_everybody_changes_his_own_and_others_with_a_permission(door: Door) -> None:
    door.served.caller = person("notifications.own", employee="1")
    await door.update(await door.get())
    error = await refused(door.get(BEN))
    assert (error.code(), "notifications.write" in str(error.details())) == (grpc.StatusCode.PERMISSION_DENIED, True)
    door.served.caller = person("notifications.own", "notifications.write", employee="1")
    await door.update(await door.get(BEN))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"channels": []}, "channels"),
        ({"channels": [2, 2]}, "channels"),
        ({"channels": [9]}, "channels"),
        ({"fallback_channels": [pb.NOTICE_CHANNEL_POPUP]}, "fallback_channels"),
        ({"additional_mail_address": "anna"}, "additional_mail_address"),
        ({"quiet_hours": [pb.QuietHours(weekdays=[8], window=TimeWindow(end_minute=60))]}, "weekdays"),
        ({"quiet_hours": [pb.QuietHours()]}, "window"),
        ({"quiet_hours": [pb.QuietHours(window=TimeWindow(start_minute=60, end_minute=60))]}, "same time"),
    ],
)
async def test_what_is_wrong_is_named(door: Door, fields: dict[str, Any], words: str) -> None:
    said = {"name": ANNA, "etag": (await door.get()).etag, "channels": [2], **fields}
    error = await refused(door.update(pb.NotificationPreferences(**said)))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert words in str(error.details())


async def test_nobody_elses_preferences_are_there(door: Door) -> None:
    assert (await refused(door.get("employees/9/notificationPreferences"))).code() is grpc.StatusCode.NOT_FOUND


async def test_what_was_told_is_listed_with_its_delivery_state(door: Door) -> None:
    door.house.tell("servicecalls/1/forwardings/1")
    door.house.tell("servicecalls/1/forwardings/2", "2", channels=frozenset({Channel.SMS}), urgent=True)
    door.house.tell("other", "3", about="")
    door.house.later(seconds=1)
    door.house.reads("1", [1])
    sms, popup = await door.listed(about="servicecalls/1")
    assert (popup.employee, popup.state, popup.HasField("end_time")) == (
        "employees/1", pb.NOTICE_STATE_ACKNOWLEDGED, True,
    )  # fmt: skip
    assert (sms.state, sms.remote_name, sms.address, sms.attempt_count) == (
        pb.NOTICE_STATE_SENT, "sms/1", "+4915122222222", 1,
    )  # fmt: skip
    assert [one.cause for one in await door.listed(cause="other")] == ["other"]
    assert [one.cause for one in await door.listed(employee="employees/3")] == ["other"]
    assert await door.listed(states=[pb.NOTICE_STATE_FAILED]) == []


async def test_notices_come_page_by_page_the_newest_first(door: Door) -> None:
    for number in range(5):
        door.house.tell(f"c/{number}")
    seen, token = [], ""
    while True:
        answer = await door.stub.ListNotices(pb.ListNoticesRequest(page_size=2, page_token=token))
        seen += [one.cause for one in answer.notices]
        token = answer.next_page_token
        if not token:
            break
    assert seen == ["c/4", "c/3", "c/2", "c/1", "c/0"]
