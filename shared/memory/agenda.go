package memory

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/seat"
)

// Agenda implements reconcile.Agenda.
func (s *Store) Agenda(_ context.Context, shard int, after string, limit int) ([]reconcile.Entry, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	named := make(map[string]reconcile.Entry)
	add := func(group, name string, e reconcile.Entry) {
		if name = group + "#" + name; shardOf(group) == shard && name > after {
			named[name] = e
		}
	}
	for b := range s.busy {
		add(fmt.Sprintf("%s#%d", b.Pool.Tenant, b.Pool.Number), fmt.Sprintf("block#%v#%05d", b.Pool.Chair, b.Index),
			reconcile.Entry{Tenant: b.Pool.Tenant, Block: b})
	}
	for t, conferences := range s.conferences {
		for id, c := range conferences {
			if c.State == conference.StateLive || c.Ending {
				add(string(t), "conference#"+string(id), reconcile.Entry{Tenant: t, Conference: id})
			}
		}
	}
	for t, locks := range s.locks {
		for email := range locks {
			add(string(t), "lock#"+string(email), reconcile.Entry{Tenant: t, Host: email})
		}
	}
	names := slices.SortedFunc(maps.Keys(named), cmp.Compare)
	next := ""
	if len(names) > limit {
		names = names[:limit]
		next = names[limit-1]
	}
	entries := make([]reconcile.Entry, len(names))
	for i, name := range names {
		entries[i] = named[name]
	}
	return entries, next, nil
}

func shardOf(name string) int {
	sum := fnv.New32a()
	sum.Write([]byte(name))
	return int(sum.Sum32() % reconcile.Shards)
}

// Claim implements reconcile.Agenda.
func (s *Store) Claim(_ context.Context, now, until time.Time) (reconcile.Progress, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Before(s.claimed) {
		return reconcile.Progress{}, false, nil
	}
	s.claimed = until
	return s.progress, true, nil
}

// ClaimPool implements reconcile.Agenda.
func (s *Store) ClaimPool(_ context.Context, pool seat.Pool, now, until time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Before(s.looks[pool]) {
		return false, nil
	}
	s.looks[pool] = until
	return true, nil
}

// Save implements reconcile.Agenda.
func (s *Store) Save(_ context.Context, p reconcile.Progress) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.progress, s.claimed = p, time.Time{}
	return nil
}

// Checkpoint implements reconcile.Books.
func (s *Store) Checkpoint(_ context.Context, block seat.Block) (*reconcile.Checkpoint, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return lookup(s.checkpoints, block), nil
}

// PutCheckpoint implements reconcile.Books.
func (s *Store) PutCheckpoint(_ context.Context, block seat.Block, c reconcile.Checkpoint) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checkpoints[block] = c
	return nil
}
