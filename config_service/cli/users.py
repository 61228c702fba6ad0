"""`esconfig users …` (Benutzerverwaltung)."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from esoffice.config.v1 import identity_pb2 as pb
from esoffice.config.v1.identity_pb2_grpc import IdentityServiceStub

from config_service.cli import options
from config_service.cli.exits import WrongUsage
from config_service.cli.options import Generate, Limit, NewPasswordStdin, Yes, session_of
from config_service.cli.output import show_list, show_one
from config_service.cli.plain import local_time, short, yes

app = typer.Typer(help="Users and their roles (Benutzer, Rollen).", no_args_is_help=True)
_COLUMNS = {
    "NAME": lambda user: short(user.name),
    "FULL NAME": lambda user: user.display_name,
    "EMPLOYEE": lambda user: short(user.employee),
    "ROLES": lambda user: ",".join(user.roles),
    "DISABLED": lambda user: yes(user.disabled),
    "SERVICE USER": lambda user: yes(user.service_user),
    "LAST SIGN-IN": lambda user: local_time(user.last_sign_in_time),
}
_FACTS = {
    **{name.lower(): cell for name, cell in _COLUMNS.items()},
    "created": lambda user: local_time(user.create_time),
    "changed": lambda user: local_time(user.update_time),
}
Name = Annotated[str, typer.Argument(help="Name of the user, as for signing in.")]
Employee = Annotated[str | None, typer.Option(help="Personnel number (Personalnummer); empty: no employee.")]
Roles = Annotated[
    list[str] | None, typer.Option("--role", help="Role (Rolle), repeatable: built in, or made in the settings.")
]
FullName = Annotated[str | None, typer.Option("--full-name", help="Name for people, such as 'Anna Muster'.")]


@app.command("list")
def list_(context: typer.Context, limit: Limit = 1000) -> None:
    """List users, by name."""
    session = session_of(context)
    users = options.pages(
        session,
        lambda channel, size, token: IdentityServiceStub(channel).ListUsers(
            pb.ListUsersRequest(page_size=size, page_token=token)
        ),
        "users",
        limit,
    )
    show_list(session.output, users, _COLUMNS)


@app.command()
def show(context: typer.Context, name: Name) -> None:
    """Show a user."""
    session = session_of(context)
    request = pb.GetUserRequest(name=options.name_of("users", name))
    show_one(session.output, session.ask(lambda channel: IdentityServiceStub(channel).GetUser(request)), _FACTS)


@app.command()
def create(
    context: typer.Context,
    name: Name,
    role: Roles = None,
    employee: Employee = None,
    full_name: FullName = None,
    service_user: Annotated[
        bool,
        typer.Option("--service-user", help="A personnel number without password, for services (Service-Benutzer)."),
    ] = False,
    new_password_stdin: NewPasswordStdin = False,
    generate: Generate = False,
) -> None:
    """Make a user. The password is typed unseen unless an option says otherwise."""
    session = session_of(context)
    user = pb.User(
        employee=options.name_of("employees", employee) if employee else "",
        roles=role or (),
        display_name=full_name or "",
        service_user=service_user,
    )
    password = "" if service_user else options.new_password(from_stdin=new_password_stdin, generate=generate)
    request = pb.CreateUserRequest(user_id=name, user=user, password=password)
    show_one(session.output, session.ask(lambda channel: IdentityServiceStub(channel).CreateUser(request)), _FACTS)


@app.command()
def update(
    context: typer.Context,
    name: Name,
    role: Roles = None,
    employee: Employee = None,
    full_name: FullName = None,
    disabled: Annotated[bool | None, typer.Option("--disable/--enable", help="Whether the user may sign in.")] = None,
    no_roles: Annotated[bool, typer.Option("--no-roles", help="Take all roles away.")] = False,
) -> None:
    """Change a user; what is not given stays. Roles given replace the roles there were."""
    session = session_of(context)
    said = {
        "employee": employee is not None,
        "roles": bool(role) or no_roles,
        "disabled": disabled is not None,
        "display_name": full_name is not None,
    }
    if not any(said.values()):
        raise WrongUsage("Say what is to change; see `esconfig users update --help`.")
    full = options.name_of("users", name)
    before = session.ask(lambda channel: IdentityServiceStub(channel).GetUser(pb.GetUserRequest(name=full)))
    request = pb.UpdateUserRequest(
        user=pb.User(
            name=full,
            etag=before.etag,
            employee=options.name_of("employees", employee) if employee else "",
            roles=role or (),
            disabled=bool(disabled),
            display_name=full_name or "",
        )
    )
    request.update_mask.paths.extend(field for field, is_given in said.items() if is_given)
    show_one(session.output, session.ask(lambda channel: IdentityServiceStub(channel).UpdateUser(request)), _FACTS)


@app.command("set-password")
def set_password(
    context: typer.Context, name: Name, new_password_stdin: NewPasswordStdin = False, generate: Generate = False
) -> None:
    """Give a user another password (Kennwort)."""
    session = session_of(context)
    password = options.new_password(from_stdin=new_password_stdin, generate=generate)
    request = pb.SetPasswordRequest(name=options.name_of("users", name), password=password)
    show_one(session.output, session.ask(lambda channel: IdentityServiceStub(channel).SetPassword(request)), _FACTS)


@app.command()
def delete(context: typer.Context, name: Name, yes: Yes = False) -> None:
    """Delete a user; `update --disable` is mostly the better choice."""
    session = session_of(context)
    full = options.name_of("users", name)
    user = session.ask(lambda channel: IdentityServiceStub(channel).GetUser(pb.GetUserRequest(name=full)))
    options.confirm(f"Delete user {short(full)}?", yes=yes)
    request = pb.DeleteUserRequest(name=full, etag=user.etag)
    session.ask(lambda channel: IdentityServiceStub(channel).DeleteUser(request))


@app.command()
def bootstrap(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the first administrator.")] = "admin",
    data: Annotated[Path, typer.Option(help="Data folder of config_service.")] = Path("var/config_service"),
    database: Annotated[str, typer.Option(help="Its database, if it is not the SQLite file in that folder.")] = "",
    new_password_stdin: NewPasswordStdin = False,
) -> None:
    """Make the first administrator, on this machine, while there is no user at all.

    The password is made here and shown once, or taken from standard input.
    """
    from config_service.cli.first_user import make

    session = session_of(context)
    password = options.new_password(from_stdin=new_password_stdin, generate=not new_password_stdin)
    make(data, database, name.strip().lower(), password, session.clock)
    sys.stdout.write(f"{name} may sign in now: esconfig sign-in {name}\n")
