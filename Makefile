# The two commands are `make run` and `make test`; `make help` lists the rest.
PY := .venv/bin/python
export PIP_DISABLE_PIP_VERSION_CHECK := 1
.DEFAULT_GOAL := help

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

run: .venv/ready ## start the whole mesh with a demo site; Ctrl-C ends it
	@$(PY) -m deploy.run

test: .venv/ready ## run the tests; installs real servers when run as root on Debian or Ubuntu
	deploy/test-servers
	deploy/run-tests

test-long: .venv/ready ## the same with what takes long on PostgreSQL, too
	deploy/test-servers
	ESMESH_LONG=1 deploy/run-tests

check: .venv/ready var/third_party/ready ## format, lint, types, import directions, contracts, stubs fresh
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/buf lint
	deploy/check-breaking
	deploy/check-stubs

protos: .venv/ready var/third_party/ready ## generate the stubs from protos/
	deploy/make-stubs

format: .venv/ready ## format and mend what the linter can mend
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

benchmarks: .venv/ready ## measure everything beside its peers and print the table
	$(PY) -m benchmarks

kill-test: .venv/ready ## kill every worker at random points, KILLS=1000 times, and every room of server_es
	ESMESH_KILLS=$(or $(KILLS),1000) $(PY) -m pytest -q -rP -x tests/faults \
	  $(wildcard tests/integration/server_es/test_*_kill.py) tests/integration/server_es/test_duty_handoffs.py

fuzz: .venv/ready ## fuzz what reads mails and reports on delivery, SECONDS=60 each
	.venv/bin/uv pip install --quiet --python $(PY) --require-hashes -r requirements-fuzz.lock
	$(PY) -m tests.fuzz mail $(or $(SECONDS),60)
	$(PY) -m tests.fuzz report $(or $(SECONDS),60)

simulation: .venv/ready ## drive a company through weeks: SEED= WEEKS= EMPLOYEES= CALLS= ACTS= DATABASE=
	$(PY) -m tests.simulation --seed $(or $(SEED),1) --weeks $(or $(WEEKS),3) \
	  --employees $(or $(EMPLOYEES),500) --calls $(or $(CALLS),20000) --acts $(or $(ACTS),0) \
	  $(if $(DATABASE),--database $(DATABASE))

simulation-defects: .venv/ready ## plant defects, also those that take minutes to find
	ESMESH_DEFECTS=1 $(PY) -m pytest -q tests/simulation/test_laws_bite.py

sync-histories: .venv/ready ## live through N=1000000 random histories of the sync with Exchange
	PYTHONPATH=stubs:. $(PY) -m tests.builders.sync_histories $(or $(N),1000000)

compose-test: ## run the demo of docker-compose.yml on a local engine (root)
	deploy/compose-test

fresh-test: ## follow the README on an empty Debian (root)
	deploy/fresh-test

clean: ## remove what the commands made, the demo site's data too
	rm -rf .venv var .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*

.venv/ready: requirements-dev.lock pyproject.toml deploy/make-venv
	deploy/make-venv
	@touch $@

var/third_party/ready: deploy/third-party-protos | .venv/ready
	deploy/third-party-protos

.PHONY: help run test test-long check protos format benchmarks kill-test sync-histories fuzz simulation simulation-defects compose-test \
	fresh-test clean
