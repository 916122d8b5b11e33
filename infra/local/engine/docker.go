package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"
)

const dockerImage = "amazon/dynamodb-local:" + Version

// fromDocker pulls the image if it is missing. Its errors name the missing tool or image in a few words.
func fromDocker(ctx context.Context, options Options) (*launcher, error) {
	docker, err := exec.LookPath("docker")
	if err != nil {
		return nil, errors.New("no docker")
	}
	quick, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if exec.CommandContext(quick, docker, "info").Run() != nil {
		return nil, errors.New("its daemon does not answer")
	}
	if exec.CommandContext(ctx, docker, "image", "inspect", dockerImage).Run() != nil {
		fmt.Fprintf(options.Progress, "DynamoDB Local %s: pulling %s\n", Version, dockerImage)
		pull := exec.CommandContext(ctx, docker, "pull", dockerImage)
		pull.Stdout, pull.Stderr = options.Progress, options.Progress
		if err := pull.Run(); err != nil {
			return nil, fmt.Errorf("pulling %s: %w", dockerImage, err)
		}
	}
	return &launcher{source: "docker", command: func(port int, dataDir string) command {
		// The container's name lets it be removed even after its client was killed.
		name := fmt.Sprintf("seatmeter-dynamodb-%d-%d", os.Getpid(), port)
		argv := []string{docker, "run", "--rm", "--name", name, "--publish", "127.0.0.1:" + strconv.Itoa(port) + ":8000"}
		engine := []string{"-jar", "DynamoDBLocal.jar", "-sharedDb", "-disableTelemetry"}
		if dataDir == "" {
			argv = append(append(argv, dockerImage), append(engine, "-inMemory")...)
		} else {
			argv = append(argv, "--user", strconv.Itoa(os.Getuid())+":"+strconv.Itoa(os.Getgid()), "--volume", dataDir+":/data")
			argv = append(append(argv, dockerImage), append(engine, "-dbPath", "/data")...)
		}
		return command{argv: argv, forget: func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			_ = exec.CommandContext(ctx, docker, "rm", "--force", name).Run() // usually removed already
		}}
	}}, nil
}
