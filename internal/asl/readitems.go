package asl

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"virga/internal/jsonpath"
)

// errEnough ends reading once there are as many items as wanted.
var errEnough = errors.New("enough items")

func readerFailed(format string, args ...any) error {
	return &RunError{"States.ItemReaderFailed", fmt.Sprintf(format, args...)}
}

// Items reads the items of a map run from a file: CSV, JSON or JSONL, one after the other, at most max of them (0: all).
// Manifests and listings are read by whoever reads objects. Its errors are *RunError, or what emit gave.
func (c ReaderConfig) Items(r io.Reader, max int64, emit func(Item) error) error {
	n := 0
	each := func(text, key string) error {
		if len(text) > DataBytesMax {
			return readerFailed("An item exceeds the maximum of %d bytes", DataBytesMax)
		}
		if _, err := readJSON(text); err != nil {
			return readerFailed("An item is not valid JSON: %v", err)
		}
		if err := emit(Item{Index: n, Value: NewDocument(text), Key: key}); err != nil {
			return err
		}
		if n++; max > 0 && int64(n) >= max {
			return errEnough
		}
		return nil
	}
	var err error
	switch c.InputType {
	case "CSV":
		err = c.csv(r, each)
	case "JSONL":
		err = jsonLines(r, each)
	case "JSON", "":
		err = c.json(r, each)
	default:
		return readerFailed("The input type %s is not supported", c.InputType)
	}
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

func (c ReaderConfig) csv(r io.Reader, each func(text, key string) error) error {
	rows := csv.NewReader(bufio.NewReader(r))
	rows.FieldsPerRecord, rows.LazyQuotes = -1, true
	comma := map[string]rune{"": ',', "COMMA": ',', "PIPE": '|', "SEMICOLON": ';', "SPACE": ' ', "TAB": '\t'}[c.CSVDelimiter]
	rows.Comma = comma
	headers := c.CSVHeaders
	if c.CSVHeaderLocation == "FIRST_ROW" || c.CSVHeaderLocation == "" {
		first, err := rows.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return readerFailed("The CSV file cannot be read: %v", err)
		}
		headers = append([]string{}, first...)
		if len(headers) > 0 {
			headers[0] = strings.TrimPrefix(headers[0], "\ufeff")
		}
	}
	for {
		row, err := rows.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return readerFailed("The CSV file cannot be read: %v", err)
		}
		o := &jsonpath.Object{}
		for i, h := range headers {
			v := ""
			if i < len(row) {
				v = row[i]
			}
			o.Set(h, strings.ToValidUTF8(v, "\ufffd"))
		}
		if err := each(string(jsonpath.Encode(o)), ""); err != nil {
			return err
		}
	}
}

func jsonLines(r io.Reader, each func(text, key string) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, DataBytesMax+2)
	for lines.Scan() {
		text := strings.TrimSpace(lines.Text())
		if text == "" {
			continue
		}
		if err := each(text, ""); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return readerFailed("The JSONL file cannot be read: %v", err)
	}
	return nil
}

// json reads an array, or an object whose members are then the items, at ItemsPointer.
func (c ReaderConfig) json(r io.Reader, each func(text, key string) error) error {
	d := json.NewDecoder(r)
	bad := func(err error) error {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return readerFailed("The JSON file cannot be read: %v", err)
	}
	if c.ItemsPointer != "" {
		if !strings.HasPrefix(c.ItemsPointer, "/") {
			return readerFailed("The ItemsPointer %s is not a JSON pointer", c.ItemsPointer)
		}
		for _, name := range strings.Split(c.ItemsPointer[1:], "/") {
			name = strings.ReplaceAll(strings.ReplaceAll(name, "~1", "/"), "~0", "~")
			if err := into(d, name); err != nil {
				if errors.Is(err, errNowhere) {
					return readerFailed("The ItemsPointer %s leads nowhere", c.ItemsPointer)
				}
				return bad(err)
			}
		}
	}
	t, err := d.Token()
	if err != nil {
		return bad(err)
	}
	object := t == json.Delim('{')
	if !object && t != json.Delim('[') {
		return readerFailed("The items must be a JSON array or object")
	}
	for d.More() {
		key := ""
		if object {
			t, err := d.Token()
			if err != nil {
				return bad(err)
			}
			key, _ = t.(string)
		}
		var item json.RawMessage
		if err := d.Decode(&item); err != nil {
			return bad(err)
		}
		if err := each(string(item), key); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return bad(err)
	}
	return nil
}

var errNowhere = errors.New("nowhere")

// into goes into a member of the object that comes next.
func into(d *json.Decoder, name string) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	if t != json.Delim('{') {
		return errNowhere
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		if t == name {
			return nil
		}
		if err := skip(d); err != nil {
			return err
		}
	}
	return errNowhere
}

// skip passes one value without keeping it.
func skip(d *json.Decoder) error {
	for depth := 0; ; {
		t, err := d.Token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}
