package runtime

import (
	"fmt"
	"math"
	"time"
)

// Lines that the platform itself writes into a function's log stream (AWS Lambda Developer Guide, "Using Lambda
// function logs"). Tools parse them: fields are separated by tabs.

// InitStartLine begins an initialisation.
func InitStartLine(r Runtime, region string) string {
	return fmt.Sprintf("INIT_START Runtime Version: %s:%s.virga\tRuntime Version ARN: arn:aws:lambda:%s::runtime:%s", r.Family, r.major(), region, r.Identifier)
}

// StartLine begins an invocation.
func StartLine(requestID, version string) string {
	return fmt.Sprintf("START RequestId: %s Version: %s", requestID, version)
}

// EndLine ends one.
func EndLine(requestID string) string { return "END RequestId: " + requestID }

// Report is what the last line of an invocation tells.
type Report struct {
	RequestID     string
	Duration      time.Duration
	InitDuration  time.Duration // 0 when the sandbox was warm
	MemoryMB      int
	MaxMemoryUsed int64  // bytes
	Status        string // "timeout" or "error" with ErrorType; "" otherwise
	ErrorType     string
	TraceID       string
}

// Billed is the duration as it is billed: whole milliseconds, initialisation included.
func (r Report) Billed() time.Duration {
	return time.Duration(math.Ceil(float64(r.Duration+r.InitDuration)/float64(time.Millisecond))) * time.Millisecond
}

// Line is the report in text form.
func (r Report) Line() string {
	const mb = 1 << 20
	s := fmt.Sprintf("REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %d ms\tMemory Size: %d MB\tMax Memory Used: %d MB\t", r.RequestID, millis(r.Duration), r.Billed().Milliseconds(), r.MemoryMB, (r.MaxMemoryUsed+mb-1)/mb)
	if r.InitDuration > 0 {
		s += fmt.Sprintf("Init Duration: %.2f ms\t", millis(r.InitDuration))
	}
	if r.Status != "" {
		s += "Status: " + r.Status
		if r.ErrorType != "" {
			s += "\tError Type: " + r.ErrorType
		}
	}
	return s
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
