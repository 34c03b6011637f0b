// Package seccomp builds the system call filter that function code runs under: an allow list, assembled to
// classic BPF by our own small assembler, and an interpreter for that BPF so that every rule has a pure test.
//
// Deny by default. Numbers the list does not know, clone3 and io_uring answer ENOSYS, so that libraries fall
// back to older calls; calls known to be dangerous answer EPERM; a foreign architecture or the x32 ABI kills the
// process. The arguments of socket, clone, personality, ioctl and of setting the core limit are looked at; the others
// are not.
//
// It is not the whole wall (user namespace, mounts, capabilities and limits are the launcher's), and it filters
// no paths: pointers cannot be followed from BPF.
package seccomp
