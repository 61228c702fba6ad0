"""`esclient sms …` (SMS)."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

import typer
from esoffice.business.v1 import sending_pb2
from esoffice.business.v1 import sms_pb2 as pb

from esclient.cli.calls import number_of
from esclient.cli.options import options_of
from esclient.cli.output import Output, local_time, plain, short, show_data, show_facts, show_line, show_table, word
from esclient.sms import ShortMessages

app = typer.Typer(help="Short messages (SMS).", no_args_is_help=True)

Text = Annotated[str, typer.Argument(help="What it says.")]


class Priority(StrEnum):
    """What goes first (Dringlichkeit)."""

    URGENT = "urgent"
    NORMAL = "normal"
    BULK = "bulk"


@app.command()
def preview(context: typer.Context, text: Text) -> None:
    """Say how a text would be sent, part by part (Vorschau)."""
    options = options_of(context)
    found = options.run(lambda session: ShortMessages(session).preview(text))
    if options.output is Output.JSON:
        show_data(plain(found))
        return
    show_table(("PART", "SAYS"), ((str(number), part) for number, part in enumerate(found.parts, start=1)))
    alphabet = word(pb.SmsAlphabet, found.alphabet, "SMS_ALPHABET_").upper()
    show_facts(
        {
            "Alphabet": alphabet,
            "Left": str(found.remaining_count),
            "Because of": " ".join(found.foreign_characters),
            "Plainly": f"{found.transliterated_part_count} parts: {found.transliterated_text}"
            if found.transliterated_text
            else "",
        }
    )


@app.command()
def send(
    context: typer.Context,
    to: Annotated[str, typer.Argument(help="Number, as it is dialled in the site's country or international.")],
    text: Text,
    about: Annotated[str, typer.Option(help="Number of the servicecall it is about.")] = "",
    priority: Annotated[Priority, typer.Option(help="What goes first.")] = Priority.NORMAL,
    flash: Annotated[bool, typer.Option("--flash", help="Show it at once, do not keep it.")] = False,
    plainly: Annotated[
        bool, typer.Option("--plainly", help="Write typographic characters plainly where that saves a part.")
    ] = False,
) -> None:
    """Send a short message; it is accepted when it is stored."""
    options = options_of(context)
    request = pb.SendSmsRequest(
        to=to,
        text=text,
        about=f"servicecalls/{number_of(about)}" if about else "",
        priority=pb.SmsPriority.Value(f"SMS_PRIORITY_{priority.name}"),
        flash=flash,
        transliterate=plainly,
    )
    sent = options.run(lambda session: ShortMessages(session).send(request))
    if options.output is Output.JSON:
        show_data(plain(sent))
    else:
        show_line(f"{sent.name}: accepted for {sent.to} in {sent.part_count} part{'s' if sent.part_count > 1 else ''}")


@app.command("list")
def list_(
    context: typer.Context,
    about: Annotated[str, typer.Option(help="Only about this servicecall.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
) -> None:
    """List short messages, the newest first."""
    options = options_of(context)
    conditions = pb.ListSmsRequest(about=f"servicecalls/{number_of(about)}" if about else "")
    found = options.run(lambda session: ShortMessages(session).find(conditions, limit=limit))
    if options.output is Output.JSON:
        show_data([plain(one) for one in found])
    else:
        _show(found)


@app.command()
def show(
    context: typer.Context, number: Annotated[int, typer.Argument(metavar="ID", help="As `list` shows it.")]
) -> None:
    """Show a short message with its parts and what the network has said about each."""
    options = options_of(context)
    found = options.run(lambda session: ShortMessages(session).get(number))
    if options.output is Output.JSON:
        show_data(plain(found))
        return
    _show([found])
    show_line(found.text)
    rows = (
        (
            str(one.number),
            one.provider_reference,
            _delivery(one.delivery),
            one.error_code,
            local_time(one.delivery_time),
        )
        for one in found.parts
    )
    show_table(("PART", "REFERENCE", "DELIVERY", "ERROR", "WHEN"), rows)


def _show(found: Iterable[pb.Sms]) -> None:
    rows = (
        (
            short(one.name),
            one.to,
            word(sending_pb2.SendState, one.state, "SEND_STATE_"),
            _delivery(one.delivery),
            short(one.provider),
            one.reason,
            local_time(one.create_time),
            one.about,
        )
        for one in found
    )
    show_table(("ID", "TO", "STATE", "DELIVERY", "BY", "SAYS", "ACCEPTED", "ABOUT"), rows)


def _delivery(value: int) -> str:
    return word(pb.SmsDelivery, value, "SMS_DELIVERY_") if value else ""
