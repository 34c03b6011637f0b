// Package namespace is the default isolation kind: a sandbox of Linux namespaces (user, mount, pid, net, ipc, uts,
// cgroup), an allow list of system calls, no capabilities, limits and a host uid of its own, made by the launcher.
//
// The package is the server's side: it drives the launcher by messages, serves the listeners that were made inside
// the sandbox's network namespace, reads logs at a bounded rate, sets limits and freezes by the descriptors it was
// given, and sees the end of a sandbox by its process descriptor.
//
// What it promises is a hardened container for one organisation. It is not a wall between mutually hostile
// tenants, and it is neither the DNS answers nor the egress policy: those serve the listeners it hands out.
package namespace
