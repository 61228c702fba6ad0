"""First tables."""

import sqlalchemy as sa
from alembic import op

import mesh.columns

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "audit_outbox",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_outbox")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "calendar",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("definition", sa.LargeBinary(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("update_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar")),
        info={"name": "calendars/{id}"},
    )
    op.create_table(
        "employee",
        sa.Column("personnel_number", sa.String(length=40), nullable=False),
        sa.Column("matchcode", sa.String(length=80), nullable=False),
        sa.Column("given_name", sa.String(length=80), nullable=False),
        sa.Column("family_name", sa.String(length=80), nullable=False),
        sa.Column("mail_address", sa.String(length=254), nullable=False),
        sa.Column("mail_key", sa.String(length=320), nullable=False),
        sa.Column("mobile", sa.String(length=16), nullable=False),
        sa.Column("substitute", sa.String(length=40), nullable=True),
        sa.Column("absent", sa.Boolean(), nullable=False),
        sa.Column("absence_start_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("absence_end_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("service_user", sa.Boolean(), nullable=False),
        sa.Column("search", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("update_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["substitute"],
            ["employee.personnel_number"],
            name=op.f("fk_employee_substitute_employee"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("personnel_number", name=op.f("pk_employee")),
        info={"name": "employees/{personnel_number}"},
    )
    with op.batch_alter_table("employee", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_employee_mail_key"), ["mail_key"], unique=False)
        batch_op.create_index(batch_op.f("ix_employee_substitute"), ["substitute"], unique=False)

    op.create_table(
        "message_content",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("about", sa.String(length=255), nullable=False),
        sa.Column("sender", sa.String(length=80), nullable=False),
        sa.Column("created_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expire_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_content")),
    )
    with op.batch_alter_table("message_content", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_message_content_created_time"), ["created_time"], unique=False)

    op.create_table(
        "message_inbox",
        sa.Column("recipient", sa.String(length=64), nullable=False),
        sa.Column("identity", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("reads", sa.BigInteger(), nullable=False),
        sa.Column("oldest", sa.BigInteger(), nullable=False),
        sa.Column("changed_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("recipient", name=op.f("pk_message_inbox")),
    )
    with op.batch_alter_table("message_inbox", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_message_inbox_changed_time"), ["changed_time"], unique=False)

    op.create_table(
        "number_range",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_number_range")),
    )
    op.create_table(
        "priority",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("update_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_priority")),
        info={"name": "priorities/{number}"},
    )
    op.create_table(
        "problem_category",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("update_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_problem_category")),
        info={"name": "problemCategories/{id}"},
    )
    op.create_table(
        "request_log",
        sa.Column("caller", sa.String(length=255), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("method", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("response", sa.LargeBinary(), nullable=True),
        sa.Column("created_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("caller", "request_id", name=op.f("pk_request_log")),
    )
    with op.batch_alter_table("request_log", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_request_log_created_time"), ["created_time"], unique=False)

    op.create_table(
        "servicecall_state",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("meaning", sa.SmallInteger(), nullable=False),
        sa.Column("stops_clock", sa.Boolean(), nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("update_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_servicecall_state")),
        info={"name": "servicecallStates/{number}"},
    )
    op.create_table(
        "significance",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("matchcode", sa.String(length=80), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("search", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("update_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_significance")),
        info={"name": "significances/{id}"},
    )
    op.create_table(
        "site_mark",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mark", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site_mark")),
    )
    op.create_table(
        "team",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("matchcode", sa.String(length=80), nullable=False),
        sa.Column("members", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("search", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("update_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_team")),
        info={"name": "teams/{id}"},
    )
    op.create_table(
        "address",
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("matchcode", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("names", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("mail_addresses", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("phones", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("postal_address", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("significance", sa.String(length=40), nullable=True),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("search", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("update_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["significance"], ["significance.id"], name=op.f("fk_address_significance_significance")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_address")),
        info={"name": "addresses/{number}"},
    )
    with op.batch_alter_table("address", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_address_kind"), ["kind"], unique=False)
        batch_op.create_index(batch_op.f("ix_address_significance"), ["significance"], unique=False)

    op.create_table(
        "message",
        sa.Column("recipient", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("content_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("read_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("read_number", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["content_id"], ["message_content.id"], name=op.f("fk_message_content_id_message_content")
        ),
        sa.PrimaryKeyConstraint("recipient", "sequence", name=op.f("pk_message")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_message_content_id"), ["content_id"], unique=False)
        batch_op.create_index(
            "ix_message_read",
            ["recipient", "read_number"],
            unique=False,
            sqlite_where=sa.text("read_number IS NOT NULL"),
            postgresql_where=sa.text("read_number IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_message_unread",
            ["recipient", "sequence"],
            unique=False,
            sqlite_where=sa.text("read_time IS NULL"),
            postgresql_where=sa.text("read_time IS NULL"),
        )

    op.create_table(
        "service_level",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("translations", sa.JSON(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("calendar", sa.String(length=40), nullable=True),
        sa.Column("reaction_working_duration", sa.BigInteger(), nullable=True),
        sa.Column("arrival_working_duration", sa.BigInteger(), nullable=True),
        sa.Column("solution_working_duration", sa.BigInteger(), nullable=True),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("update_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["calendar"], ["calendar.id"], name=op.f("fk_service_level_calendar_calendar")),
        sa.ForeignKeyConstraint(["priority"], ["priority.number"], name=op.f("fk_service_level_priority_priority")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_service_level")),
        info={"name": "serviceLevels/{number}"},
    )
    with op.batch_alter_table("service_level", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_service_level_calendar"), ["calendar"], unique=False)
        batch_op.create_index(batch_op.f("ix_service_level_priority"), ["priority"], unique=False)

    op.create_table(
        "team_member",
        sa.Column("team", sa.String(length=40), nullable=False),
        sa.Column("employee", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["employee"], ["employee.personnel_number"], name=op.f("fk_team_member_employee_employee")
        ),
        sa.ForeignKeyConstraint(["team"], ["team.id"], name=op.f("fk_team_member_team_team"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("team", "employee", name=op.f("pk_team_member")),
        info={"name": "teams/{team}"},
    )
    with op.batch_alter_table("team_member", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_team_member_employee"), ["employee"], unique=False)

    op.create_table(
        "contact_person",
        sa.Column("address", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("matchcode", sa.String(length=80), nullable=False),
        sa.Column("given_name", sa.String(length=80), nullable=False),
        sa.Column("family_name", sa.String(length=80), nullable=False),
        sa.Column("role", sa.String(length=80), nullable=False),
        sa.Column("mail_address", sa.String(length=254), nullable=False),
        sa.Column("other_mail_addresses", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("phones", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("search", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("update_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["address"], ["address.number"], name=op.f("fk_contact_person_address_address")),
        sa.PrimaryKeyConstraint("address", "id", name=op.f("pk_contact_person")),
        info={"name": "addresses/{address}/contactPersons/{id}"},
    )
    op.create_table(
        "level_assignment",
        sa.Column("problem_category", sa.String(length=40), nullable=False),
        sa.Column("significance", sa.String(length=40), nullable=False),
        sa.Column("service_level", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["problem_category"],
            ["problem_category.id"],
            name=op.f("fk_level_assignment_problem_category_problem_category"),
        ),
        sa.ForeignKeyConstraint(
            ["service_level"], ["service_level.number"], name=op.f("fk_level_assignment_service_level_service_level")
        ),
        sa.ForeignKeyConstraint(
            ["significance"], ["significance.id"], name=op.f("fk_level_assignment_significance_significance")
        ),
        sa.PrimaryKeyConstraint("problem_category", "significance", name=op.f("pk_level_assignment")),
        info={"name": "the level assignment of problemCategories/{problem_category} × significances/{significance}"},
    )
    with op.batch_alter_table("level_assignment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_level_assignment_service_level"), ["service_level"], unique=False)
        batch_op.create_index(batch_op.f("ix_level_assignment_significance"), ["significance"], unique=False)

    op.create_table(
        "servicecall_defaults",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("service_level", sa.Integer(), nullable=True),
        sa.Column("problem_category", sa.String(length=40), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("update_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["problem_category"],
            ["problem_category.id"],
            name=op.f("fk_servicecall_defaults_problem_category_problem_category"),
        ),
        sa.ForeignKeyConstraint(
            ["service_level"],
            ["service_level.number"],
            name=op.f("fk_servicecall_defaults_service_level_service_level"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_servicecall_defaults")),
        info={"name": "the defaults"},
    )
    op.create_table(
        "system",
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("matchcode", sa.String(length=80), nullable=False),
        sa.Column("address", sa.String(length=40), nullable=False),
        sa.Column("service_level", sa.Integer(), nullable=True),
        sa.Column("postal_address", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("model", sa.String(length=120), nullable=False),
        sa.Column("serial_number", sa.String(length=80), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("search", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("update_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["address"], ["address.number"], name=op.f("fk_system_address_address")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_system")),
        info={"name": "systems/{number}"},
    )
    with op.batch_alter_table("system", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_system_address"), ["address"], unique=False)
        batch_op.create_index(batch_op.f("ix_system_service_level"), ["service_level"], unique=False)

    op.create_table(
        "component",
        sa.Column("system", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("matchcode", sa.String(length=80), nullable=False),
        sa.Column("service_level", sa.Integer(), nullable=True),
        sa.Column("model", sa.String(length=120), nullable=False),
        sa.Column("serial_number", sa.String(length=80), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("search", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("update_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["system"], ["system.number"], name=op.f("fk_component_system_system")),
        sa.PrimaryKeyConstraint("system", "id", name=op.f("pk_component")),
        info={"name": "systems/{system}/components/{id}"},
    )
    with op.batch_alter_table("component", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_component_service_level"), ["service_level"], unique=False)

    op.create_table(
        "contact",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("address", sa.String(length=40), nullable=False),
        sa.Column("contact_person", sa.String(length=40), nullable=True),
        sa.Column("servicecall", sa.BigInteger(), nullable=True),
        sa.Column("activity_type", sa.String(length=40), nullable=False),
        sa.Column("direction", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("happened_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("employee", sa.String(length=40), nullable=True),
        sa.Column("attachments", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("addendum", sa.Boolean(), nullable=False),
        sa.Column("mail_message_id", sa.Text(), nullable=False),
        sa.Column("follow_up_employee", sa.String(length=40), nullable=True),
        sa.Column("follow_up_team", sa.String(length=40), nullable=True),
        sa.Column("follow_up_due_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("create_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("creator", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["address", "contact_person"],
            ["contact_person.address", "contact_person.id"],
            name=op.f("fk_contact_address_contact_person_contact_person"),
        ),
        sa.ForeignKeyConstraint(["address"], ["address.number"], name=op.f("fk_contact_address_address")),
        sa.ForeignKeyConstraint(["employee"], ["employee.personnel_number"], name=op.f("fk_contact_employee_employee")),
        sa.ForeignKeyConstraint(
            ["follow_up_employee"], ["employee.personnel_number"], name=op.f("fk_contact_follow_up_employee_employee")
        ),
        sa.ForeignKeyConstraint(["follow_up_team"], ["team.id"], name=op.f("fk_contact_follow_up_team_team")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact")),
        info={"name": "contacts/{id}"},
    )
    with op.batch_alter_table("contact", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_contact_address_happened_time_id"), ["address", "happened_time", "id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_contact_employee"), ["employee"], unique=False)
        batch_op.create_index(batch_op.f("ix_contact_follow_up_employee"), ["follow_up_employee"], unique=False)
        batch_op.create_index(batch_op.f("ix_contact_follow_up_team"), ["follow_up_team"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_contact_servicecall_happened_time_id"), ["servicecall", "happened_time", "id"], unique=False
        )

    op.create_table(
        "contract",
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("matchcode", sa.String(length=80), nullable=False),
        sa.Column("address", sa.String(length=40), nullable=False),
        sa.Column("system", sa.String(length=40), nullable=True),
        sa.Column("service_level", sa.Integer(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("search", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("update_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["address"], ["address.number"], name=op.f("fk_contract_address_address")),
        sa.ForeignKeyConstraint(["system"], ["system.number"], name=op.f("fk_contract_system_system")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_contract")),
        info={"name": "contracts/{number}"},
    )
    with op.batch_alter_table("contract", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_contract_address"), ["address"], unique=False)
        batch_op.create_index(batch_op.f("ix_contract_service_level"), ["service_level"], unique=False)
        batch_op.create_index(batch_op.f("ix_contract_system"), ["system"], unique=False)

    op.create_table(
        "mail_identity",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mail_address", sa.String(length=320), nullable=False),
        sa.Column("address", sa.String(length=40), nullable=False),
        sa.Column("contact_person", sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(
            ["address", "contact_person"],
            ["contact_person.address", "contact_person.id"],
            name=op.f("fk_mail_identity_address_contact_person_contact_person"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["address"], ["address.number"], name=op.f("fk_mail_identity_address_address"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_identity")),
    )
    with op.batch_alter_table("mail_identity", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_mail_identity_address"), ["address"], unique=False)
        batch_op.create_index(batch_op.f("ix_mail_identity_mail_address"), ["mail_address"], unique=False)

    op.create_table(
        "servicecall",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("search", sa.String(length=320), nullable=False),
        sa.Column("address", sa.String(length=40), nullable=False),
        sa.Column("system", sa.String(length=40), nullable=True),
        sa.Column("component", sa.String(length=40), nullable=True),
        sa.Column("contract", sa.String(length=40), nullable=True),
        sa.Column("problem_category", sa.String(length=40), nullable=True),
        sa.Column("significance", sa.String(length=40), nullable=True),
        sa.Column("responsible_employee", sa.String(length=40), nullable=True),
        sa.Column("responsible_team", sa.String(length=40), nullable=True),
        sa.Column("published", sa.Boolean(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("receive_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("meaning", sa.SmallInteger(), nullable=False),
        sa.Column("service_level", sa.Integer(), nullable=False),
        sa.Column("level_rule", sa.SmallInteger(), nullable=False),
        sa.Column("level_rule_source", sa.String(length=200), nullable=False),
        sa.Column("origin", sa.String(length=200), nullable=False),
        sa.Column("create_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("update_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("last_sequence", sa.Integer(), nullable=False),
        sa.Column("last_event_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("cached_due_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["address"], ["address.number"], name=op.f("fk_servicecall_address_address")),
        sa.ForeignKeyConstraint(["contract"], ["contract.number"], name=op.f("fk_servicecall_contract_contract")),
        sa.ForeignKeyConstraint(
            ["problem_category"], ["problem_category.id"], name=op.f("fk_servicecall_problem_category_problem_category")
        ),
        sa.ForeignKeyConstraint(
            ["responsible_employee"],
            ["employee.personnel_number"],
            name=op.f("fk_servicecall_responsible_employee_employee"),
        ),
        sa.ForeignKeyConstraint(["responsible_team"], ["team.id"], name=op.f("fk_servicecall_responsible_team_team")),
        sa.ForeignKeyConstraint(
            ["service_level"], ["service_level.number"], name=op.f("fk_servicecall_service_level_service_level")
        ),
        sa.ForeignKeyConstraint(
            ["state"], ["servicecall_state.number"], name=op.f("fk_servicecall_state_servicecall_state")
        ),
        sa.ForeignKeyConstraint(
            ["system", "component"],
            ["component.system", "component.id"],
            name=op.f("fk_servicecall_system_component_component"),
        ),
        sa.ForeignKeyConstraint(["system"], ["system.number"], name=op.f("fk_servicecall_system_system")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_servicecall")),
        info={"name": "servicecalls/{number}"},
    )
    with op.batch_alter_table("servicecall", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_servicecall_address"), ["address"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_servicecall_cached_due_time_number"), ["cached_due_time", "number"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_servicecall_contract"), ["contract"], unique=False)
        batch_op.create_index(batch_op.f("ix_servicecall_meaning"), ["meaning"], unique=False)
        batch_op.create_index(batch_op.f("ix_servicecall_problem_category"), ["problem_category"], unique=False)
        batch_op.create_index(batch_op.f("ix_servicecall_responsible_employee"), ["responsible_employee"], unique=False)
        batch_op.create_index(batch_op.f("ix_servicecall_responsible_team"), ["responsible_team"], unique=False)
        batch_op.create_index(batch_op.f("ix_servicecall_service_level"), ["service_level"], unique=False)
        batch_op.create_index(batch_op.f("ix_servicecall_state"), ["state"], unique=False)
        batch_op.create_index(batch_op.f("ix_servicecall_system"), ["system"], unique=False)

    op.create_table(
        "servicecall_event",
        sa.Column("servicecall", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("event_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("record_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("state", sa.Integer(), nullable=True),
        sa.Column("service_level", sa.Integer(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["servicecall"], ["servicecall.number"], name=op.f("fk_servicecall_event_servicecall_servicecall")
        ),
        sa.PrimaryKeyConstraint("servicecall", "sequence", name=op.f("pk_servicecall_event")),
        info={"name": "servicecalls/{servicecall}"},
        sqlite_with_rowid=False,
    )
