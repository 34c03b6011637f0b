#!/bin/bash
# Fills a runtimes folder with what AWS's runtimes bring along: boto3 for Python, @aws-sdk for Node.js. Versions and
# hashes are pinned in the folders beside this script; nothing that is downloaded is committed.
#
#   tool/runtimes/fill.sh DIR
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=${1:?give the folder to fill}
mkdir -p "$dir/python" "$dir/nodejs"
dir=$(cd "$dir" && pwd)

stamp() { cat "$@" | sha256sum | cut -d' ' -f1; }

want=$(stamp "$here/python/requirements.txt")
if [ "$(cat "$dir/python/.filled" 2>/dev/null)" != "$want" ]; then
	new=$(mktemp -d "$dir/.new-XXXXXX")
	python3 -m pip install -q --disable-pip-version-check --no-deps --only-binary :all: --no-compile --require-hashes --target "$new" -r "$here/python/requirements.txt"
	# Whoever is there to read the bytecode finds it: functions cannot write it.
	for py in /usr/bin/python3.[0-9] /usr/bin/python3.[0-9][0-9]; do
		[ -x "$py" ] && "$py" -m compileall -q --invalidation-mode unchecked-hash -s "$new" -p /var/runtime "$new"
	done
	for old in "$dir"/python/* ; do
		[ "$(basename "$old")" = bootstrap.py ] || rm -rf "$old"
	done
	rm -rf "$new/bin"
	mv "$new"/* "$dir/python/"
	rmdir "$new"
	echo "$want" >"$dir/python/.filled"
	chmod -R a+rX "$dir/python"
fi

want=$(stamp "$here/nodejs/package-lock.json")
if [ "$(cat "$dir/nodejs/.filled" 2>/dev/null)" != "$want" ]; then
	new=$(mktemp -d "$dir/.new-XXXXXX")
	cp "$here"/nodejs/package*.json "$new/"
	(cd "$new" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null)
	rm -rf "$dir/nodejs/node_modules"
	mv "$new/node_modules" "$dir/nodejs/node_modules"
	rm -rf "$new"
	echo "$want" >"$dir/nodejs/.filled"
	chmod -R a+rX "$dir/nodejs"
fi
echo "runtimes: $dir"
