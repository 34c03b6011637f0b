// Package provided finds the executable of functions that bring their own runtime (provided.al2, provided.al2023):
// the file bootstrap of the code, else of the layers.
//
// It does not look into the file: what cannot run ends as AWS's Runtime.ExitError or at the start.
package provided

import (
	"os"
)

// Name is the executable's name.
const Name = "bootstrap"

// Places are where it is looked for, as function code sees them.
var Places = [2]string{"/var/task/" + Name, "/opt/" + Name}

// Find gives the place of the executable for code and layers unpacked in host folders; "" when there is none.
func Find(codeDir, layersDir string) string {
	for i, dir := range [2]string{codeDir, layersDir} {
		if dir != "" && executable(dir) {
			return Places[i]
		}
	}
	return ""
}

// executable looks below dir only: a link that leads out is none.
func executable(dir string) bool {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return false
	}
	defer root.Close()
	st, err := root.Stat(Name)
	return err == nil && st.Mode().IsRegular() && st.Mode().Perm()&0o111 != 0
}
