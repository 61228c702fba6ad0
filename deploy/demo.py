"""The walk through a site: mails become servicecalls with deadlines in front of a dispatcher, a setting changes.

`python -m deploy.demo --server localhost:12164 --ca var/demo/pki/ca.pem --maildir var/demo/maildir`; the user name and
password of the administrator stand in ESCONFIG_USER and ESCONFIG_PASSWORD. Everything goes through the usual doors.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, timedelta
from pathlib import Path
from string import Template
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import grpc
import yaml
from esoffice.business.v1 import mail_pb2, mail_pb2_grpc, outgoing_mail_pb2, outgoing_mail_pb2_grpc
from esoffice.config.v1 import fleet_pb2, fleet_pb2_grpc, identity_pb2, identity_pb2_grpc
from esoffice.es.v1 import (
    absences_pb2,
    absences_pb2_grpc,
    calendars_pb2_grpc,
    duty_pb2,
    duty_pb2_grpc,
    escalations_pb2,
    escalations_pb2_grpc,
    forwarding_pb2,
    forwarding_pb2_grpc,
    messages_pb2,
    messages_pb2_grpc,
    service_levels_pb2,
    service_levels_pb2_grpc,
    servicecalls_pb2,
    servicecalls_pb2_grpc,
    status_events_pb2_grpc,
    text_modules_pb2_grpc,
)
from google.protobuf import json_format

from mesh.channel import connect_blocking
from mesh.clock import SystemClock

DATA = Path(__file__).parent / "demo"
DISPATCHER, DISPATCHER_PASSWORD = "petersen", "Disposition-2026"
TECHNICIAN, TECHNICIAN_PASSWORD = "yildiz", "Technik-2026"
PATIENCE_SECONDS = 90
T = TypeVar("T")
_clock = SystemClock()


class Walk:
    """One walk through a running site."""

    def __init__(self, server: str, ca: Path, maildir: Path) -> None:
        self.server, self.ca, self.maildir = server, ca, maildir
        self.channel = connect_blocking(server, grpc.ssl_channel_credentials(ca.read_bytes()))
        self.admin = self.signed_in(os.environ["ESCONFIG_USER"], os.environ["ESCONFIG_PASSWORD"])
        self.mails = mail_pb2_grpc.MailServiceStub(self.channel)
        self.calls = servicecalls_pb2_grpc.ServicecallServiceStub(self.channel)

    def signed_in(self, user: str, password: str) -> tuple[tuple[str, str], ...]:
        stub = identity_pb2_grpc.IdentityServiceStub(self.channel)
        request = identity_pb2.SignInRequest(user=user, password=password)
        answer = eventually(f"sign-in of {user}", lambda: stub.SignIn(request))
        return (("authorization", f"Bearer {answer.token}"),)

    def esconfig(self, *words: str, said: str = "", allowed: tuple[int, ...] = (0,)) -> str:
        """Run a command of the administrator and return what it printed."""
        environment = {**os.environ, "ESCONFIG_SERVER": self.server, "ESCONFIG_CA": str(self.ca)}
        done = subprocess.run(
            [sys.executable, "-m", "config_service.cli", *words],
            input=said, text=True, capture_output=True, env=environment, check=False, timeout=PATIENCE_SECONDS,
        )  # fmt: skip
        if done.returncode not in allowed:
            raise SystemExit(f"demo: esconfig {' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    # -- the stations -------------------------------------------------------------------------------------------------

    def fill(self) -> None:
        """Customers, systems, contracts, employees; calendars and service levels; a dispatcher who may sign in."""
        files = sorted(str(one) for one in (DATA / "directory").iterdir())
        eventually("server_es", self.stub_answers)
        say("esconfig directory import …", self.esconfig("directory", "import", *files).strip())
        stubs: dict[str, Any] = {
            "CalendarService": calendars_pb2_grpc.CalendarServiceStub(self.channel),
            "ServiceLevelService": service_levels_pb2_grpc.ServiceLevelServiceStub(self.channel),
            "AbsenceService": absences_pb2_grpc.AbsenceServiceStub(self.channel),
            "TextModuleService": text_modules_pb2_grpc.TextModuleServiceStub(self.channel),
            "StatusEventService": status_events_pb2_grpc.StatusEventServiceStub(self.channel),
            "EscalationService": escalations_pb2_grpc.EscalationServiceStub(self.channel),
            "DutyService": duty_pb2_grpc.DutyServiceStub(self.channel),
        }
        steps = yaml.safe_load((DATA / "catalogue.yaml").read_text(encoding="utf-8"))
        made = sum(self.asked(stubs, *one) for step in steps for one in step.items())
        say("calendars, service levels, leave, escalations", f"{made} entries made, {len(steps) - made} were there")
        self.esconfig(
            "users", "create", DISPATCHER, "--role", "dispatcher", "--employee", "101", "--full-name", "Maike Petersen",
            "--new-password-stdin", said=f"{DISPATCHER_PASSWORD}\n", allowed=(0, 1),
        )  # fmt: skip
        self.esconfig(
            "users", "create", TECHNICIAN, "--role", "technician", "--employee", "201", "--full-name", "Emre Yıldız",
            "--new-password-stdin", said=f"{TECHNICIAN_PASSWORD}\n", allowed=(0, 1),
        )  # fmt: skip

    def stub_answers(self) -> bool:
        self.calls.ListServicecalls(servicecalls_pb2.ListServicecallsRequest(page_size=1), metadata=self.admin)
        return True

    def asked(self, stubs: dict[str, Any], method: str, request: dict[str, Any]) -> bool:
        """Make one call of the catalogue; False when an earlier run has made it."""
        service, _, name = method.partition(".")
        described = stubs_methods(service)[name]
        message = json_format.ParseDict(request, described())
        if name == "SetDefaults":
            defaults = stubs[service].GetDefaults(stubs_methods(service)["GetDefaults"](), metadata=self.admin)
            message.defaults.etag = defaults.etag
        try:
            getattr(stubs[service], name)(message, metadata=self.admin)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.ALREADY_EXISTS:
                return False
            raise SystemExit(f"demo: {method}: {error.details()}") from error
        return True

    @contextmanager
    def popups(self) -> Iterator[list[messages_pb2.Message]]:
        """Hold the dispatcher's stream open, as the desktop client does, and show what arrives."""
        shown: list[messages_pb2.Message] = []
        metadata = self.signed_in(DISPATCHER, DISPATCHER_PASSWORD)
        request = messages_pb2.SubscribeMessagesRequest(machine="PC-DISPO-1", client_version="demo")
        stream = messages_pb2_grpc.MessageServiceStub(self.channel).SubscribeMessages(request, metadata=metadata)

        def follow() -> None:
            try:
                for event in stream:
                    for one in event.messages.messages:
                        shown.append(one)
                        print(f"      ☎ popup for Maike Petersen: {one.subject}", flush=True)
            except grpc.RpcError:
                return  # cancelled below, or the service restarts; the real client resumes from its cursor

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield shown
        finally:
            stream.cancel()
            thread.join(5)

    def deliver(self, raw: bytes) -> str:
        """Put a mail into the Maildir as a mail server does: written whole, then renamed. Return its name."""
        now = _clock.now()
        mark = f"{int(now.timestamp())}.M{now.microsecond:06}_{uuid.uuid4().hex}"  # names sort as the mails came
        for folder in ("tmp", "new", "cur"):
            (self.maildir / folder).mkdir(parents=True, exist_ok=True)
        raw = f"X-Demo-Run: {mark}\n".encode() + raw
        (self.maildir / "tmp" / mark).write_bytes(raw)
        (self.maildir / "tmp" / mark).rename(self.maildir / "new" / mark)
        return mark

    def arrived(self, mark: str) -> mail_pb2.Mail | None:
        """Return the mail with this mark once it is decided and filed away."""
        request = mail_pb2.ListMailsRequest(page_size=50)
        for mail in self.mails.ListMails(request, metadata=self.admin).mails:
            decided = mail.state != mail_pb2.MAIL_STATE_RECEIVED and mail.filed
            if mark in mail.uid and decided:
                return mail
        return None

    def receive(self) -> mail_pb2.Mail:
        """Six mails arrive; return the one of the known sender."""
        marks = [self.deliver(one.read_bytes()) for one in sorted((DATA / "mails").glob("*.eml"))]
        mails = [eventually("a mail to be decided", lambda mark=mark: self.arrived(mark)) for mark in marks]  # type: ignore[misc]
        for mail in mails:
            said(mail)
        return mails[0]

    def answer(self, first: mail_pb2.Mail) -> None:
        """The customer answers her acknowledgement; its subject names the call, so no second one is made."""
        got = eventually("the acknowledgement to be queued", lambda: self.acknowledgement(first.servicecall))
        say(f"acknowledgement to {got.to[0]}", f"{got.subject} ({got.name}, queued until an outgoing server is set up)")
        text = Template((DATA / "mails" / "7-answer.eml.template").read_text(encoding="utf-8"))
        mark = self.deliver(text.substitute(subject=got.subject).encode())
        said(eventually("the answer to be decided", lambda: self.arrived(mark)))

    def acknowledgement(self, call: str) -> outgoing_mail_pb2.OutgoingMail | None:
        """Return the mail that tells the customer the number of her call, once it is accepted."""
        stub = outgoing_mail_pb2_grpc.OutgoingMailServiceStub(self.channel)
        request = outgoing_mail_pb2.ListOutgoingMailsRequest(about=call, page_size=1)
        return next(iter(stub.ListOutgoingMails(request, metadata=self.admin).mails), None)

    def explain(self, call: str) -> None:
        """Why is this call due then? As a person reads it."""
        answer = self.calls.ExplainDueTimes(
            servicecalls_pb2.ExplainDueTimesRequest(servicecall=call), metadata=self.admin
        )
        for one in answer.explanations:
            print("      " + one.explanation.german_text.strip().replace("\n", "\n      "))

    def ask_for_leave(self, shown: list[messages_pb2.Message]) -> None:
        """A technician asks for three days; the dispatcher opens the request from her popup and agrees."""
        stub = absences_pb2_grpc.AbsenceServiceStub(self.channel)
        technician = self.signed_in(TECHNICIAN, TECHNICIAN_PASSWORD)
        dispatcher = self.signed_in(DISPATCHER, DISPATCHER_PASSWORD)
        earlier = stub.ListAbsences(absences_pb2.ListAbsencesRequest(page_size=1), metadata=technician).absences
        if earlier:
            say(earlier[0].name, "was approved when the demo ran before")
            return
        monday = next_monday(_clock.now().date() + timedelta(weeks=3))
        last = monday + timedelta(days=2)
        entitled = {"name": f"employees/201/leaveEntitlements/{last.year}", "days": 30}
        self.asked({"AbsenceService": stub}, "AbsenceService.CreateLeaveEntitlement", {"leaveEntitlement": entitled})
        wanted = absences_pb2.Absence(
            kind="absenceKinds/urlaub",
            start_date=monday.isoformat(),
            end_date=last.isoformat(),
            ends_at_noon=True,
            reason="Umzug",
        )
        asked = stub.RequestAbsence(
            absences_pb2.RequestAbsenceRequest(absence=wanted, request_id=str(uuid.uuid4())), metadata=technician
        )
        say("Emre Yıldız, technician, asks", f"{asked.days:g} days from {asked.start_date}")
        eventually("the popup of the request", lambda: any(one.about == asked.name for one in shown))
        seen = stub.GetAbsence(absences_pb2.GetAbsenceRequest(name=asked.name), metadata=dispatcher)
        agreed = stub.ApproveAbsence(
            absences_pb2.ApproveAbsenceRequest(name=seen.name, etag=seen.etag, request_id=str(uuid.uuid4())),
            metadata=dispatcher,
        )
        say("Maike Petersen agrees", f"{agreed.name} is approved and stands in the calendar as {agreed.appointment}")

    def escalate(self, first: str, shown: list[messages_pb2.Message]) -> None:
        """A call that nobody touches: half of its time is up in some seconds, and the popup comes by itself."""
        dispatcher = self.signed_in(DISPATCHER, DISPATCHER_PASSWORD)
        stub = escalations_pb2_grpc.EscalationServiceStub(self.channel)
        address = self.calls.GetServicecall(
            servicecalls_pb2.GetServicecallRequest(name=first), metadata=self.admin
        ).address
        wanted = servicecalls_pb2.Servicecall(
            title="Aufzug steckt fest", address=address, responsible_team="teams/disposition"
        )
        wanted.receive_time.FromDatetime(_clock.now() - timedelta(hours=2) + timedelta(seconds=4))
        call = self.calls.CreateServicecall(
            servicecalls_pb2.CreateServicecallRequest(servicecall=wanted, request_id=str(uuid.uuid4())),
            metadata=dispatcher,
        )
        changed = servicecalls_pb2.ChangeServiceLevelRequest(
            servicecall=call.name, service_level="serviceLevels/30", request_id=str(uuid.uuid4())
        )
        self.calls.ChangeServiceLevel(changed, metadata=dispatcher)
        foreseen = stub.SimulateEscalations(
            escalations_pb2.SimulateEscalationsRequest(servicecall=call.name), metadata=dispatcher
        )
        for step in foreseen.steps:
            print(f"      {step.german_text}")
        eventually("the escalation", lambda: any("sind um" in one.subject and one.about == call.name for one in shown))
        request = escalations_pb2.AcknowledgeEscalationsRequest(servicecall=call.name, request_id=str(uuid.uuid4()))
        stub.AcknowledgeEscalations(request, metadata=dispatcher)
        say("Maike Petersen acknowledges", f"{call.name} repeats no more; only the breach would still be told")

    def on_duty(self) -> None:
        """Who is called now for a lift, who stands behind, and who is next?"""
        stub = duty_pb2_grpc.DutyServiceStub(self.channel)
        request = duty_pb2.WhoIsOnDutyRequest(roster="rosters/technik", system="systems/A-1005")
        answer = stub.WhoIsOnDuty(request, metadata=self.admin)
        until = answer.next_change_time.ToDatetime().replace(tzinfo=UTC).astimezone(ZoneInfo("Europe/Berlin"))
        say("on duty for systems/A-1005", f"{_people(answer.on_duty)}, behind: {_people(answer.behind) or 'nobody'}")
        say(f"from {until:%d.%m. %H:%M}", _people(answer.next))

    def forward(self, servicecall: str, shown: list[messages_pb2.Message]) -> None:
        """The technician starts a call and hands it back to the dispatchers, who are told."""
        stub = forwarding_pb2_grpc.ForwardingServiceStub(self.channel)
        technician = self.signed_in(TECHNICIAN, TECHNICIAN_PASSWORD)
        start = servicecalls_pb2.ChangeStateRequest(
            servicecall=servicecall, state=self.state_of(service_levels_pb2.STATE_MEANING_STARTED)
        )
        self.calls.ChangeState(start, metadata=technician)
        request = forwarding_pb2.ForwardServicecallRequest(
            servicecall=servicecall, team="teams/disposition", text="Ersatzteil bestellen", request_id=str(uuid.uuid4())
        )
        made = stub.ForwardServicecall(request, metadata=technician)
        say("Emre Yıldız, technician, forwards", f"{made.name} to {made.team}: {made.text}")
        eventually("the popup", lambda: any("weitergeleitet" in one.subject for one in shown))

    def state_of(self, meaning: service_levels_pb2.StateMeaning.ValueType) -> str:
        stub = service_levels_pb2_grpc.ServiceLevelServiceStub(self.channel)
        answer = stub.ListServicecallStates(service_levels_pb2.ListServicecallStatesRequest(), metadata=self.admin)
        return next(one.name for one in answer.servicecall_states if one.meaning == meaning)

    def change_setting(self) -> None:
        """A setting that needs a restart is saved; the service comes back on the new revision."""
        path = "server_business.mail.accounts.demo.poll_duration"
        now = json.loads(self.esconfig("--output", "json", "settings", "get", path))
        wanted = "3s" if "2" in json.dumps(now) else "2s"
        print(self.esconfig("settings", "set", f"{path}={wanted}", "--reason", "demo", "--yes").rstrip())
        newest = self.revision()
        eventually("the restart of server_business", lambda: self.runs_on(newest))
        say("server_business is back", f"serving on revision {newest}")

    def revision(self) -> int:
        history = json.loads(self.esconfig("--output", "json", "settings", "history"))
        return max(int(one["name"].partition("/")[2]) for one in history)

    def runs_on(self, revision: int) -> bool:
        stub = fleet_pb2_grpc.FleetServiceStub(self.channel)
        answer = stub.ListInstances(fleet_pb2.ListInstancesRequest(service="server_business"), metadata=self.admin)
        serving = fleet_pb2.Instance.STATE_SERVING
        return any(one.state == serving and one.applied_revision >= revision for one in answer.instances)


def stubs_methods(service: str) -> dict[str, Callable[[], Any]]:
    """Return the request message of each method of a service of `esoffice.es.v1`."""
    from esoffice.es.v1 import calendars_pb2, service_levels_pb2, status_events_pb2, text_modules_pb2
    from google.protobuf.message_factory import GetMessageClass

    rooms = (calendars_pb2, service_levels_pb2, absences_pb2, duty_pb2, text_modules_pb2, status_events_pb2)
    files = [one.DESCRIPTOR for one in (*rooms, escalations_pb2)]
    described = next(one.services_by_name[service] for one in files if service in one.services_by_name)
    return {one.name: GetMessageClass(one.input_type) for one in described.methods}


def _people(found: Iterable[duty_pb2.OnDuty]) -> str:
    return ", ".join(one.employee for one in found)


def next_monday(day: date) -> date:
    """Return the day itself if it is a Monday, else the next one."""
    return day + timedelta(days=-day.weekday() % 7)


def eventually(what: str, look: Callable[[], T | None]) -> T:
    """Look until there is something, and return it."""
    until = _clock.monotonic() + PATIENCE_SECONDS
    reason = ""
    while _clock.monotonic() < until:
        try:
            found = look()
        except grpc.RpcError as error:
            reason = f": {error.details()}"
            if error.code() not in (
                grpc.StatusCode.UNAVAILABLE,
                grpc.StatusCode.INTERNAL,
                grpc.StatusCode.UNAUTHENTICATED,
            ):
                raise SystemExit(f"demo: {what}: {error.details()}") from error
        else:
            if found:
                return found
        _clock.wait(threading.Event(), timedelta(seconds=0.2))
    raise SystemExit(f"demo: waited {PATIENCE_SECONDS} s for {what}{reason}")


def said(mail: mail_pb2.Mail) -> None:
    """Show what became of a mail, in a line."""
    state = mail_pb2.MailState.Name(mail.state).removeprefix("MAIL_STATE_").lower()
    reason = mail_pb2.OpenReason.Name(mail.open_reason).removeprefix("OPEN_REASON_").lower() if mail.open_reason else ""
    became = mail.servicecall or mail.contact or reason
    print(f"   {mail.sender or '(no single sender)':<42.42} {mail.subject:<36.36} → {state} {became}")


def say(what: str, result: str) -> None:
    print(f"   {what}: {result}")


def station(number: int, title: str) -> None:
    print(f"\n{number}. {title}", flush=True)


def main() -> None:
    """Walk once."""
    parser = argparse.ArgumentParser(prog="python -m deploy.demo", description=__doc__)
    parser.add_argument("--server", default="localhost:12164", help="host:port of the LAN Envoy")
    parser.add_argument("--ca", type=Path, required=True, help="the site's CA certificate")
    parser.add_argument("--maildir", type=Path, required=True, help="Maildir of the mail account `demo`")
    chosen = parser.parse_args()
    walk = Walk(chosen.server, chosen.ca, chosen.maildir)
    station(1, "The site is filled: customers, systems, contracts, employees, service levels")
    walk.fill()
    with walk.popups() as shown:
        station(2, "Six mails arrive; Maike Petersen, dispatcher, has her client open")
        first = walk.receive()
        station(3, "The customer answers: the mail becomes a contact on her call")
        walk.answer(first)
        eventually("the popups", lambda: shown)
        station(4, "A technician asks for leave; she decides in the popup")
        walk.ask_for_leave(shown)
        station(5, "A call that nobody touches: what will happen, and the popup when it does")
        walk.escalate(first.servicecall, shown)
        station(6, "The technician forwards the call to her team")
        walk.forward(first.servicecall, shown)
    station(7, f"Why is {first.servicecall} due then?")
    walk.explain(first.servicecall)
    station(8, "Who is called tonight for the lift in Jarrestraße?")
    walk.on_duty()
    station(9, "An administrator changes a setting that needs a restart")
    walk.change_setting()


if __name__ == "__main__":
    main()
