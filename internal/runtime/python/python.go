// Package python holds the bootstrap by which Python functions speak the Runtime API.
//
// Handlers are named as AWS names them, "folder/module.function"; the context object, the error JSON, the texts of
// Runtime.ImportModuleError and its like, and the log formats are those of AWS's runtime. Start-up costs no more than
// json: logging is set up when it is first imported.
//
// What differs from AWS: packages of the host's own Python (dist-packages) are hidden; boto3 is there when the
// runtimes folder holds it. It is no interpreter: runtime.Finder looks for one.
package python

import _ "embed"

// File is the bootstrap's name in the runtime folder.
const File = "bootstrap.py"

// Bootstrap is its text.
//
//go:embed bootstrap.py
var Bootstrap []byte
