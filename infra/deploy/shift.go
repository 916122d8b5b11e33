package deploy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// AllAtOnce is the deployment without a shift of traffic: the new code takes over in
// one moment, and nothing brings the old one back.
const AllAtOnce = "AllAtOnce"

// Shifts are the ways in which traffic can go over to new code, as SAM names them.
var Shifts = []string{
	AllAtOnce, "Canary10Percent5Minutes", "Canary10Percent10Minutes", "Canary10Percent15Minutes", "Canary10Percent30Minutes",
	"Linear10PercentEvery1Minute", "Linear10PercentEvery2Minutes", "Linear10PercentEvery3Minutes", "Linear10PercentEvery10Minutes",
}

// alias is the name by which API Gateway, streams and schedules then invoke the functions.
const alias = "live"

// gradual changes a built template so that its functions' traffic shifts to their new
// code by CodeDeploy, which brings the old code back where an alarm of the template
// goes off meanwhile.
//
// It is done here, and not by a parameter of the template, because SAM makes an alias
// or none whatever a condition says, and with one publishes a version only where the
// template's text has changed: a changed parameter would not reach the functions. So
// version, a hash of the code and the parameters, decides what is a new version.
func gradual(built []byte, shift, version string) ([]byte, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(built, &document); err != nil {
		return nil, fmt.Errorf("read the built template: %w", err)
	}
	if len(document.Content) == 0 {
		return nil, errors.New("the built template is empty")
	}
	root := document.Content[0]
	resources := under(root, "Resources")
	if resources == nil {
		return nil, errors.New("the built template has no resources")
	}
	globals := under(under(root, "Globals"), "Function")
	if globals == nil {
		return nil, errors.New("the built template has no Globals for functions")
	}
	globals.Content = append(globals.Content, text("AutoPublishAlias"), text(alias))
	for i := 0; i+1 < len(resources.Content); i += 2 {
		properties := under(resources.Content[i+1], "Properties")
		switch kind := under(resources.Content[i+1], "Type"); kind.Value {
		case "AWS::Serverless::Function":
			preference := mapping("Type", text(shift))
			if watched := alarms(resources, resources.Content[i].Value); len(watched.Content) > 0 {
				preference.Content = append(preference.Content, text("Alarms"), watched)
			}
			properties.Content = append(properties.Content,
				text("AutoPublishCodeSha256"), text(version), text("DeploymentPreference"), preference)
		case "AWS::Serverless::WebSocketApi":
			if err := byAlias(properties); err != nil {
				return nil, err
			}
		}
	}
	out, err := yaml.Marshal(&document)
	if err != nil {
		return nil, fmt.Errorf("write the template: %w", err)
	}
	return out, nil
}

// byAlias has a WebSocket API invoke the aliases. SAM does so by itself for the HTTP
// API, streams and schedules.
func byAlias(api *yaml.Node) error {
	references := []*yaml.Node{under(under(api, "Auth"), "AuthArn")}
	routes := under(api, "Routes")
	for i := 0; routes != nil && i+1 < len(routes.Content); i += 2 {
		references = append(references, under(routes.Content[i+1], "FunctionArn"))
	}
	for _, r := range references {
		function, ok := functionOf(r)
		if !ok {
			return errors.New("the built template's WebSocket API refers to a function in an unknown way")
		}
		*r = *mapping("Ref", text(function+".Alias"))
	}
	return nil
}

// functionOf is the function whose Arn a node gets: in the long form, as sam writes
// it, or in the short one.
func functionOf(node *yaml.Node) (string, bool) {
	if node != nil && node.Tag == "!GetAtt" {
		return strings.CutSuffix(node.Value, ".Arn")
	}
	of := under(node, "Fn::GetAtt")
	if of == nil || len(of.Content) != 2 || of.Content[1].Value != "Arn" {
		return "", false
	}
	return of.Content[0].Value, true
}

// maxAlarms is how many alarms CodeDeploy watches for one function.
const maxAlarms = 10

// alarms are references to the alarms of a function, by its id or by its name in the
// metrics, and of the two APIs.
func alarms(resources *yaml.Node, function string) *yaml.Node {
	watched := []string{function, strings.ToLower(strings.TrimSuffix(function, "Function")), "HttpApi", "WebSocketApi"}
	found := &yaml.Node{Kind: yaml.SequenceNode}
	for i := 0; i+1 < len(resources.Content); i += 2 {
		resource := resources.Content[i+1]
		if under(resource, "Type").Value != "AWS::CloudWatch::Alarm" || len(found.Content) == maxAlarms {
			continue
		}
		if slices.ContainsFunc(watched, func(id string) bool { return mentions(resource, id) }) {
			found.Content = append(found.Content, mapping("Ref", text(resources.Content[i].Value)))
		}
	}
	return found
}

// mentions tells whether a node refers to a resource.
func mentions(node *yaml.Node, resource string) bool {
	if node.Kind == yaml.ScalarNode {
		return node.Value == resource || strings.Contains(node.Value, "${"+resource+"}")
	}
	return slices.ContainsFunc(node.Content, func(n *yaml.Node) bool { return mentions(n, resource) })
}

func text(value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
}

func mapping(key string, value *yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{text(key), value}}
}

// under is the value of a key; nil if there is none.
func under(node *yaml.Node, key string) *yaml.Node {
	for i := 0; node != nil && node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}

// version is a hash of all files of a build and of the parameters.
func version(build string, values Values) (string, error) {
	hash, files := sha256.New(), os.DirFS(build)
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		file, err := fs.ReadFile(files, name)
		if err != nil {
			return fmt.Errorf("read the build: %w", err)
		}
		_, err = io.Copy(hash, io.MultiReader(bytes.NewBufferString(name+"\x00"), bytes.NewReader(file)))
		return err //nolint:wrapcheck // a hash does not fail
	})
	if err != nil {
		return "", fmt.Errorf("hash the build: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(hash, "%s\x00%s\x00", name, values[name])
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
