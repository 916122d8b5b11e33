package template_test

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// watched is a metric that an alarm or the dashboard looks at.
type watched struct {
	where, namespace, name string
	dimensions             map[string]string
}

// alarms are the template's, by name, with the properties that are merged into each.
func alarms(t *testing.T) map[string]map[string]yaml.Node {
	t.Helper()
	found := make(map[string]map[string]yaml.Node)
	each(at(document(t), "Resources"), func(id string, r *yaml.Node) {
		if at(r, "Type").Value != "AWS::CloudWatch::Alarm" {
			return
		}
		var properties map[string]yaml.Node
		if err := at(r, "Properties").Decode(&properties); err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		found[id] = properties
	})
	if len(found) == 0 {
		t.Fatal("there is no alarm")
	}
	return found
}

// watchedByAlarms are the metrics of the alarms.
func watchedByAlarms(t *testing.T) []watched {
	t.Helper()
	var list []watched
	for id, properties := range alarms(t) {
		one := watched{where: id, namespace: textIn(t, properties, "Namespace"), name: textIn(t, properties, "MetricName"), dimensions: map[string]string{}}
		dimensions := properties["Dimensions"]
		for _, dimension := range dimensions.Content {
			one.dimensions[at(dimension, "Name").Value] = texts(t, *at(dimension, "Value"))[0]
		}
		list = append(list, one)
	}
	return list
}

func textIn(t *testing.T, properties map[string]yaml.Node, name string) string {
	t.Helper()
	value, there := properties[name]
	if !there {
		return ""
	}
	return texts(t, value)[0]
}

// watchedByDashboard are the metrics of the dashboard. References stay as they are written, "!Ref Name".
func watchedByDashboard(t *testing.T) []watched {
	t.Helper()
	body := at(document(t), "Resources", "Dashboard", "Properties", "DashboardBody").Value
	var board struct {
		Widgets []struct {
			Properties struct {
				Title   string  `json:"title"`
				Metrics [][]any `json:"metrics"`
			} `json:"properties"`
		} `json:"widgets"`
	}
	if err := json.Unmarshal([]byte(regexp.MustCompile(`\$\{([^}]+)\}`).ReplaceAllString(body, "!Ref $1")), &board); err != nil {
		t.Fatalf("the dashboard: %v", err)
	}
	var list []watched
	for _, widget := range board.Widgets {
		for _, metric := range widget.Properties.Metrics {
			var words []string
			for _, part := range metric {
				if text, ok := part.(string); ok {
					words = append(words, text)
				}
			}
			if len(words) == 0 {
				continue // an expression
			}
			one := watched{where: widget.Properties.Title, namespace: words[0], name: words[1], dimensions: map[string]string{}}
			for i := 2; i+1 < len(words); i += 2 {
				one.dimensions[words[i]] = words[i+1]
			}
			list = append(list, one)
		}
	}
	return list
}

// A metric that nothing emits would leave its alarm silent for ever.
func TestAlarmsAndDashboardWatchWhatTheFunctionsEmit(t *testing.T) {
	emitted := drive(t)
	seen := 0
	for _, metric := range append(watchedByAlarms(t), watchedByDashboard(t)...) {
		if metric.namespace != "Seatmeter" {
			continue
		}
		seen++
		name := metric.name
		dimensions := maps.Clone(metric.dimensions)
		if function, of := dimensions["function"]; of {
			name += " " + function
			delete(dimensions, "function")
		}
		if !maps.Equal(dimensions, map[string]string{"stack": "!Ref AWS::StackName"}) {
			t.Errorf("%s: %s has the dimensions %v", metric.where, metric.name, metric.dimensions)
		}
		if !emitted[name] {
			t.Errorf("%s watches %q, which nothing that was driven emits", metric.where, name)
		}
	}
	if seen < 40 {
		t.Errorf("%d metrics of ours are watched: does this test still find them?", seen)
	}
}

func TestTheDashboardShowsEachMetricThatIsEmitted(t *testing.T) {
	shown := make(map[string]bool)
	for _, metric := range watchedByDashboard(t) {
		shown[strings.TrimSuffix(metric.name+" "+metric.dimensions["function"], " ")] = true
	}
	for name := range drive(t) {
		if !shown[name] {
			t.Errorf("%q is not on the dashboard", name)
		}
	}
}

// What AWS itself measures, by the dimensions under which it does. Of DynamoDB there is none: alarms on its
// metrics keep their state where no data comes, so that one that fired would never end.
func TestAlarmsAndDashboardNameAWSMetricsOfOurResources(t *testing.T) {
	known := map[string][]string{
		"AWS/Lambda Errors": {"FunctionName"}, "AWS/Lambda Duration": {"FunctionName"}, "AWS/Lambda Invocations": {"FunctionName"},
		"AWS/Lambda Throttles": {"FunctionName"}, "AWS/ApiGateway 5xx": {"ApiId"}, "AWS/ApiGateway 4xx": {"ApiId"}, "AWS/ApiGateway Count": {"ApiId"},
		"AWS/ApiGateway ConnectCount": {"ApiId", "Stage"}, "AWS/ApiGateway MessageCount": {"ApiId", "Stage"}, "AWS/ApiGateway ClientError": {"ApiId", "Stage"},
		"AWS/ApiGateway IntegrationError": {"ApiId", "Stage"}, "AWS/ApiGateway ExecutionError": {"ApiId", "Stage"},
	}
	ours := resources(t)
	for _, metric := range append(watchedByAlarms(t), watchedByDashboard(t)...) {
		if metric.namespace == "Seatmeter" {
			continue
		}
		want, there := known[metric.namespace+" "+metric.name]
		got := slices.Sorted(maps.Keys(metric.dimensions))
		if ofAccount := metric.where == "ThrottlesAlarm" && len(got) == 0; !there || !ofAccount && !slices.Equal(got, want) {
			t.Errorf("%s: %s %s of %v", metric.where, metric.namespace, metric.name, metric.dimensions)
		}
		for _, value := range metric.dimensions {
			id, reference := strings.CutPrefix(value, "!Ref ")
			if _, resource := ours[id]; !reference || !resource && id != "StageName" {
				t.Errorf("%s is about %s", metric.where, value)
			}
		}
	}
}

func TestEachFunctionHasAlarmsOfErrorsAndDuration(t *testing.T) {
	found := alarms(t)
	httpAPI := map[string]bool{}
	each(at(document(t), "Resources"), func(id string, r *yaml.Node) {
		each(at(r, "Properties", "Events"), func(_ string, event *yaml.Node) {
			httpAPI[id] = httpAPI[id] || at(event, "Type").Value == "HttpApi"
		})
	})
	for id, r := range resources(t) {
		name, function := strings.CutSuffix(id, "Function")
		if !function || r.Type != "AWS::Serverless::Function" {
			continue
		}
		if found[name+"DurationAlarm"] == nil {
			t.Errorf("%s has no alarm of its duration", id)
		}
		if found[name+"ErrorsAlarm"] == nil && !httpAPI[id] { // whose errors are 5xx of the API
			t.Errorf("%s has no alarm of its errors", id)
		}
	}
}

func TestEachAlarmTellsTheTopicAndIsOnTheDashboard(t *testing.T) {
	body := at(document(t), "Resources", "Dashboard", "Properties", "DashboardBody").Value
	for id, properties := range alarms(t) {
		for _, action := range []string{"AlarmActions", "OKActions"} {
			if got := properties[action]; len(texts(t, got)) != 1 || texts(t, got)[0] != "!Ref AlarmTopic" {
				t.Errorf("%s of %s are not the topic", action, id)
			}
		}
		if textIn(t, properties, "TreatMissingData") == "" || textIn(t, properties, "AlarmDescription") == "" {
			t.Errorf("%s does not say what it is, or what no data means", id)
		}
		if !strings.Contains(body, "${"+id+".Arn}") {
			t.Errorf("%s is not on the dashboard", id)
		}
	}
}

// runbookParts are what each entry of the runbook tells.
var runbookParts = []string{"**It means:**", "**Look at:**", "**Do:**", "**If nothing is done:**"}

// runbook has the entries of infra/README.md by the alarms that they name.
func runbook(t *testing.T) map[string]string {
	t.Helper()
	page, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	entries := make(map[string]string)
	for _, entry := range regexp.MustCompile(`(?m)^### `).Split(string(page), -1)[1:] {
		heading, text, _ := strings.Cut(entry, "\n")
		text, _, _ = strings.Cut(text, "\n## ")
		for _, name := range regexp.MustCompile("`([^`]*Alarm)`").FindAllStringSubmatch(heading, -1) {
			if entries[name[1]] != "" {
				t.Errorf("%s has two entries", name[1])
			}
			entries[name[1]] = text
		}
	}
	return entries
}

func TestEachAlarmHasItsRunbookEntryAndEachEntryItsAlarm(t *testing.T) {
	entries, found := runbook(t), alarms(t)
	named := make(map[string]bool)
	for id := range found {
		for name := range entries {
			// An entry of several alarms names what they end with: `…DurationAlarm`.
			if suffix, several := strings.CutPrefix(name, "…"); name == id || several && strings.HasSuffix(id, suffix) && entries[id] == "" {
				if named[id] {
					t.Errorf("%s has two entries", id)
				}
				named[id], named[name] = true, true
			}
		}
		if !named[id] {
			t.Errorf("%s has no entry", id)
		}
	}
	for name, text := range entries {
		if !named[name] {
			t.Errorf("the entry of %s has no alarm", name)
		}
		for _, part := range runbookParts {
			if strings.Count(text, part) != 1 {
				t.Errorf("the entry of %s does not say once %q", name, part)
			}
		}
	}
}
