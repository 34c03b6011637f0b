#!/usr/bin/env bash
# Compares internal/ddbexpr with DynamoDB Local on generated expressions and items (CASES of them, from SEED). The jar and
# what it needs come by Maven into .build; the jar is checked by hash.
set -euo pipefail
cd "$(dirname "$0")/../.."
dir="$PWD/.build/dynamodb-local"
port=${PORT:-18777}
mkdir -p "$dir"
if [ ! -d "$dir/lib" ]; then
	cat >"$dir/pom.xml" <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>x</groupId><artifactId>dynamodb-local</artifactId><version>1</version><dependencies><dependency><groupId>com.amazonaws</groupId><artifactId>DynamoDBLocal</artifactId><version>2.6.1</version></dependency></dependencies></project>
POM
	(cd "$dir" && mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib)
fi
echo "a28d8b4919999b7dee6ffa9fd4e9a08744460657a9bd3e3499e3aad00e1f2cc4  $dir/lib/DynamoDBLocal-2.6.1.jar" | sha256sum --quiet -c
java -Xms64m -Xmx512m "-Djava.library.path=$dir/lib" -cp "$dir/lib/*" com.amazonaws.services.dynamodbv2.local.main.ServerRunner \
	-port "$port" -inMemory -sharedDb -disableTelemetry >"$dir/log" 2>&1 &
server=$!
trap 'kill $server' EXIT
for _ in $(seq 100); do curl -s -o /dev/null "http://127.0.0.1:$port/" && break; sleep 0.3; done
VIRGA_DYNAMODB_LOCAL="http://127.0.0.1:$port/" VIRGA_CASES="${CASES:-100000}" VIRGA_SEED="${SEED:-1}" \
	go test -p 1 ./internal/ddbexpr/... -count=1 -v -timeout 30m -run AgreesWithLocal
