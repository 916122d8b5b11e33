package template

// KeyType is the role of an attribute in a key.
type KeyType string

// The roles.
const (
	KeyTypeHash  KeyType = "HASH"
	KeyTypeRange KeyType = "RANGE"
)

// AttributeType is the type of a key attribute.
type AttributeType string

// DynamoDB's types of key attributes.
const (
	AttributeTypeString AttributeType = "S"
	AttributeTypeNumber AttributeType = "N"
	AttributeTypeBinary AttributeType = "B"
)

// BillingMode is how a table's throughput is charged.
type BillingMode string

// DynamoDB's billing modes. The default is BillingModeProvisioned.
const (
	BillingModeOnDemand    BillingMode = "PAY_PER_REQUEST"
	BillingModeProvisioned BillingMode = "PROVISIONED"
)

// ProjectionType tells which attributes an index contains.
type ProjectionType string

// DynamoDB's projections.
const (
	ProjectionTypeAll      ProjectionType = "ALL"
	ProjectionTypeKeysOnly ProjectionType = "KEYS_ONLY"
	ProjectionTypeInclude  ProjectionType = "INCLUDE"
)

// StreamView tells what a table's stream contains of a changed item.
type StreamView string

// DynamoDB's stream views; StreamViewNone is a table without a stream.
const (
	StreamViewNone            StreamView = ""
	StreamViewKeysOnly        StreamView = "KEYS_ONLY"
	StreamViewNewImage        StreamView = "NEW_IMAGE"
	StreamViewOldImage        StreamView = "OLD_IMAGE"
	StreamViewNewAndOldImages StreamView = "NEW_AND_OLD_IMAGES"
)

// Table is one DynamoDB table.
type Table struct {
	ID         LogicalID
	Attributes []Attribute
	Key        []KeyPart
	Indexes    []Index
	Billing    BillingMode
	// TTLAttribute has the second since 1970 after which an item expires; empty: no expiry.
	TTLAttribute string
	StreamView   StreamView
}

// Attribute is the type of an attribute that a key uses.
type Attribute struct {
	Name string
	Type AttributeType
}

// KeyPart is one attribute of a key.
type KeyPart struct {
	Attribute string
	Type      KeyType
}

// Index is a global secondary index.
type Index struct {
	Name       string
	Key        []KeyPart
	Projection ProjectionType
	// Included are the attributes of a ProjectionTypeInclude.
	Included []string
}

func (p *parser) table(id LogicalID, properties value) Table {
	t := Table{ID: id, Billing: BillingModeProvisioned}
	for _, a := range properties.required("AttributeDefinitions").list() {
		t.Attributes = append(t.Attributes, Attribute{
			Name: a.required("AttributeName").text(),
			Type: oneOf(a.required("AttributeType"), AttributeTypeString, AttributeTypeNumber, AttributeTypeBinary),
		})
	}
	t.Key = key(properties.required("KeySchema"))
	for _, i := range properties.get("GlobalSecondaryIndexes").list() {
		projection := i.required("Projection")
		index := Index{
			Name:       i.required("IndexName").text(),
			Key:        key(i.required("KeySchema")),
			Projection: oneOf(projection.required("ProjectionType"), ProjectionTypeAll, ProjectionTypeKeysOnly, ProjectionTypeInclude),
		}
		for _, name := range projection.get("NonKeyAttributes").list() {
			index.Included = append(index.Included, name.text())
		}
		t.Indexes = append(t.Indexes, index)
	}
	if billing := properties.get("BillingMode"); billing.exists() {
		t.Billing = oneOf(billing, BillingModeOnDemand, BillingModeProvisioned)
	}
	if ttl := properties.get("TimeToLiveSpecification"); ttl.exists() && ttl.required("Enabled").text() == "true" {
		t.TTLAttribute = ttl.required("AttributeName").text()
	}
	if stream := properties.get("StreamSpecification"); stream.exists() {
		t.StreamView = oneOf(stream.required("StreamViewType"),
			StreamViewKeysOnly, StreamViewNewImage, StreamViewOldImage, StreamViewNewAndOldImages)
	}
	for _, k := range t.keyParts() {
		if !t.defines(k.Attribute) {
			properties.fail("key attribute %q is not among the AttributeDefinitions", k.Attribute)
		}
	}
	return t
}

func key(schema value) []KeyPart {
	var parts []KeyPart
	for _, k := range schema.list() {
		parts = append(parts, KeyPart{
			Attribute: k.required("AttributeName").text(),
			Type:      oneOf(k.required("KeyType"), KeyTypeHash, KeyTypeRange),
		})
	}
	return parts
}

func (t Table) keyParts() []KeyPart {
	parts := append([]KeyPart(nil), t.Key...)
	for _, i := range t.Indexes {
		parts = append(parts, i.Key...)
	}
	return parts
}

func (t Table) defines(attribute string) bool {
	for _, a := range t.Attributes {
		if a.Name == attribute {
			return true
		}
	}
	return false
}
