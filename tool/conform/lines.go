package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
)

// lines decodes each line of standard input into a fresh Q and writes answer's result as a line.
func lines[Q any](answer func(Q) any) error {
	in := bufio.NewReaderSize(os.Stdin, 1<<16)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	d := json.NewDecoder(in)
	for {
		var q Q
		switch err := d.Decode(&q); err {
		case nil:
		case io.EOF:
			return nil
		default:
			return err
		}
		if err := out.Encode(answer(q)); err != nil {
			return err
		}
	}
}
