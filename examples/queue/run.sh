#!/usr/bin/env bash
# Starts a cloud of its own, sends a message through a queue with the AWS CLI and shows what comes out.
set -euo pipefail
dir=$(mktemp -d)
"${VIRGA:-virga}" serve --dev --data "$dir/data" --listen 127.0.0.1:0 >"$dir/out" 2>"$dir/log" &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null; rm -rf "$dir"' EXIT
for _ in $(seq 100); do grep -q '^Ready\.$' "$dir/out" && break; sleep 0.1; done
endpoint=$(sed -n 's/.*endpoint \(http:[^ ]*\).*/\1/p' "$dir/out")
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1 AWS_PAGER=
aws() { command aws --endpoint-url "$endpoint" "$@"; }
echo "Endpoint: $endpoint"
aws sts get-caller-identity
aws ssm put-parameter --name /demo/greeting --type String --value 'Hello from a parameter' >/dev/null
queue=$(aws sqs create-queue --queue-name demo --query QueueUrl --output text)
aws sqs send-message --queue-url "$queue" --message-body "$(aws ssm get-parameter --name /demo/greeting --query Parameter.Value --output text)" >/dev/null
aws sqs receive-message --queue-url "$queue" --query 'Messages[].Body' --output text
