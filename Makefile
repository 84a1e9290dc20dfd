# Everything a person types here; each target first sets up what it needs (infra/bootstrap.sh, quick when done).
.DEFAULT_GOAL := help
unexport PYTHONDONTWRITEBYTECODE  # tests start juliu hundreds of times: each would compile all of it again
.PHONY: help setup demo test test-aside test-rest check fmt up down lock

help: ## what can be typed
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## packages, .venv, Kafka's jars and hls.js
	@infra/bootstrap.sh

demo: setup ## replay a real watch log, train, feed, prove the counts (DAYS=7; KEEP=0 stops it at the end; STORY=media)
	@.venv/bin/juliu demo $(if $(STORY),--story $(STORY)) $(if $(DAYS),--days $(DAYS)) $(if $(filter 0,$(KEEP)),--no-keep)

test: setup ## every test, on servers of its own
	@$(MAKE) --no-print-directory --jobs=2 --keep-going test-aside test-rest

# Half of the time: faults wait for recoveries, media for ffmpeg and leases, and so run beside the rest.  Told when they are over.
OF_MEDIA := $(wildcard $(addprefix tests/integration/test_,ffmpeg_*.py media_*.py cos_*.py wechat_*.py))
ASIDE := tests/faults tests/e2e tests/integration/ci $(OF_MEDIA)
test-aside:
	@told=$$(.venv/bin/pytest $(ASIDE) 2>&1) && code=0 || code=$$?; echo "$$told"; exit $$code

test-rest:
	@.venv/bin/pytest $(addprefix --ignore=,$(ASIDE))

check: setup ## style, types and import contracts
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

fmt: setup ## write the code as `make check` wants it
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

up: setup ## start the servers in the background
	@.venv/bin/juliu up

down: setup ## stop processes and servers; data stays
	@.venv/bin/juliu down

lock: setup ## compile requirements/*.in to pinned *.txt
	.venv/bin/uv pip compile --quiet --python-version 3.11 --no-header --no-annotate requirements/base.in -o requirements/base.txt
	.venv/bin/uv pip compile --quiet --python-version 3.11 --no-header --no-annotate requirements/dev.in -o requirements/dev.txt
