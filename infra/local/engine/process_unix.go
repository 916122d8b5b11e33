//go:build unix && !linux

package engine

import "syscall"

// childAttributes gives the child a group of its own, so that Ctrl-C reaches us alone and the engine
// stops last.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
