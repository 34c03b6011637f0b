// Apigen writes package api/<service> from the published service models: the table of all operations, and for those
// that model/<package>.ops lists, typed shapes with their schema, typed errors, a server interface and a client.
//
// The models come from the botocore wheel, pinned by version and hash, through pip into the user's cache.
package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
)

const (
	wheel    = "botocore-1.44.5-py3-none-any.whl"
	version  = "1.44.5"
	wheelSum = "8f16a56d1dff125dd65322ae021efa7ba5195a6db5102b96862566055b748921"
)

// packages names our packages and the folders of the models.
var packages = [][2]string{
	{"acm", "acm"}, {"amplify", "amplify"}, {"apigateway", "apigateway"}, {"apigatewaymanagementapi", "apigatewaymanagementapi"}, {"apigatewayv2", "apigatewayv2"},
	{"applicationautoscaling", "application-autoscaling"}, {"appsync", "appsync"}, {"athena", "athena"}, {"cloudcontrol", "cloudcontrol"}, {"cloudformation", "cloudformation"},
	{"cloudfront", "cloudfront"}, {"cloudtrail", "cloudtrail"}, {"cloudwatch", "cloudwatch"}, {"cognitoidentity", "cognito-identity"}, {"cognitoidp", "cognito-idp"},
	{"dynamodb", "dynamodb"}, {"dynamodbstreams", "dynamodbstreams"}, {"ecr", "ecr"}, {"events", "events"}, {"firehose", "firehose"}, {"iam", "iam"},
	{"kinesis", "kinesis"}, {"kms", "kms"}, {"lambda", "lambda"}, {"logs", "logs"}, {"organizations", "organizations"}, {"pipes", "pipes"},
	{"rds", "rds"}, {"rdsdata", "rds-data"}, {"resourcegroupstaggingapi", "resourcegroupstaggingapi"}, {"route53", "route53"}, {"s3", "s3"},
	{"scheduler", "scheduler"}, {"schemas", "schemas"}, {"secretsmanager", "secretsmanager"}, {"serverlessrepo", "serverlessrepo"}, {"ses", "ses"},
	{"sesv2", "sesv2"}, {"sns", "sns"}, {"sqs", "sqs"}, {"ssm", "ssm"}, {"stepfunctions", "stepfunctions"}, {"sts", "sts"}, {"wafv2", "wafv2"}, {"xray", "xray"},
}

func main() {
	root := flag.String("root", ".", "the repository's root")
	flag.Parse()
	if err := run(*root); err != nil {
		fmt.Fprintln(os.Stderr, "apigen:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	z, err := openWheel()
	if err != nil {
		return err
	}
	var tables []*model
	for _, p := range packages {
		d, err := load(z, p[0], p[1])
		if err != nil {
			return err
		}
		ops, err := readOps(filepath.Join(root, "model", p[0]+".ops"))
		if err != nil {
			return err
		}
		if err := d.patch(filepath.Join(root, "model", "patch", p[0]+".json")); err != nil {
			return err
		}
		if len(ops) == 0 {
			tables = append(tables, d)
			continue
		}
		src, err := d.generate(ops)
		if err != nil {
			return fmt.Errorf("%s: %w", p[0], err)
		}
		for name, b := range src {
			if err := write(filepath.Join(root, "api", p[0], name), b); err != nil {
				return err
			}
		}
	}
	b, err := generateTables(tables)
	if err != nil {
		return err
	}
	return write(filepath.Join(root, "api", "optable", "optable_gen.go"), b)
}

func write(name string, b []byte) error {
	if old, err := os.ReadFile(name); err == nil && bytes.Equal(old, b) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, b, 0o644)
}

// openWheel opens the pinned wheel; pip brings it where it is not there yet.
func openWheel() (*zip.Reader, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cache, "virga", "models")
	name := filepath.Join(dir, wheel)
	if _, err := os.Stat(name); err != nil {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		c := exec.Command("python3", "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", dir, "botocore=="+version)
		c.Stdout, c.Stderr = os.Stderr, os.Stderr
		if err := c.Run(); err != nil {
			return nil, fmt.Errorf("pip download botocore==%s: %w", version, err)
		}
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != wheelSum {
		return nil, fmt.Errorf("%s has the wrong checksum %x", name, sum)
	}
	return zip.NewReader(bytes.NewReader(b), int64(len(b)))
}

// load reads the newest model of a service.
func load(z *zip.Reader, pkg, folder string) (*model, error) {
	var newest *zip.File
	for _, f := range z.File {
		if strings.HasPrefix(f.Name, "botocore/data/"+folder+"/") && strings.Contains(f.Name, "/service-2.json") {
			if newest == nil || f.Name > newest.Name {
				newest = f
			}
		}
	}
	if newest == nil {
		return nil, fmt.Errorf("no model of %s in %s", folder, wheel)
	}
	r, err := newest.Open()
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
		g, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, err
		}
		if b, err = io.ReadAll(g); err != nil {
			return nil, err
		}
	}
	d := &model{pkg: pkg}
	if err := json.Unmarshal(b, d); err != nil {
		return nil, fmt.Errorf("%s: %w", newest.Name, err)
	}
	return d, nil
}

func readOps(name string) ([]string, error) {
	b, err := os.ReadFile(name)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for line := range strings.SplitSeq(string(b), "\n") {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	sort.Strings(out)
	return out, nil
}
