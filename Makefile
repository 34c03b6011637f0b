# `make demo` builds, starts a cloud of its own, deploys an application and shows its answer; `make test` is what CI runs.
BUILD := .build
VENV := $(BUILD)/venv
SHELL := /bin/bash

.PHONY: bench cfnlint build runtimes demo check clients console crash crash-long sim-long conform generate test fuzz event-ruler sim-queues jsonata-diff jsonata-fuzz dynamodb-local

build:
	@mkdir -p $(BUILD)
	CGO_ENABLED=0 go build -o $(BUILD)/virga ./cmd/virga

demo: build runtimes
	VIRGA=$(CURDIR)/$(BUILD)/virga VIRGA_RUNTIMES=$(abspath $(RUNTIMES)) bash examples/orders/run.sh

$(VENV)/done: test/clients/requirements.txt
	@mkdir -p $(BUILD)
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install -q --disable-pip-version-check --require-hashes --only-binary :all: -r test/clients/requirements.txt
	@touch $@

# boto3 and @aws-sdk for functions, by version and hash.
RUNTIMES ?= $(BUILD)/runtimes
runtimes:
	bash tool/runtimes/fill.sh $(RUNTIMES)

# Generated code is what the generators write.
generate:
	go generate ./...
	git diff --exit-code --stat -- api service/ssm docs/coverage.md internal/policy internal/template/schema internal/sam/tables

check: runtimes
	gofmt -l api cmd internal service tool virgatest test | (! grep .)
	go vet ./...
	go test ./...

clients: build $(VENV)/done
	VIRGA=$(CURDIR)/$(BUILD)/virga PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(VENV)/bin/python -m pytest -q test/clients

# The web console in Chromium; SHOTS=folder keeps screenshots.
console: build $(VENV)/done
	VIRGA=$(CURDIR)/$(BUILD)/virga VIRGA_SHOTS=$(SHOTS) $(VENV)/bin/python -m pytest -q -p no:cacheprovider test/console

# 50 kills in CI; crash-long says its own figure.
crash:
	VIRGA_KILLS=50 go test ./test/crash -count=1 -v -timeout 30m -run TestKills

crash-long:
	VIRGA_KILLS=$${KILLS:-10000} go test ./test/crash -count=1 -v -timeout 48h -run TestKills

sim-long:
	VIRGA_SEEDS=$${SEEDS:-1000} go test ./internal/job -count=1 -v -timeout 2h -run TestSim
	VIRGA_SEEDS=$${STACK_SEEDS:-300} go test ./service/cloudformation -count=1 -v -timeout 2h -run TestSim

# SQS on three nodes; 100 of its seeds are part of check.
sim-queues:
	VIRGA_SEEDS=$${SEEDS:-1000} go test ./service/sqs -count=1 -v -timeout 2h -run TestSim

# Scores over the data beside the project; named as not run where it is not there, which fails in CI.
conform: $(VENV)/done
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" bash test/conform.sh

# Compares event patterns with event-ruler (Java, by Maven) on CASES generated rules.
event-ruler:
	CASES=$${CASES:-100000} bash test/eventruler/run.sh

# The hot ways, with CPU and allocations per call; benchmarks/README.md has a table and says how to read it.
bench: build
	VIRGA=$(CURDIR)/$(BUILD)/virga go test ./benchmarks -run '^$$' -bench . -timeout 30m
	go test ./internal/policy ./internal/compute ./internal/runtime ./test/apigw -p 1 -run '^$$' -bench 'Evaluate|Invoke|HTTPAPI' -benchmem -timeout 30m

test: check generate sim-long conform clients console crash

# How far internal/template/lint agrees with cfn-lint on real templates and on copies with one mistake each.
cfnlint:
	@mkdir -p $(BUILD)
	[ -x $(BUILD)/cfnlint/bin/cfn-lint ] || { python3 -m venv $(BUILD)/cfnlint && $(BUILD)/cfnlint/bin/pip install -q --disable-pip-version-check cfn-lint==1.58.0; }
	python3 test/cfnlint/compare.py --corpus $${CORPUS:-../shared/corpus/visible.zip} --cfn-lint $(BUILD)/cfnlint/bin/cfn-lint --at-least 98
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
# Compares event patterns with event-ruler (Java, by Maven) on CASES generated rules.
event-ruler:
	CASES=$${CASES:-100000} bash test/eventruler/run.sh
# Compares internal/ddbexpr with DynamoDB Local (Java, by Maven) on CASES generated expressions from SEED.
dynamodb-local:
	CASES=$${CASES:-100000} SEED=$${SEED:-1} bash test/dynamodblocal/run.sh

test: check generate sim-long conform clients console crash

# How far internal/template/lint agrees with cfn-lint on real templates and on copies with one mistake each.
cfnlint:
	@mkdir -p $(BUILD)
	[ -x $(BUILD)/cfnlint/bin/cfn-lint ] || { python3 -m venv $(BUILD)/cfnlint && $(BUILD)/cfnlint/bin/pip install -q --disable-pip-version-check cfn-lint==1.58.0; }
	python3 test/cfnlint/compare.py --corpus $${CORPUS:-../shared/corpus/visible.zip} --cfn-lint $(BUILD)/cfnlint/bin/cfn-lint --at-least 98
