package observe

// Metric names as OpenTelemetry has them. Prometheus shows them with
// underscores, the unit, and _total behind a counter: sipedge_calls_total.
const (
	nameCalls       = "sipedge.calls"
	nameRefusals    = "sipedge.refusals"
	nameAnswers     = "sipedge.answers"
	nameAttempts    = "sipedge.attempts"
	nameRescues     = "sipedge.rescues"
	nameDrops       = "sipedge.drops"
	nameMessages    = "sipedge.messages"
	namePanics      = "sipedge.panics"
	nameRecordsLost = "sipedge.records.lost"
	nameRecordsDown = "sipedge.records.failing"

	nameOneWay       = "sipedge.media.one_way"
	nameStreams      = "sipedge.media.streams"
	nameHeard        = "sipedge.media.heard"
	nameMediaPackets = "sipedge.media.packets"
	nameMediaCalls   = "sipedge.media.calls"
	nameMediaPorts   = "sipedge.media.ports"
	nameMediaJitter  = "sipedge.media.jitter"

	nameInFlight   = "sipedge.in_flight"
	nameHeld       = "sipedge.held"
	nameDialogs    = "sipedge.dialogs"
	nameReady      = "sipedge.ready"
	nameNumbers    = "sipedge.numbers"
	nameTableAge   = "sipedge.table.age"
	nameClockError = "sipedge.clock.error"
	nameGatewayUp  = "sipedge.gateway.up"
	nameMisrouted  = "sipedge.misrouted"
	nameCertExpiry = "sipedge.certificate.expiry"
	nameRevision   = "sipedge.fleet.revision"
	nameServing    = "sipedge.fleet.serving"
	nameUnresolved = "sipedge.fleet.unresolved"
	nameNextStep   = "sipedge.cutover.next"

	nameSetupTime     = "sipedge.setup.time"
	namePostDialDelay = "sipedge.post_dial.delay"
	nameQueueDelay    = "sipedge.queue.delay"

	labelLog       = "log"
	labelDirection = "direction"
	labelWhere     = "where"
	labelResult    = "result"
	labelListener  = "listener"
	labelNotHeard  = "not_heard"
	labelSound     = "sound"

	// Other takes the place of a word or a name outside the fixed sets.
	Other = "other"
)

// codes are the answers counted one by one; the rest by class, as "4xx".
var codes = []int{
	100, 180, 181, 182, 183, 199, 200, 202, 204, 400, 401, 403, 404, 405, 407, 408, 410, 413, 415, 416, 420, 421, 422, 423, 429, 433, 436, 437, 438,
	480, 481, 482, 483, 484, 485, 486, 487, 488, 491, 500, 501, 502, 503, 504, 505, 513, 580, 600, 603, 604, 606, 607, 608,
}
