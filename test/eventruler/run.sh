#!/usr/bin/env bash
# Compares internal/eventpattern with event-ruler on generated rules and events (CASES of them). The jars come by Maven
# into .build and are checked by hash.
set -euo pipefail
cd "$(dirname "$0")/../.."
jars="$PWD/.build/event-ruler"
mkdir -p "$jars"
for artifact in software.amazon.event.ruler:event-ruler:2.0.1 com.fasterxml.jackson.core:jackson-core:2.21.0 \
	com.fasterxml.jackson.core:jackson-databind:2.21.0 com.fasterxml.jackson.core:jackson-annotations:2.21 \
	ch.randelshofer:fastdoubleparser:2.0.1; do
	IFS=: read -r _ name version <<<"$artifact"
	[ -f "$jars/$name-$version.jar" ] || mvn -q dependency:copy "-Dartifact=$artifact" "-DoutputDirectory=$jars"
done
(cd "$jars" && sha256sum --quiet -c) <<'SUMS'
130acbcff88e20bd482036716c6de059452689db45e8395d7a13919b3b450991  event-ruler-2.0.1.jar
4242e2335299026524d331355a6cd75abdc38c8fed4402f25b5c7ce9d7668cc1  fastdoubleparser-2.0.1.jar
53ca085f4a150f703f49e1aabd935bd03b43e1ea3d55d135438292af22cef56b  jackson-annotations-2.21.jar
e22604bcd9b24e462d5df102007cb06e1ed811e86f1ce6081ca62f385f2db87b  jackson-core-2.21.0.jar
0057817ee40bc71544072dc2a3ba575ef91dce53a2d87489bde91c05f3a22621  jackson-databind-2.21.0.jar
SUMS
javac -nowarn -cp "$jars/*" -d "$jars/classes" test/eventruler/Judge.java
VIRGA_EVENT_RULER="java -Xss16m -cp $jars/*:$jars/classes Judge" VIRGA_CASES="${CASES:-100000}" \
	go test ./internal/eventpattern -count=1 -v -timeout 30m -run TestAgreesWithEventRuler
