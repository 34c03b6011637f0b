#!/usr/bin/env bash
# Holds the scores of the public suites at their floors. The data lies beside the project (../shared or VIRGA_SHARED).
set -euo pipefail
cd "$(dirname "$0")/.."
shared="${VIRGA_SHARED:-../shared}/conformance"
if [ ! -d "$shared" ]; then
	echo "not run: conformance suites (protocols, sigv4, sam, eventpatterns, jsonata, asl-validity): $shared is not there"
	[ "${CI:-}" != true ]
	exit
fi
mkdir -p .build
go build -o .build/conform ./tool/conform
python3 "$shared/run/protocols.py" --codec "$PWD/.build/conform protocols" --at-least 95
python3 "$shared/run/sigv4.py" --sign "$PWD/.build/conform sigv4-sign" --at-least 100
python3 "$shared/run/sigv4.py" --verify "$PWD/.build/conform sigv4-verify" --at-least 100
python3 "$shared/run/sam.py" --stream "$PWD/.build/conform sam" --at-least 99
python3 "$shared/run/sam.py" --stream "$PWD/.build/conform sam" --only '^error_' --strict --at-least 97
python3 "$shared/run/eventpatterns.py" --match "$PWD/.build/conform eventpatterns" --at-least 100
python3 "$shared/run/jsonata.py" --eval "$PWD/.build/conform jsonata" --at-least 100
python3 "$shared/run/asl_validity.py" --validate "$PWD/.build/conform asl-validity" --at-least 96
