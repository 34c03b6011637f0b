package sam_test

import (
	"fmt"

	"virga/internal/sam"
)

func ExampleTransform() {
	template, err := sam.Parse([]byte(`
Resources:
  Orders:
    Type: AWS::Serverless::SimpleTable
    Properties: {PrimaryKey: {Name: order, Type: String}}
`), sam.Limits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := sam.Transform(sam.Input{Template: template, Region: "eu-west-1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	out, _ := r.Template.MarshalJSON()
	fmt.Println(string(out))
	// Output:
	// {"Resources":{"Orders":{"Type":"AWS::DynamoDB::Table","Properties":{"AttributeDefinitions":[{"AttributeName":"order","AttributeType":"S"}],"KeySchema":[{"AttributeName":"order","KeyType":"HASH"}],"BillingMode":"PAY_PER_REQUEST"}}}}
}
