package engine

import (
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// command is a program to run, and its clean-up.
type command struct {
	argv []string
	// forget runs after the program has ended; nil: no clean-up.
	forget func()
}

// process is a running child.
type process struct {
	cmd    *exec.Cmd
	forget func()
	log    *tail
	ended  chan struct{} // closed when the child has ended
	once   sync.Once
}

// run starts a child, which on Linux ends with this process. The kernel ends the child with the
// thread that started it, so that thread is kept until then.
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
		_ = cmd.Wait() // the log has the reason
		close(p.ended)
	}()
	return p, <-started
}

// stop terminates the child, and kills it if it has not ended in time.
func (p *process) stop(within time.Duration) {
	p.end(func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails only if the child has ended
		timer := time.NewTimer(within)
		defer timer.Stop()
		select {
		case <-p.ended:
		case <-timer.C:
			_ = p.cmd.Process.Kill()
		}
	})
}

// kill kills the child.
func (p *process) kill() { p.end(func() { _ = p.cmd.Process.Kill() }) }

// end ends the child and returns when it has ended. Only the first call has an effect.
func (p *process) end(how func()) {
	p.once.Do(func() {
		how()
		<-p.ended
		if p.forget != nil {
			p.forget()
		}
	})
}

// tail keeps the last bytes written to it.
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
