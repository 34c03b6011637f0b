package sam

import (
	"fmt"
	"strings"
	"testing"
)

// large is a template of n functions, each with a method of one API, a table's permission and a queue.
func large(n int) string {
	var b strings.Builder
	b.WriteString(`{"Globals": {"Function": {"Runtime": "r", "Handler": "h", "Tags": {"a": "b"}, "Environment": {"Variables": {"A": "1", "B": "2"}}}}, "Resources": {`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"F%d": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "s3://b/k%d", "AutoPublishAlias": "live",
			"Policies": [{"DynamoDBCrudPolicy": {"TableName": {"Ref": "T"}}}, "AmazonS3ReadOnlyAccess"],
			"Events": {"Get": {"Type": "Api", "Properties": {"Path": "/p%d/{id}", "Method": "get"}}, "Q": {"Type": "SQS", "Properties": {"Queue": "arn:q%d"}}}}}`, i, i, i, i)
	}
	b.WriteString(`, "T": {"Type": "AWS::Serverless::SimpleTable"}}}`)
	return b.String()
}

// BenchmarkTransform has 500 resources in the result.
func BenchmarkTransform(b *testing.B) {
	for _, n := range []int{82, 500} { // a function becomes six resources
		b.Run(fmt.Sprintf("functions=%d", n), func(b *testing.B) {
			t := parse(b, large(n))
			b.ReportAllocs()
			for b.Loop() {
				r, err := Transform(Input{Template: t})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(r.Template.get("Resources").(*Map).Len()), "resources")
			}
		})
	}
}
