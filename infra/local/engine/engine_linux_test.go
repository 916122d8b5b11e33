package engine_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"seatmeter/infra/local/engine"
)

const parentVariable = "SEATMETER_TEST_ENGINE_PARENT"

// TestMain is also the parent that TestAnEngineDiesWithItsParent kills.
func TestMain(m *testing.M) {
	if os.Getenv(parentVariable) == "" {
		os.Exit(m.Run())
	}
	e, err := engine.Start(context.Background(), engine.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(e.Endpoint)
	<-e.Done() // until killed
}

func TestAnEngineDiesWithItsParent(t *testing.T) {
	needEngine(t)
	t.Setenv(engine.EndpointVariable, "")
	t.Setenv(parentVariable, "yes")
	parent := exec.CommandContext(t.Context(), os.Args[0])
	parent.Stderr = os.Stderr
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	endpoint := strings.TrimSpace(line)
	tableNames(t, endpoint) // fails the test if the engine does not answer

	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // returns that the parent was killed
	deadline := time.Now().Add(10 * time.Second)
	for {
		if _, err := engine.Start(t.Context(), engine.Options{Endpoint: endpoint}); err != nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the engine still answers 10 seconds after its parent was killed")
		}
	}
}
