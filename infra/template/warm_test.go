package template_test

import (
	"testing"

	"go.yaml.in/yaml/v4"
)

// An index that is not warm throttles the writes of its table.
func TestTablesOfARushAndTheirIndexesCanBeWarmed(t *testing.T) {
	root := document(t)
	warm := func(where string, properties *yaml.Node) {
		choice := at(properties, "WarmThroughput", "Fn::If")
		if choice == nil || len(choice.Content) != 3 || choice.Content[0].Value != "DefaultThroughput" || choice.Content[1].Value != "AWS::NoValue" {
			t.Errorf("%s cannot be warmed, or is not left alone by default", where)
			return
		}
		for property, parameter := range map[string]string{
			"WriteUnitsPerSecond": "WarmWriteUnitsPerSecond", "ReadUnitsPerSecond": "WarmReadUnitsPerSecond",
		} {
			if units := at(choice.Content[2], property); units == nil || units.Value != parameter {
				t.Errorf("%s: %s is not %s", where, property, parameter)
			}
		}
	}
	for _, table := range []string{"LiveTable", "LedgerTable"} {
		properties := at(root, "Resources", table, "Properties")
		warm(table, properties)
		indexes := at(properties, "GlobalSecondaryIndexes")
		if indexes == nil {
			continue
		}
		for _, index := range indexes.Content {
			warm(table+" "+at(index, "IndexName").Value, index)
		}
	}
}

// CloudFormation would set a table back that has grown, which DynamoDB refuses.
func TestTheDefaultThroughputIsDynamoDBsOwn(t *testing.T) {
	root := document(t)
	for parameter, own := range map[string]string{"WarmWriteUnitsPerSecond": "4000", "WarmReadUnitsPerSecond": "12000"} {
		for _, property := range []string{"Default", "MinValue"} {
			if value := at(root, "Parameters", parameter, property); value == nil || value.Value != own {
				t.Errorf("%s of %s is not %s", property, parameter, own)
			}
		}
	}
}
