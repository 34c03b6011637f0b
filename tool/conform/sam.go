package main

import (
	"errors"
	"os"

	"virga/internal/sam"
)

// samQuestion is one template with its surroundings.
type samQuestion struct {
	Template        string
	Region          string
	Partition       string
	Parameters      map[string]any
	ManagedPolicies map[string]string `json:"managed_policies"`
	FeatureToggle   bool              `json:"feature_toggle"`
	AlwaysDeploy    string            `json:"always_deploy"`
}

// samMain transforms templates; the Serverless Application Repository is the imaginary one of the suite.
func samMain() error {
	return lines(func(q samQuestion) any {
		data, err := os.ReadFile(q.Template)
		if err != nil {
			return map[string]string{"crash": err.Error()}
		}
		t, err := sam.Parse(data, sam.Limits{})
		if err != nil {
			return map[string]string{"errorMessage": err.Error()}
		}
		r, err := sam.Transform(sam.Input{
			Template: t, Parameters: q.Parameters, Region: q.Region, Partition: q.Partition, Application: imaginaryApplication,
			ManagedPolicies: func(name string) (string, bool) { arn, ok := q.ManagedPolicies[name]; return arn, ok },
			FeatureToggles:  func(string) bool { return q.FeatureToggle },
			AlwaysDeploy:    func() string { return q.AlwaysDeploy },
		})
		if err != nil {
			return map[string]string{"errorMessage": err.Error()}
		}
		return map[string]any{"output": r.Template}
	})
}

// imaginaryApplication gives no status, as the suite's translator does not wait for templates to become ready.
func imaginaryApplication(id, _ string) (sam.Application, error) {
	a := sam.Application{URL: "https://awsserverlessrepo-changesets-xxx.s3.amazonaws.com/signed-url"}
	switch id {
	case "no-access", "non-existent", "invalid-semver":
		return a, errors.New("Cannot access application: " + id + ".")
	}
	return a, nil
}
