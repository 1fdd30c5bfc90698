package routing

// LegacyTarget says how a legacy route reaches the old provider. Dialling the
// same number over the PSTN after activation would bring the call back to us.
type LegacyTarget uint8

const (
	DirectSIP LegacyTarget = iota
	ShadowDID
	RNPinned
	PSTNSameTN
)

// Route is where an authority's calls go.
type Route struct {
	ID        RouteID
	Authority RoutingAuthority
	Target    LegacyTarget
	Builtin   string // "testline", or "" for gateways
	Gateways  []Gateway
	Rescue    bool // when every gateway fails, the other authority may be asked where the port allows it
}

// Gateway is one next hop. Index is its place in the edge-wide list of
// gateways, by which health is known.
type Gateway struct {
	ID       GatewayID
	Index    int
	Priority int // lower first
	Weight   int // share among equal priorities; 0 means only when no other is left
}

// MaxAttempts bounds how many gateways of a route one call can try.
const MaxAttempts = 8

// Order is a list of indexes into Route.Gateways, by value, so that a decision allocates nothing.
type Order struct {
	N  uint8
	At [MaxAttempts]uint16
}
