# The two commands are `make run` and `make test`; `make help` lists the rest.
PY := .venv/bin/python
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.venv/ready: requirements-dev.lock pyproject.toml
	deploy/make-venv
	touch $@

