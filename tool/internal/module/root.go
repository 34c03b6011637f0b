// Package module finds the project's folder for the tools.
package module

import (
	"errors"
	"os"
	"path/filepath"
)

// Root gives the folder of go.mod above the working folder.
func Root() (string, error) {
	d, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(d, "go.mod")); err == nil {
			return d, nil
		}
		up := filepath.Dir(d)
		if up == d {
			return "", errors.New("no go.mod above the working folder")
		}
		d = up
	}
}
