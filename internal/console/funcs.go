package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"html/template"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"virga/internal/console/panel"
)

// regions are those of the menu; any other may be set.
var regions = []string{"us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "sa-east-1", "eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1", "eu-north-1", "eu-south-1",
	"ap-south-1", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "af-south-1", "me-south-1"}

var regionText = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]$`)

// prettyMax bounds what is laid out as JSON; longer texts are shown as they came.
const prettyMax = 1 << 20

// funcs are the functions of all templates.
func (c *Console) funcs() template.FuncMap {
	return template.FuncMap{
		"asset":  func(name string) string { return c.urls[name] },
		"path":   panel.Join,
		"at":     at,
		"clock":  clock,
		"utc":    utc,
		"bytes":  byteText,
		"pill":   pill,
		"tone":   tone,
		"pretty": pretty,
		"clean":  clean,
		"aws":    awsCommand,
		"number": number,
		"list":   func(s ...string) []string { return s },
		"link": func(kind, id string) string {
			if f := c.links[kind]; f != nil && id != "" {
				return f(id)
			}
			return ""
		},
	}
}

// utc writes a time in full.
func utc(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format("2006-01-02 15:04:05") + " UTC"
}

// clock writes the time of day of a log line.
func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }

// at writes how long ago something was, with the exact time at hand.
func at(now, t time.Time) template.HTML {
	if t.IsZero() {
		return `<span class="dim">–</span>`
	}
	return template.HTML(`<time datetime="` + t.UTC().Format(time.RFC3339) + `" title="` + utc(t) + `">` + ago(now.Sub(t)) + `</time>`)
}

func ago(d time.Duration) string {
	switch {
	case d < 5*time.Second:
		return "just now"
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())/5*5) + " s ago"
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min ago"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d.Hours())) + " h ago"
	}
	return strconv.Itoa(int(d.Hours()/24)) + " days ago"
}

func byteText(n int64) string {
	switch {
	case n < 1<<10:
		return strconv.FormatInt(n, 10) + " B"
	case n < 1<<20:
		return fmt.Sprintf("%.1f KB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GB", float64(n)/(1<<30))
}

// number groups digits by threes.
func number(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// tone gives the colour of a status: good, bad, busy or quiet.
func tone(status string) string {
	s := strings.ToUpper(status)
	switch {
	case strings.Contains(s, "FAILED") || strings.Contains(s, "ROLLBACK_COMPLETE") || s == "ERROR":
		return "bad"
	case strings.HasSuffix(s, "IN_PROGRESS") || s == "PENDING" || s == "INPROGRESS" || strings.HasSuffix(s, "ING"):
		return "busy"
	case s == "DELETE_COMPLETE" || s == "INACTIVE" || s == "DISABLED" || s == "DELETE_SKIPPED":
		return "quiet"
	case strings.HasSuffix(s, "_COMPLETE") || s == "ACTIVE" || s == "ENABLED" || s == "SUCCEEDED" || s == "SUCCESSFUL":
		return "good"
	}
	return "quiet"
}

// pill writes a status with its colour.
func pill(status string) template.HTML {
	if status == "" {
		return ""
	}
	return template.HTML(`<span class="pill ` + tone(status) + `">` + html.EscapeString(status) + `</span>`)
}

// pretty lays JSON out; what is none is cleaned alone.
func pretty(s string) string {
	if t := strings.TrimSpace(s); len(t) > 0 && len(t) <= prettyMax && (t[0] == '{' || t[0] == '[') {
		var b bytes.Buffer
		if json.Indent(&b, []byte(t), "", "  ") == nil && b.Len() <= 4*prettyMax {
			return clean(b.String())
		}
	}
	return clean(s)
}

// escape is a terminal's control sequence.
var escape = regexp.MustCompile("\x1b(\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b]*(\x07|\x1b\\\\)|[@-Z\\\\-_])")

// clean takes control sequences away and shows other control characters, and those that turn the direction of text, as
// what they are not.
func clean(s string) string {
	if strings.IndexByte(s, '\x1b') >= 0 {
		s = escape.ReplaceAllString(s, "")
	}
	if strings.IndexByte(s, '\r') >= 0 { // Lambda's Python joins the lines of a traceback by carriage returns
		s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case unicode.IsControl(r), r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x061c:
			return '\ufffd'
		}
		return r
	}, s)
}

// awsCommand writes a command to run, with a button that copies it.
func awsCommand(f *frame, parts ...string) template.HTML {
	region := ""
	if f.Region != "" {
		region = " --region " + f.Region
	}
	s := html.EscapeString("aws " + strings.Join(parts, "") + region + " --endpoint-url " + f.Endpoint)
	return template.HTML(`<div class="cmd"><code>` + s + `</code><button type="button" class="ghost" data-copy>Copy</button></div>`)
}
