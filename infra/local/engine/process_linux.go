package engine

import "syscall"

// childAttributes gives the child a process group of its own, so that Ctrl-C reaches only this
// process and the engine stops last. The kernel ends the child with this process.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
