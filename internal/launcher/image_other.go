//go:build !amd64

package launcher

// No first process has been written for this architecture: the launcher refuses to start, by name.
const imageSupported = false

const elfMachine = 0

var initProgramAddr *byte
