// Package nodejs holds the bootstrap by which Node.js functions speak the Runtime API: CommonJS and ES modules,
// async and callback handlers, awslambda.streamifyResponse, AWS's console format and error JSON.
//
// The bootstrap is CommonJS because an ES module as the first file makes the start slower; handlers may be either. It
// is no interpreter: runtime.Finder looks for one.
package nodejs

import _ "embed"

// File is the bootstrap's name in the runtime folder.
const File = "bootstrap.cjs"

// Bootstrap is its text.
//
//go:embed bootstrap.cjs
var Bootstrap []byte
