"""Who people are: users, passwords, roles, sign-in and the tokens that follow from it."""
