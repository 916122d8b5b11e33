package local

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"seatmeter/infra/local/engine"
	"seatmeter/infra/local/rights"
	"seatmeter/infra/local/tables"
	"seatmeter/infra/local/template"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
)

// database is a DynamoDB with the template's tables.
type database struct {
	api   dynamo.API
	names dynamo.Tables
	feed  feeder
}

func (s *Stack) openDatabase(ctx context.Context, system *template.Template) (database, error) {
	if s.options.Store == StoreMemory {
		made := memtable.New()
		s.run(func(ctx context.Context) { expire(ctx, made) })
		return database{made, memtable.Names, fromMemory(made, system)}, nil
	}
	if err := s.startEngine(ctx); err != nil {
		return database{}, err
	}
	cfg, err := awsConfig(ctx)
	if err != nil {
		return database{}, err
	}
	cfg.BaseEndpoint, cfg.Retryer = &s.engine.Endpoint, engine.Retryer
	client := dynamo.NewClient(cfg)
	made := tables.New(client, s.options.TablePrefix, system.Tables)
	if err := made.Create(ctx); err != nil {
		return database{}, err
	}
	if s.options.Temporary {
		s.onClose(made.Drop)
	}
	return database{client, made.Names(), fromEngine(cfg, made)}, nil
}

// startEngine starts DynamoDB Local, or uses one that runs.
func (s *Stack) startEngine(ctx context.Context) error {
	started, err := engine.Start(ctx, engine.Options{
		Endpoint: s.options.DynamoDBEndpoint,
		Own:      s.options.OwnEngine,
		DataDir:  filepath.Join(s.options.DataDir, engineDir),
		Progress: s.options.Progress,
	})
	if err != nil {
		return fmt.Errorf("start DynamoDB: %w", err)
	}
	s.engine = started
	stopped := make(chan struct{})
	s.onClose(func(context.Context) error {
		close(stopped)
		started.Stop()
		return nil
	})
	go func() {
		select {
		case <-started.Done():
			s.fail(errors.New("DynamoDB Local has ended by itself"))
		case <-stopped:
		}
	}()
	s.Endpoints.DynamoDB = started.Endpoint
	fmt.Fprintf(s.options.Progress, "DynamoDB at %s (%s).\n", started.Endpoint, started.Source)
	return nil
}

// inMemory are the names of the tables in memory.
var inMemory = named(memtable.Names)

func named(names dynamo.Tables) rights.Tables {
	return rights.Tables{tables.Live: names.Live, tables.Ledger: names.Ledger, tables.Usage: names.Usage}
}

// expire removes expired items once a minute until ctx ends. DynamoDB removes them at
// some later time.
func expire(ctx context.Context, made *memtable.Tables) {
	ticker := time.NewTicker(time.Minute)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			made.Expire(now.Unix())
		}
	}
}
