package template_test

import (
	"fmt"

	"virga/internal/template"
)

func Example() {
	t, err := template.Parse([]byte(`
Parameters:
  Stage: {Type: String, AllowedValues: [dev, prod], Default: dev}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
Resources:
  Jobs:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub '${AWS::StackName}-jobs'
      DelaySeconds: !If [IsProd, 5, !Ref AWS::NoValue]
  Worker:
    Type: AWS::Lambda::Function
    Properties:
      Environment: {Variables: {QUEUE: !Ref Jobs, ARN: !GetAtt Jobs.Arn}}
`), template.Limits{Bytes: 51_200})
	if err != nil {
		fmt.Println(err)
		return
	}
	stack, err := t.Bind(map[string]string{"Stage": "prod"}, template.Env{Region: "us-east-1", StackName: "shop"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(stack.Graph().Order())
	jobs, _ := stack.Resolve("Jobs", template.Lookup{})
	fmt.Println(jobs.JSON())
	worker, _ := stack.Resolve("Worker", template.Lookup{
		Ref: func(id string) (template.Value, error) { return template.StringOf("https://" + id), nil },
	})
	fmt.Println(worker.JSON())
	_, err = t.Bind(map[string]string{"Stage": "test"}, template.Env{})
	fmt.Println(err)
	// Output:
	// [Jobs Worker]
	// {"QueueName":"shop-jobs","DelaySeconds":5}
	// {"Environment":{"Variables":{"QUEUE":"https://Jobs","ARN":"(known after apply)"}}}
	// Parameter 'Stage' must be one of AllowedValues
}
