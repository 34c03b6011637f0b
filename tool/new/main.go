// Command new scaffolds what the checklists in docs/howto begin with: an operation, a service, a resource type, a
// runtime. What it writes builds, answers NotImplemented and carries the word "scaffold" wherever something has to be
// filled in; internal/arch fails as long as one is left, so that no stub passes for done.
//
//	go run ./tool/new op sqs PurgeQueue
//	go run ./tool/new service pipes
//	go run ./tool/new resource AWS::SQS::QueuePolicy
//	go run ./tool/new runtime ruby
package main

import (
	"errors"
	"fmt"
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"virga/tool/internal/module"
)

const usage = `usage: new op SERVICE OPERATION | new service NAME | new resource AWS::SERVICE::NOUN | new runtime NAME`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "new:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	root, err := module.Root()
	if err != nil {
		return err
	}
	t := &tree{root: root}
	switch {
	case len(args) == 3 && args[0] == "op":
		err = t.op(args[1], args[2])
	case len(args) == 2 && args[0] == "service":
		err = t.service(args[1])
	case len(args) == 2 && args[0] == "resource":
		err = t.resource(args[1])
	case len(args) == 2 && args[0] == "runtime":
		err = t.runtime(args[1])
	default:
		return errors.New(usage)
	}
	if err != nil {
		t.undo()
		return err
	}
	for _, l := range t.said {
		fmt.Println(l)
	}
	return nil
}

// tree is the module's folder and what was changed in it.
type tree struct {
	root   string
	before map[string][]byte // nil: there was no file
	said   []string
}

func (t *tree) read(name string) (string, error) {
	b, err := os.ReadFile(filepath.Join(t.root, name))
	return string(b), err
}

// write writes a file and remembers what was there. Go source is formatted.
func (t *tree) write(name, text string) error {
	path := filepath.Join(t.root, name)
	old, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if t.before == nil {
		t.before = map[string][]byte{}
	}
	if _, ok := t.before[name]; !ok {
		t.before[name] = old
	}
	out := []byte(text)
	if strings.HasSuffix(name, ".go") {
		if out, err = format.Source(out); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, out, 0o644); err != nil {
		return err
	}
	t.said = append(t.said, "wrote "+name)
	return nil
}

// create is write for a file that must not be there.
func (t *tree) create(name, text string) error {
	if _, err := os.Stat(filepath.Join(t.root, name)); err == nil {
		return fmt.Errorf("%s is there already", name)
	}
	return t.write(name, text)
}

// undo puts back what write changed.
func (t *tree) undo() {
	for name, old := range t.before {
		path := filepath.Join(t.root, name)
		if old == nil {
			os.Remove(path)
			os.Remove(filepath.Dir(path)) // if it is empty now
		} else if err := os.WriteFile(path, old, 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "new:", err)
		}
	}
}

// generate runs the generator of the API packages for some of them, or for all and the tables beside them.
func (t *tree) generate(pkgs ...string) error {
	c := exec.Command("go", append([]string{"run", "./tool/apigen"}, pkgs...)...)
	c.Dir, c.Stderr = t.root, os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("tool/apigen: %w", err)
	}
	return nil
}

var words = regexp.MustCompile(`[A-Z]+[a-z0-9]*`)

// snake gives PurgeQueue as purge_queue.
func snake(name string) string {
	return strings.ToLower(strings.Join(words.FindAllString(name, -1), "_"))
}
