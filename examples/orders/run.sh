#!/usr/bin/env bash
# Starts a cloud of its own, deploys the orders application, places an order through its API and shows the receipt.
set -euo pipefail
cd "$(dirname "$0")"
virga=${VIRGA:-virga}
dir=$(mktemp -d)
chmod 755 "$dir"
"$virga" serve --dev --data "$dir/data" --listen 127.0.0.1:0 >"$dir/out" 2>"$dir/log" &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null || true; rm -rf "$dir"' EXIT
for _ in $(seq 200); do grep -q '^Ready\.$' "$dir/out" && break; sleep 0.05; done
VIRGA_ENDPOINT=$(sed -n 's/.*endpoint \(http:[^ ]*\).*/\1/p' "$dir/out")
export VIRGA_ENDPOINT
cat "$dir/out"
"$virga" deploy template.yaml --stack orders --capabilities CAPABILITY_IAM,CAPABILITY_AUTO_EXPAND
api=$("$virga" deploy template.yaml --stack orders --capabilities CAPABILITY_IAM,CAPABILITY_AUTO_EXPAND --output json | python3 -c 'import json, sys; print(json.load(sys.stdin)["reachable"]["Api"])')
echo
echo "POST $api"
order=$(curl -sS -X POST "$api" -H 'content-type: application/json' -d '{"item": "coffee", "quantity": 14}')
echo "  $order"
id=$(python3 -c 'import json, sys; print(json.loads(sys.argv[1])["id"])' "$order")
echo "GET $api/$id"
for _ in $(seq 100); do
	receipt=$(curl -sS -w ' %{http_code}' "$api/$id")
	case $receipt in *' 200') break ;; esac
	sleep 0.1
done
echo "  ${receipt% *}"
case $receipt in
*'"total": 42'*' 200') ;;
*) echo "the receipt did not come; the server's log:" >&2; cat "$dir/log" >&2; "$virga" logs >&2; exit 1 ;;
esac
sleep 1
echo
echo "What the functions logged (virga logs):"
"$virga" logs --since 1m | grep -E 'placed|priced' || true
