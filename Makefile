# `make demo` builds, starts a cloud of its own and shows it at work; `make test` is what CI runs.
BUILD := .build
VENV := $(BUILD)/venv
SHELL := /bin/bash

.PHONY: build demo check clients crash crash-long sim-long conform generate test fuzz jsonata-diff jsonata-fuzz

build:
	@mkdir -p $(BUILD)
	go build -o $(BUILD)/virga ./cmd/virga

demo: build $(VENV)/done
	VIRGA=$(BUILD)/virga PATH="$(CURDIR)/$(VENV)/bin:$$PATH" bash examples/queue/run.sh

$(VENV)/done: test/clients/requirements.txt
	@mkdir -p $(BUILD)
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install -q --disable-pip-version-check --require-hashes --only-binary :all: -r test/clients/requirements.txt
	@touch $@

# Generated code is what the generators write.
generate:
	go generate ./...
	git diff --exit-code --stat -- api docs/coverage.md internal/policy

check:
	gofmt -l api cmd internal service tool virgatest test | (! grep .)
	go vet ./...
	go test ./...

clients: build $(VENV)/done
	VIRGA=$(CURDIR)/$(BUILD)/virga PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(VENV)/bin/python -m pytest -q test/clients

# 50 kills in CI; crash-long says its own figure.
crash:
	VIRGA_KILLS=50 go test ./test/crash -count=1 -v -timeout 30m -run TestKills

crash-long:
	VIRGA_KILLS=$${KILLS:-10000} go test ./test/crash -count=1 -v -timeout 48h -run TestKills

sim-long:
	VIRGA_SEEDS=$${SEEDS:-1000} go test ./internal/job -count=1 -v -timeout 2h -run TestSim

# Scores over the data beside the project; named as not run where it is not there, which fails in CI.
conform: $(VENV)/done
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" bash test/conform.sh

# Compares internal/jsonata with the reference engine, which is installed outside the tree, pinned by version and integrity.
JSONATA_CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/virga/jsonata
jsonata-diff:
	@mkdir -p $(JSONATA_CACHE) $(BUILD)
	cp test/jsonata/package.json test/jsonata/package-lock.json $(JSONATA_CACHE)/
	cd $(JSONATA_CACHE) && npm ci --ignore-scripts --no-audit --no-fund --silent
	go build -o $(BUILD)/jsonata-diff ./test/jsonata
	JSONATA_REFERENCE=$(JSONATA_CACHE)/node_modules/jsonata $(BUILD)/jsonata-diff -n $${N:-100000} -seed $${SEED:-1}

jsonata-fuzz:
	go test ./internal/jsonata -run xxx -fuzz FuzzEval -fuzztime $${RUNS:-10000000x}

test: check generate sim-long conform clients crash
