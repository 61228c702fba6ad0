"""E-mail reception: from a mailbox into contacts, servicecalls and open helpdesk e-mails."""
