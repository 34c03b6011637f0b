#!/usr/bin/env bash
# Compares the SAM transform with the reference package over the corpus, the suite's cases and changed copies of them.
# MUTATE (default 2000) and SEED (default 1) say how many copies and which.
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=.build/venv-sam
if [ ! -e $venv/done ]; then
	python3 -m venv $venv
	$venv/bin/pip install -q --disable-pip-version-check --only-binary :all: aws-sam-translator==1.115.0 PyYAML==6.0.4
	touch $venv/done
fi
go build -o .build/conform ./tool/conform
$venv/bin/python test/sam/differential.py --ours "$PWD/.build/conform sam"
$venv/bin/python test/sam/differential.py --ours "$PWD/.build/conform sam" --mutate "${MUTATE:-2000}" --seed "${SEED:-1}"
