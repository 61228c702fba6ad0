"""The larger rooms of server_es put together; `app.py` says in which order."""
