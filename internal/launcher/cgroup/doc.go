// Package cgroup holds a sandbox to its limits on cgroup v1, v2 and hybrid layouts, behind one type: Group.
//
// It works on open directories, never on absolute paths, so that the launcher can drop its view of the host's
// files, and on an interface (Tree) so that all three layouts are tested on a machine that has one of them.
// In the hybrid layout limits come from the v1 controllers and freezing from the v2 hierarchy, whose frozen
// processes can be killed; a process frozen by v1 dies only when it is thawed.
//
// It decides no limits and watches nothing: the server reads the handles it is given.
package cgroup
