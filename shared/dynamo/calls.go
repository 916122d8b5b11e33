package dynamo

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/seat"
)

// Call describes a request of an API: for tests that make it fail, and for what
// they print.
type Call struct {
	// Name is the request's step in the domain: "take", "begin session".
	Name string
	// Write tells whether the request may change anything.
	Write bool
	// Consistent is true for a strongly consistent read.
	Consistent bool
	// Table, PK and SK are of the item, or of the first of several. A query has
	// no SK.
	Table, PK, SK string
	// Of is the connection that a block's update names, or the block that a
	// directory's update names.
	Of string
	// Revision is that of the license under which an update takes a seat. Zero:
	// it takes none, or continues a stay.
	Revision int64
}

// Block gives the block of a call. False: the call is of none, or of several.
func (c Call) Block() (seat.Block, bool) {
	e, err := entryOf(c.PK, c.SK)
	return e.Block, err == nil && e.Block != seat.Block{}
}

// FirstPage tells whether a query of a pool reads the first or only page. The
// other pages are read in parallel.
func (c Call) FirstPage() bool {
	page := c.PK[strings.LastIndexByte(c.PK, '#')+1:]
	return page == "0" || page == chairPage
}

// Describe describes a request: a pointer to one of the SDK's input types.
func Describe(in any) Call {
	switch in := in.(type) {
	case *dynamodb.GetItemInput:
		return describe("get", "", in.TableName, in.Key, false, in.ConsistentRead)
	case *dynamodb.PutItemInput:
		return describe("put", aws.ToString(in.ConditionExpression), in.TableName, in.Item, true, nil)
	case *dynamodb.DeleteItemInput:
		return describe("delete", "", in.TableName, in.Key, true, nil)
	case *dynamodb.UpdateItemInput:
		return describeUpdate(in)
	case *dynamodb.QueryInput:
		return describeQuery(in)
	case *dynamodb.BatchGetItemInput:
		for table, asked := range in.RequestItems {
			c := describe("get many", "", &table, asked.Keys[0], false, asked.ConsistentRead)
			return c
		}
	case *dynamodb.TransactWriteItemsInput:
		return describeTransaction(in.TransactItems)
	}
	return Call{Name: "unknown"}
}

// describe names a call by its operation and kind of item, or by a step that its
// expression (an update's update, a put's condition) contains.
func describe(operation, expression string, table *string, key item, write bool, consistent *bool) Call {
	r := reader{item: key}
	c := Call{Write: write, Consistent: aws.ToBool(consistent), Table: aws.ToString(table), PK: r.text(attrPK), SK: r.text(attrSK)}
	of := kindOf(c.PK, c.SK)
	c.Name = operation + " " + of
	for _, step := range steps {
		if step.of == of && strings.Contains(expression, step.text) {
			c.Name = step.name
			break
		}
	}
	return c
}

func describeUpdate(in *dynamodb.UpdateItemInput) Call {
	c := describe("update", aws.ToString(in.UpdateExpression), in.TableName, in.Key, true, nil)
	for _, alias := range []string{"#id", "#id_aa", "#to", "#index"} {
		if of, there := in.ExpressionAttributeNames[alias]; there {
			c.Of = of
		}
	}
	if c.Name == "take" || c.Name == "swap" {
		values := reader{item: in.ExpressionAttributeValues}
		c.Revision = values.number(":rev")
	}
	return c
}

// steps name updates and puts of one kind of item by a part of their expression;
// the first match wins.
var steps = []struct{ of, text, name string }{
	{"session", absent, "begin session"},
	{"session", "#version = :was", "change session"},
	{"block", "#in_use + :one", "take"},
	{"block", "#in_use - :one", "give back"},
	{"block", "REMOVE #members.#from", "swap"},
	{"block", "#members.#to = :to", "begin next part"},
	{"block", "#voids + :one", "renumber"},
	{"block", "#members.#id_aa = :", "renew"},
	{"block", "#members.#id = :", "hold"},
	{"block", "SET #g = :", "gate"},
	{"block", "REMOVE #g", "ungate"},
	{"block", "#capacity = :", "resize"},
	{"block", "#closed = :", "close"},
	{"block", "#seen = :", "mark alive"},
	{"block", "REMOVE #busy", "dequeue"},
	{"directory", "#looking = :at", "begin scan"},
	{"directory", "#counted = :at", "end scan"},
	{"directory", "SET #rooms.#index", "list block"},
	{"directory", "REMOVE #rooms.#index", "unlist block"},
	{"directory", "ADD #gone", "add left"},
	{"directory", "REMOVE #until", "clear directory"},
	{"head", "ADD #waiting :one", "open queue"},
	{"head", "SET #gated", "note gates"},
	{"head", "ADD #waiting :less", "count one less"},
	{"head", "SET #waiting = :waiting", "recount queue"},
	{"head", "ADD #generation", "close queue"},
	{"waiter", "SET #told", "tell position"},
	{"waiter", "SET #renewed_at", "renew place"},
	{"worker", "SET #holder", "lease queues"},
	{"conference", "#live_at = :at", "go live"},
	{"conference", "#ended_at = :at, #busy", "end conference"},
	{"conference", "REMOVE #busy", "finish conference"},
	{"conference", "SET #vacant_since", "vacate"},
	{"conference", "SET #state = :ended", "expire conference"},
	{"conference", "REMOVE #vacant_since", "occupy"},
	{"conference", "#host = :host", "reschedule"},
	{"conference", "#starts_at = :starts", "reschedule"},
	{"conference", "#title", "reschedule"},
	{"conference", "#removed = :is", "note removed"},
	{"license", "#settled = :yes", "note rolled out"},
	{"rate", "#counted :n", "count"},
	{"lane", "ADD #version", "join lane"},
	{"lane", "SET #due = :until", "take lane"},
	{"lane", "SET #due = :next", "leave lane"},
	{"counters", "#conferences :one", "number conference"},
	{"claim", "#until = :until", "claim pool"},
	{"progress", "#shard = :shard", "release agenda"},
	{"progress", "#until = :later", "postpone agenda"},
	{"progress", "SET #until = :until", "claim agenda"},
	{"answer", "#fingerprint = :", "claim key"},
	{"answer", "#status = :", "keep answer"},
	{"answer", "REMOVE #holder", "release key"},
}

// kindOf names the kind of item that a key is of.
func kindOf(pk, sk string) string {
	switch {
	case strings.HasPrefix(pk, poolKeyHead+"#"):
		return "block"
	case strings.HasPrefix(pk, queueKeyHead+"#") && sk != keyHead:
		return "waiter"
	case pk == keyErasures:
		return "erasure"
	case pk == keyDeletions:
		return "deletion"
	case pk == keyDeleted:
		return "deleted tenant"
	case pk == keyTenants:
		return "tenant"
	case strings.HasPrefix(pk, booksKeyHead) && sk != keyAudited:
		return "checkpoint"
	case strings.HasPrefix(pk, registerKeyHead):
		return "registration"
	case pk == keyClosings:
		return "closing batch"
	case strings.HasPrefix(pk, keyClosings+"#"):
		return "closing"
	case strings.HasPrefix(pk, rateKeyHead):
		return "rate"
	case strings.HasPrefix(pk, signalsKeyHead):
		return "note"
	case strings.HasPrefix(pk, levelsKeyHead), strings.HasPrefix(pk, raisedHead):
		return "level"
	case strings.HasPrefix(pk, lanesKeyHead):
		return "lane"
	case strings.HasPrefix(pk, deliveryKeyHead):
		return "delivery"
	case strings.HasSuffix(sk, suffixOutcome):
		return "outcome"
	}
	return kind(sk)
}

func describeQuery(in *dynamodb.QueryInput) Call {
	c := Call{Consistent: aws.ToBool(in.ConsistentRead), Table: aws.ToString(in.TableName)}
	values := reader{item: in.ExpressionAttributeValues}
	for _, name := range []string{":pk", ":tenant", ":part", ":lobby", ":shard"} {
		if c.PK == "" {
			c.PK = values.text(name)
		}
	}
	of := ""
	for _, name := range []string{":prefix", ":from", ":kind", ":key", ":after", ":day"} {
		if of == "" {
			of = kindOf(c.PK, values.text(name))
		}
	}
	switch {
	case in.IndexName != nil:
		of = *in.IndexName
	case strings.HasPrefix(c.PK, poolKeyHead+"#"):
		of = "pool"
	case strings.HasPrefix(c.PK, queueKeyHead+"#"):
		of = "queue"
	}
	c.Name = "query " + of
	return c
}

func describeTransaction(writes []types.TransactWriteItem) Call {
	var names []string
	var c Call
	for _, one := range writes {
		var of Call
		switch {
		case one.Put != nil:
			of = describe("put", "", one.Put.TableName, one.Put.Item, true, nil)
		case one.Delete != nil:
			of = describe("delete", "", one.Delete.TableName, one.Delete.Key, true, nil)
		case one.Update != nil:
			of = describe("update", "", one.Update.TableName, one.Update.Key, true, nil)
		}
		if c.Name == "" {
			c = of
		}
		names = append(names, of.Name)
	}
	c.Name = strings.Join(names, " and ")
	return c
}
