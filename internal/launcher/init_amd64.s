#include "textflag.h"

// The program of a sandbox's first process. It is never called here: its bytes are copied into an ELF image
// (image.go) that runs from a sealed memory file, so it must not refer to anything of this binary. It walks the
// table of system calls at imageTable and knows nothing else.
//
// A row is 64 bytes: number, mode, five arguments, extra.
//   mode bit 0   the first three arguments are addresses of the values
//   mode bit 1   fork: in the parent go on at the row whose address is extra
//   mode bit 2   repeat until the result is extra
//   mode bit 3   store the result at address extra and go on whatever it is
//   mode bit 4   any other result than extra is a failure
//   mode >> 32   an error number that is no failure
// A failure writes {address of the row, result} to descriptor 4 and ends the process with status 125.
TEXT ·initProgram(SB), NOSPLIT|NOFRAME, $0-0
	MOVQ $0x600000, R12
row:
	MOVQ 0(R12), AX
	MOVQ 8(R12), BX
	MOVQ 16(R12), DI
	MOVQ 24(R12), SI
	MOVQ 32(R12), DX
	MOVQ 40(R12), R10
	MOVQ 48(R12), R8
	MOVQ 56(R12), R13
	TESTQ $1, BX
	JEQ call
	MOVQ (DI), DI
	MOVQ (SI), SI
	MOVQ (DX), DX
call:
	SYSCALL
	TESTQ $8, BX
	JEQ notstore
	MOVQ AX, (R13)
	JMP advance
notstore:
	TESTQ $4, BX
	JEQ notuntil
	CMPQ AX, R13
	JNE row
	JMP advance
notuntil:
	TESTQ $16, BX
	JEQ notexact
	CMPQ AX, R13
	JNE fail
	JMP advance
notexact:
	CMPQ AX, $-4095
	JCC bad
	TESTQ $2, BX
	JEQ advance
	TESTQ AX, AX
	JEQ advance
	MOVQ R13, R12
	JMP row
bad:
	MOVQ BX, CX
	SHRQ $32, CX
	JEQ fail
	ADDQ AX, CX
	JNE fail
advance:
	ADDQ $64, R12
	JMP row
fail:
	MOVQ $0x60f000, SI
	MOVQ R12, 0(SI)
	MOVQ AX, 8(SI)
	MOVQ $1, AX
	MOVQ $4, DI
	MOVQ $16, DX
	SYSCALL
	MOVQ $231, AX
	MOVQ $125, DI
	SYSCALL
	JMP fail
	// Where copying ends.
	QUAD $0x444e454147524956

DATA ·initProgramAddr(SB)/8, $·initProgram(SB)
GLOBL ·initProgramAddr(SB), RODATA, $8
