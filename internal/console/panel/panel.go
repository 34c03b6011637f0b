// Package panel is what a service brings to the web console: its pages, the templates they fill, and a card for the
// overview. A page reads and changes the cloud by the generated clients alone, over the invoker of who is signed in, so
// that nothing it shows or does passes by the gate.
//
// It serves nothing: the frame around the pages, sessions and the rules for browsers are internal/console's.
package panel

import (
	"context"
	"net/url"
	"time"

	"virga/internal/wire"
)

// Panel is one service's part of the console.
type Panel struct {
	// Name is the first segment of the paths: "queues". Templates are named by it: "queues/list".
	Name string
	// Title is how people call it: "Queues".
	Title string
	// Key is the letter that opens the panel after g.
	Key string
	// HTML holds the templates, each {{define "name/page"}}.
	HTML string
	// Pages answer below /name.
	Pages []Page
	// Card is shown in the overview.
	Card func(ctx context.Context, r *Request) (*Card, error)
	// Links lead from a stack's resource to its page: resource type to path of a physical id.
	Links map[string]func(physicalID string) string
}

// Page is one address. Pattern is one of http.ServeMux: "GET /queues/{queue}".
type Page struct {
	Pattern string
	Do      func(ctx context.Context, r *Request) (*View, error)
}

// Request is what a page is asked. The context carries a call in the name of who is signed in.
type Request struct {
	// Invoker acts as who is signed in.
	Invoker wire.Invoker
	Account string
	Region  string
	// Endpoint is where the API answers, as the browser spoke to the server: "http://localhost:4566".
	Endpoint string
	// Now is the world clock.
	Now   time.Time
	Query url.Values
	Form  url.Values
	Path  func(name string) string
}

// View is an answer: a template with its data, or a redirection.
type View struct {
	Template string
	Title    string
	// Trail are the pages above this one, the panel's own page left out.
	Trail []Link
	Data  any
	// Redirect leads to another page of the console, where Notice is shown once.
	Redirect string
	Notice   string
}

// Link is a text that leads somewhere.
type Link struct{ Text, To string }

// Card is a panel's place in the overview.
type Card struct {
	Count  int
	More   bool // there are more than Count
	Noun   string
	Plural string
	Items  []Item
	// Hint is the command that makes the first one, without "aws" and its endpoint.
	Hint string
}

// Item is a line of a card.
type Item struct{ Text, To, Status, Note string }

// ListMax is how many items a list of the console shows; what is beyond is said.
const ListMax = 500

// Collect reads the pages of a list until ListMax items are there; more tells that there are others.
func Collect[T any](next func(token *string) (items []T, token2 *string, err error)) (all []T, more bool, err error) {
	var token *string
	for {
		items, t, err := next(token)
		if err != nil {
			return nil, false, err
		}
		all = append(all, items...)
		if len(all) > ListMax {
			return all[:ListMax], true, nil
		}
		if t == nil || *t == "" {
			return all, false, nil
		}
		if len(all) == ListMax {
			return all, true, nil
		}
		token = t
	}
}

// Join makes a path of the console; each segment is escaped.
func Join(segments ...string) string {
	out := ""
	for _, s := range segments {
		out += "/" + url.PathEscape(s)
	}
	return out
}

// Bad is what a page answers to input that it cannot use itself.
func Bad(format string, a ...any) error { return wire.Errorf("InvalidInput", 400, format, a...) }
