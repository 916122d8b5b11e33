package drill

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"seatmeter/infra/client"
	"seatmeter/infra/local"
)

// Each tenant has more people than seats, so its pools are full most of the time.
const (
	rooms  = 3
	seats  = 12 // of the concurrent tenant, and of each conference of the named one
	people = 10 // for each conference
)

var tenants = []string{"drill-concurrent", "drill-named"}

// load is people who come and go.
type load struct {
	group sync.WaitGroup
	joins atomic.Int64
	stop  context.CancelFunc
}

// begin sells both licenses, and lets the people in.
func begin(ctx context.Context, stack *local.Stack, api *client.Admin) (*load, error) {
	tokens, err := sell(ctx, api)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	l := &load{stop: stop}
	for _, token := range tokens {
		l.group.Go(func() { l.visit(ctx, stack.Endpoints.WebSocket, token) })
	}
	return l, nil
}

// sell gives each tenant a license and conferences; it returns the tokens of people.
func sell(ctx context.Context, api *client.Admin) (tokens []string, err error) {
	for _, tenant := range tenants {
		sold := client.Concurrent(seats)
		if tenant == "drill-named" {
			sold = client.Named(rooms, seats)
		}
		if _, err := api.PutLicense(ctx, tenant, sold); err != nil {
			return nil, err
		}
		for room := range rooms {
			host := fmt.Sprintf("host-%d@%s.example", room, tenant)
			if sold.Model == client.ModelNamed {
				if _, err := api.CreateHost(ctx, tenant, client.Host{Email: host}); err != nil {
					return nil, err
				}
			}
			made, err := api.CreateConference(ctx, tenant, client.Conference{Host: host})
			if err != nil {
				return nil, err
			}
			for n := range people {
				who := client.JoinRequest{Identity: fmt.Sprintf("person-%d", n), Role: client.RoleParticipant}
				if n == 0 {
					who = client.JoinRequest{Identity: host, Role: client.RoleHost}
				}
				token, err := api.CreateJoinToken(ctx, tenant, made.Conference, who)
				if err != nil {
					return nil, err
				}
				tokens = append(tokens, token.Token)
			}
		}
	}
	return tokens, nil
}

// visit joins and goes away, again and again, now with a close frame and now without.
func (l *load) visit(ctx context.Context, address, token string) {
	const longest = 2 * time.Second
	for ctx.Err() == nil {
		p, err := client.Dial(ctx, address, token, client.DialOptions{})
		if err == nil {
			l.joins.Add(1)
			pause(ctx, rand.N(longest))
			if rand.N(2) == 0 {
				_ = p.CloseClean() // whoever has gone asks for no answer
			}
			p.Abandon()
		}
		pause(ctx, rand.N(longest/4))
	}
}

// end cuts everybody off.
func (l *load) end() {
	l.stop()
	l.group.Wait()
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
