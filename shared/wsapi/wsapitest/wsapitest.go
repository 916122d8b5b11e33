// Package wsapitest checks the server's messages against the AsyncAPI document. Only
// tests use it.
package wsapitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Contract is the schemas of the server's messages.
type Contract struct {
	messages map[string]*jsonschema.Schema
}

// Read reads an AsyncAPI document.
func Read(document []byte) (*Contract, error) {
	var operations struct {
		Operations map[string]struct {
			Action   string `json:"action"`
			Messages []struct {
				Ref string `json:"$ref"`
			} `json:"messages"`
		} `json:"operations"`
	}
	if err := json.Unmarshal(document, &operations); err != nil {
		return nil, fmt.Errorf("read the document: %w", err)
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return nil, fmt.Errorf("read the document: %w", err)
	}
	closeSchemas(parsed)
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("asyncapi.json", parsed); err != nil {
		return nil, fmt.Errorf("read the document: %w", err)
	}
	c := &Contract{messages: make(map[string]*jsonschema.Schema)}
	const channel = "#/channels/conference/messages/"
	for _, o := range operations.Operations {
		if o.Action != "send" {
			continue
		}
		for _, m := range o.Messages {
			name, ok := strings.CutPrefix(m.Ref, channel)
			if !ok {
				return nil, fmt.Errorf("a message at %s", m.Ref)
			}
			schema, err := compiler.Compile("asyncapi.json#/components/messages/" + name + "/payload")
			if err != nil {
				return nil, fmt.Errorf("the schema of %s: %w", name, err)
			}
			c.messages[name] = schema
		}
	}
	return c, nil
}

// closeSchemas makes the schemas refuse unknown members, which clients must accept.
func closeSchemas(document any) {
	members := func(in any, name string) map[string]any {
		object, _ := in.(map[string]any)
		inner, _ := object[name].(map[string]any)
		return inner
	}
	for _, schema := range members(members(document, "components"), "schemas") {
		if object, ok := schema.(map[string]any); ok && object["properties"] != nil {
			object["additionalProperties"] = false
		}
	}
}

// Types returns the types of the server's messages.
func (c *Contract) Types() map[string]bool {
	types := make(map[string]bool)
	for name := range c.messages {
		types[name] = true
	}
	return types
}

// Check returns how a message deviates from the document; nil if it does not.
func (c *Contract) Check(text []byte) error {
	message, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("a message that is no JSON: %w", err)
	}
	members, _ := message.(map[string]any)
	name, _ := members["type"].(string)
	schema := c.messages[name]
	if schema == nil {
		return fmt.Errorf("there is no message of type %q", name)
	}
	if err := schema.Validate(message); err != nil {
		return fmt.Errorf("a message of type %q: %w", name, err)
	}
	return nil
}
