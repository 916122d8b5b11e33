package engine

import (
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// command is a program to run, and what makes sure of its end beyond a signal to it.
type command struct {
	argv []string
	// forget is run after the program has ended; nil: nothing to do.
	forget func()
}

// process is a running child.
type process struct {
	cmd    *exec.Cmd
	forget func()
	log    *tail
	ended  chan struct{} // closed when it has
	once   sync.Once
}

// run starts a child that, on Linux, dies with this process. The kernel ties it to the thread that
// started it, so that thread is kept until the child has ended.
func run(c command) (*process, error) {
	log := &tail{}
	cmd := exec.Command(c.argv[0], c.argv[1:]...) //nolint:noctx // the child outlives the call that started it
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = childAttributes()
	p := &process{cmd: cmd, forget: c.forget, log: log, ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		_ = cmd.Wait() // how it ended does not matter: that it did, and its log, do
		close(p.ended)
	}()
	return p, <-started
}

// stop asks the child to end, and kills it when it has not within a while.
func (p *process) stop(within time.Duration) {
	p.end(func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails only when it has ended
		timer := time.NewTimer(within)
		defer timer.Stop()
		select {
		case <-p.ended:
		case <-timer.C:
			_ = p.cmd.Process.Kill()
		}
	})
}

// kill ends the child without asking.
func (p *process) kill() { p.end(func() { _ = p.cmd.Process.Kill() }) }

// end returns when the child has ended. Only the first call does anything.
func (p *process) end(how func()) {
	p.once.Do(func() {
		how()
		<-p.ended
		if p.forget != nil {
			p.forget()
		}
	})
}

// tail keeps the last of what is written to it.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

const tailBytes = 8 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, b...)
	if over := len(t.kept) - tailBytes; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.kept)
}
