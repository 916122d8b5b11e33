package engine

import "syscall"

// childAttributes gives the child a group of its own, so that Ctrl-C reaches us alone and the engine
// stops last, and has the kernel end it when we die without stopping it.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
