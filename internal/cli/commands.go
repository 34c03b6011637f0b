package cli

// Commands are the commands that speak to a server or work without one.
type Commands struct {
	Dev       devCmd       `cmd:"" group:"develop" help:"Develop: start what is needed, deploy a template, reload code on save, show logs."`
	Validate  validateCmd  `cmd:"" group:"develop" help:"Find what is wrong with a template, without a server."`
	Transform transformCmd `cmd:"" group:"develop" help:"Print what a template becomes when its transforms are done, as JSON."`
	Jsonata   jsonataCmd   `cmd:"" group:"develop" help:"Evaluate a JSONata expression, without a server."`
	Pattern   patternCmd   `cmd:"" group:"develop" help:"Try EventBridge patterns, without a server."`
	Cron      cronCmd      `cmd:"" group:"develop" help:"Try schedule expressions, without a server."`
	Deploy    deployCmd    `cmd:"" group:"run" help:"Deploy a template as a stack and show its progress."`
	Delete    deleteCmd    `cmd:"" group:"run" help:"Delete a stack and show its progress."`
	Invoke    invokeCmd    `cmd:"" group:"run" help:"Call a function and print its answer."`
	Logs      logsCmd      `cmd:"" group:"run" help:"Print logs, and follow them with -f."`
	Status    statusCmd    `cmd:"" group:"run" help:"Show services, stacks and functions."`
	Iam       iamCmd       `cmd:"" group:"run" help:"Explain decisions about rights."`
	Env       envCmd       `cmd:"" group:"set up" help:"Print export lines for tools that speak to AWS."`
	Configure configureCmd `cmd:"" group:"set up" help:"Write an AWS profile that leads to the server."`
	Reset     resetCmd     `cmd:"" group:"set up" help:"Take away everything (development)."`
	Seed      seedCmd      `cmd:"" group:"set up" help:"Load objects, messages and parameters from a folder."`
	Ready     ReadyCmd     `cmd:"" hidden:"" help:"Started by serve: runs the executables of ready.d."`
	Doctor    doctorCmd    `cmd:"" group:"set up" help:"Say what this machine can and cannot do, and what to do about it."`
}
