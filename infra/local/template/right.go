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

// statements lists the statements of a function's policies, which are written under the function. Each
// must be of the few forms that are read here, since one of another form might forbid on AWS what is
// allowed on this machine.
func statements(policies value) []value {
	var all []value
	for _, policy := range policies.list() {
		for _, statement := range policy.required("Statement").oneOrMore() {
			oneOf(statement.required("Effect"), "Allow")
			for _, e := range statement.entries() {
				if !slices.Contains([]string{"Effect", "Action", "Resource", "Condition"}, e.key) {
					e.value.fail("is not supported")
				}
			}
			all = append(all, statement)
		}
	}
	return all
}

// rights reads a statement's actions on tables and indexes.
func (v value) rights() []Right {
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

// connectionMethods reads the HTTP methods that a statement allows on any of the WebSocket API's
// connections.
func (v value) connectionMethods() []string {
	actions := v.required("Action").oneOrMore()
	if !slices.ContainsFunc(actions, func(action value) bool { return action.text() == manageConnections }) {
		return nil
	}
	var methods []string
	for _, resource := range v.required("Resource").oneOrMore() {
		_, argument := resource.intrinsic()
		if !argument.exists() || !strings.HasSuffix(argument.node.Value, anyConnection) {
			resource.fail("does not end in %s", anyConnection)
			continue
		}
		path := strings.TrimSuffix(argument.node.Value, anyConnection)
		methods = append(methods, path[strings.LastIndexByte(path, '/')+1:])
	}
	return methods
}
