package launcher

// initProgram is the first process's program, in init_amd64.s. It is copied, never called.
func initProgram()

// initProgramAddr is where its bytes are.
var initProgramAddr *byte

const (
	imageSupported = true
	elfMachine     = 62 // EM_X86_64
)
