// Package process is the isolation kind for development: a sandbox is a process group of the developer's own user.
// Landlock keeps its code to its own folders and the system's, seccomp to the calls that every kind allows, a session
// of its own off the terminal; resource limits and a watched memory limit bound it.
//
// Where the machine allows namespaces to the user (or the user is root), the sandbox also has mount, process and IPC
// namespaces: /tmp is its own, code is seen at /var/task, /var/runtime and /opt as in the other kind, and killing its
// first process kills all. Elsewhere arguments and search paths are rewritten to the host's folders, TMPDIR names its
// own folder, killing walks /proc, and sockets of the host's services in the file system can be connected to.
//
// The network is the host's. So there is no SurfaceRedirect and no SurfaceDNS; the listeners are on the host's
// loopback, where other local processes reach them too. It is no wall against hostile code: it runs with --dev or an
// explicit flag only.
package process
