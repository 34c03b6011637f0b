// Package launcher is the privileged process that makes sandboxes, and the client by which the unprivileged server
// asks it to. Server and launcher share one inherited SEQPACKET pair; every message has the same length, every
// request one answer, and authority travels as descriptors. The launcher owns each slot's state (free, parked,
// booted, assigned, started, dying) and checks every transition. Code is named by its digest.
//
// Lifetimes: when the launcher dies, the server and every sandbox get SIGKILL from the kernel (parent-death
// signals). When the server dies, the launcher kills every sandbox and, where it had started the server, starts it
// anew.
//
// Lock order: Client.mu only; the launcher itself is one thread.
//
// It is not the isolation kind as the rest of the program sees it (internal/sandbox/namespace), it opens no socket
// to the outside once it runs, parses no byte a user sent and resolves no path a user chose.
package launcher
