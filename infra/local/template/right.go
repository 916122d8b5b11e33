package template

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Right allows a function actions on the items of one table or index.
type Right struct {
	// Actions are IAM's names, for instance dynamodb:GetItem.
	Actions []string
	Table   LogicalID
	// Index is empty for the table itself.
	Index string
	// LeadingKeys are patterns of partition keys. The right is for items with such keys alone; none:
	// for all items.
	LeadingKeys []string
}

const (
	tableActions = "dynamodb:"
	keysLike     = "ForAllValues:StringLike"
	leadingKeys  = "dynamodb:LeadingKeys"
)

// rights reads the statements on tables of a function's policies, which are written under the function.
func rights(policies value) []Right {
	var all []Right
	for _, policy := range policies.list() {
		for _, statement := range policy.required("Statement").oneOrMore() {
			all = append(all, statement.rights()...)
		}
	}
	return all
}

// rights reads a statement. It is read as it stands or is an error: what is not understood here might
// forbid what is allowed on this machine.
func (v value) rights() []Right {
	oneOf(v.required("Effect"), "Allow")
	known := map[string]bool{"Effect": true, "Action": true, "Resource": true, "Condition": true}
	for _, e := range v.entries() {
		if !known[e.key] {
			e.value.fail("is not supported")
		}
	}
	var right Right
	for _, action := range v.required("Action").oneOrMore() {
		if text := action.text(); strings.HasPrefix(text, tableActions) {
			right.Actions = append(right.Actions, text)
		}
	}
	if right.Actions == nil {
		return nil
	}
	right.LeadingKeys = v.get("Condition").leadingKeys()
	var all []Right
	for _, resource := range v.required("Resource").oneOrMore() {
		right.Table, right.Index = resource.tableOrIndex()
		all = append(all, right)
	}
	return all
}

func (v value) leadingKeys() []string {
	for _, e := range v.entries() {
		if e.key != keysLike || len(e.value.entries()) != 1 {
			e.value.fail("is not %s of %s alone", keysLike, leadingKeys)
		}
	}
	if !v.exists() {
		return nil
	}
	var patterns []string
	for _, pattern := range v.required(keysLike).required(leadingKeys).oneOrMore() {
		patterns = append(patterns, pattern.text())
	}
	return patterns
}

// tableOrIndex reads the Arn of a table, or of an index: !Sub ["${Arn}/index/lobby", {Arn: the table's}].
func (v value) tableOrIndex() (LogicalID, string) {
	if table, ok := v.attributeOf("Arn"); ok {
		return table, ""
	}
	if name, argument := v.intrinsic(); name == "Sub" && argument.node.Kind == yaml.SequenceNode && len(argument.node.Content) == 2 {
		parts := argument.list()
		for _, e := range parts[1].entries() {
			table, ok := e.value.attributeOf("Arn")
			index, under := strings.CutPrefix(parts[0].node.Value, "${"+e.key+"}/index/")
			if ok && under {
				return table, index
			}
		}
	}
	v.fail("is neither the Arn of a table nor of its index")
	return "", ""
}

// oneOrMore is the elements of a list, or the one value that stands for a list of one.
func (v value) oneOrMore() []value {
	if name, _ := v.intrinsic(); name != "" || v.node == nil || v.node.Kind != yaml.SequenceNode {
		return []value{v}
	}
	return v.list()
}

const (
	manageConnections = "execute-api:ManageConnections"
	anyConnection     = "/@connections/*"
)

// connectionMethods reads the statements on the WebSocket API's connections: the HTTP methods that the
// function may use on any connection.
func connectionMethods(policies value) []string {
	var methods []string
	for _, policy := range policies.list() {
		for _, statement := range policy.required("Statement").oneOrMore() {
			actions := statement.required("Action").oneOrMore()
			if !slices.ContainsFunc(actions, func(action value) bool { return action.text() == manageConnections }) {
				continue
			}
			for _, resource := range statement.required("Resource").oneOrMore() {
				_, argument := resource.intrinsic()
				path, ok := strings.CutSuffix(argument.node.Value, anyConnection)
				if !ok {
					resource.fail("does not end in %s", anyConnection)
				}
				methods = append(methods, path[strings.LastIndexByte(path, '/')+1:])
			}
		}
	}
	return methods
}
