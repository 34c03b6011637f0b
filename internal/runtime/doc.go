// Package runtime is the server's side of the Lambda Runtime API (AWS Lambda Developer Guide, "Using the Lambda
// runtime API"), and what a function's process needs beside it: its environment, the table of runtimes, the search
// for interpreters. A Server serves the runtime listener of one sandbox: Ready waits for the end of the
// initialisation, Invoke hands one event over and waits for what becomes of it. The bootstraps that speak the other
// side are in runtime/python, runtime/nodejs and runtime/provided.
//
// Whoever holds a Server holds its sandbox too: after a Result whose Alive is false the sandbox must be killed.
//
// What differs from AWS: the Extensions, Logs and Telemetry APIs answer 404; SnapStart's restore calls do not exist.
//
// It is not the sandbox (internal/sandbox), it starts no process, and it knows no AWS resource.
package runtime
