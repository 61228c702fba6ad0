"""`esclient notifications …` (Benachrichtigungen)."""

from enum import StrEnum
from typing import Annotated

import typer
from esoffice.es.v1 import calendars_pb2
from esoffice.es.v1 import notices_pb2 as pb

from esclient.cli.calls import named
from esclient.cli.exits import WrongUsage
from esclient.cli.options import options_of
from esclient.cli.output import Output, local_time, plain, short, show_data, show_facts, show_table, word
from esclient.notifications import Notifications
from esclient.session import Session

app = typer.Typer(help="How you are told, and what was told to whom (Benachrichtigungen).", no_args_is_help=True)

Whose = Annotated[str, typer.Option("--employee", help="Personnel number; default: yourself.")]


class Channel(StrEnum):
    """Ways to tell somebody."""

    ESMESSAGE = "esmessage"
    POPUP = "popup"
    MAIL = "mail"
    ADDITIONAL_MAIL = "additional-mail"
    SMS = "sms"

    @property
    def value_of_contract(self) -> pb.NoticeChannel.ValueType:
        return pb.NoticeChannel.Value(f"NOTICE_CHANNEL_{self.name}")


@app.command()
def show(context: typer.Context, employee: Whose = "") -> None:
    """Show how somebody wants to be told."""
    options = options_of(context)
    _show(options_of(context).output, options.run(lambda s: Notifications(s).preferences(named("employees", employee))))


@app.command("set")
def set_(
    context: typer.Context,
    employee: Whose = "",
    channel: Annotated[list[Channel] | None, typer.Option(help="Used at once; may be repeated.")] = None,
    fallback: Annotated[
        list[Channel] | None, typer.Option(help="Next, while a popup is not read; in this order.")
    ] = None,
    fallback_minutes: Annotated[
        int | None, typer.Option(min=0, max=1440, help="How long a popup may stay unread; 0: no other channel.")
    ] = None,
    quiet: Annotated[
        list[str] | None, typer.Option(help="Quiet hours, such as 22:00-06:00 or 6,7:00:00-24:00 (Sa, So); `none`.")
    ] = None,
    additional_mail: Annotated[str | None, typer.Option(help="Additional mail address.")] = None,
) -> None:
    """Change how somebody wants to be told; what is not said stays."""
    given = {
        "channels": channel,
        "fallback_channels": fallback,
        "fallback_duration": fallback_minutes,
        "quiet_hours": quiet,
        "additional_mail_address": additional_mail,
    }
    paths = [name for name, value in given.items() if value is not None]
    if not paths:
        raise WrongUsage("Say what to change: --channel, --fallback, --fallback-minutes, --quiet, --additional-mail.")
    windows = [_quiet(one) for one in quiet or () if one != "none"]

    async def change(session: Session) -> pb.NotificationPreferences:
        notifications = Notifications(session)
        wanted = await notifications.preferences(named("employees", employee))
        if channel is not None:
            wanted.channels[:] = [one.value_of_contract for one in channel]
        if fallback is not None:
            wanted.fallback_channels[:] = [one.value_of_contract for one in fallback]
        if fallback_minutes is not None:
            wanted.fallback_duration.FromSeconds(fallback_minutes * 60)
        if quiet is not None:
            del wanted.quiet_hours[:]
            wanted.quiet_hours.extend(windows)
        if additional_mail is not None:
            wanted.additional_mail_address = additional_mail
        return await notifications.change(wanted, paths)

    options = options_of(context)
    _show(options.output, options.run(change))


@app.command("list")
def list_(
    context: typer.Context,
    about: Annotated[str, typer.Option(help="Only about this, such as servicecalls/4711.")] = "",
    employee: Annotated[str, typer.Option(help="Only to this personnel number.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
) -> None:
    """List what was told to whom, over what, and whether it arrived."""
    conditions = pb.ListNoticesRequest(about=about, employee=named("employees", employee))
    options = options_of(context)
    found = options.run(lambda session: Notifications(session).told(conditions, limit=limit))
    if options.output is Output.JSON:
        show_data([plain(one) for one in found])
    else:
        show_table(("NO.", "WHEN", "TO", "OVER", "STATE", "SUBJECT", "REASON"), [_row(one) for one in found])


def _row(one: pb.Notice) -> tuple[str, ...]:
    to = " ".join(part for part in (short(one.employee), one.address) if part)
    channel, state = _channel(one.channel), word(pb.NoticeState, one.state, "NOTICE_STATE_")
    return short(one.name), local_time(one.create_time), to, channel, state, one.subject, one.reason


def _show(output: Output, said: pb.NotificationPreferences) -> None:
    if output is Output.JSON:
        show_data(plain(said))
        return
    after = said.fallback_duration.seconds // 60
    fallback = ", then ".join(_channel(one) for one in said.fallback_channels)
    when = f" after {after} min" if said.HasField("fallback_duration") and after else ""
    never = said.HasField("fallback_duration") and not after
    show_facts(
        {
            "Employee": said.name.split("/")[1],
            "Told over": ", ".join(_channel(one) for one in said.channels),
            "Unread popup": "nothing more" if never or not fallback else f"{fallback}{when}",
            "Quiet hours": ", ".join(_window(one) for one in said.quiet_hours),
            "Additional": said.additional_mail_address,
        }
    )


def _channel(value: int) -> str:
    return word(pb.NoticeChannel, value, "NOTICE_CHANNEL_")


def _window(quiet: pb.QuietHours) -> str:
    days = ",".join(map(str, quiet.weekdays))
    return f"{days + ':' if days else ''}{_clock(quiet.window.start_minute)}-{_clock(quiet.window.end_minute)}"


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _quiet(text: str) -> pb.QuietHours:
    """Read `22:00-06:00` or `6,7:00:00-24:00`; Monday is 1."""
    try:
        start, end = text.split("-")
        *days, hour, minute = start.split(":")
        weekdays = [int(one) for one in days[0].split(",")] if days else []
        end_hour, end_minute = end.split(":")
        window = calendars_pb2.TimeWindow(
            start_minute=int(hour) * 60 + int(minute), end_minute=int(end_hour) * 60 + int(end_minute)
        )
    except ValueError:
        raise WrongUsage(f"--quiet {text}: write 22:00-06:00, or 6,7:00:00-24:00 for Saturday and Sunday.") from None
    return pb.QuietHours(weekdays=weekdays, window=window)
