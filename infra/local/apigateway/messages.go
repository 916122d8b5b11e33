package apigateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// read takes a connection's messages until it ends.
func (g *Gateway) read(c *connection) {
	for {
		_, content, err := c.socket.Read(context.Background())
		if err != nil {
			how := endingOf(err)
			if errors.Is(err, errTooBig) || errors.Is(err, errBinary) {
				g.hangUp(c, how)
				return
			}
			g.end(c, how, nil)
			_ = c.socket.CloseNow() // mostly closed already
			return
		}
		if c.ended.Load() {
			continue // hung up on; only the client's close frame is of interest
		}
		g.receive(c, content)
	}
}

// receive runs a message's function without waiting for it, unless too many of the connection's
// messages are at it already.
func (g *Gateway) receive(c *connection, content []byte) {
	route, function, ok := g.route(content)
	event := g.messageEvent(c, route, content)
	if !ok {
		m := g.failure(c, event.RequestContext)
		m.Message = "Forbidden"
		g.tell(c, m)
		return
	}
	c.slots <- struct{}{}
	g.work.spawn(func() {
		defer func() { <-c.slots }()
		// What it answers goes nowhere: the API has no route responses.
		if _, err := g.invoke(function, g.limits.WebSocketTimeout, event); err != nil {
			g.tell(c, g.failure(c, event.RequestContext))
		}
	})
}

// tell sends the client the gateway's own word.
func (g *Gateway) tell(c *connection, m notice) {
	body, err := json.Marshal(m)
	if err != nil {
		panic(err) // texts always marshal
	}
	if err := c.write(body, g.limits.WriteTimeout); err != nil {
		g.config.Log.Debug("client not told", "connection", c.id, "error", err)
	}
}

// route is a message's route key and function. The key is $default where no other fits.
func (g *Gateway) route(content []byte) (key, function string, ok bool) {
	if selection, err := newSelection(g.api.RouteSelection); err == nil {
		key = selection.of(content)
		if function, ok = g.api.Routes[key]; ok && !strings.HasPrefix(key, "$") {
			return key, function, true
		}
	}
	function, ok = g.api.Routes[routeDefault]
	return routeDefault, function, ok
}

// selection is the way to the part of a message that names its route.
type selection []string

func newSelection(expression string) (selection, error) {
	path := strings.TrimSuffix(strings.TrimPrefix(expression, "${"), "}")
	path, ok := strings.CutPrefix(strings.TrimPrefix(path, "$"), "request.body.")
	if !ok || path == "" {
		return nil, fmt.Errorf("route selection expression %q is not of the form $request.body.action", expression)
	}
	return strings.Split(path, "."), nil
}

func (s selection) of(content []byte) string {
	for _, field := range s {
		var object map[string]json.RawMessage
		if json.Unmarshal(content, &object) != nil {
			return ""
		}
		content = object[field]
	}
	var key string
	if json.Unmarshal(content, &key) != nil {
		return ""
	}
	return key
}
