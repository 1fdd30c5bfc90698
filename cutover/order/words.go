package order

import "strings"

// The vocabulary. Each list of words is a type of its own; the decoder refuses
// a word that its list does not have.
type (
	// Kind says which way an order carries its numbers.
	Kind string
	// Scope says whether the whole account moves.
	Scope string
	// Purpose is what a cutover of an order is for.
	Purpose string
	// Mode is what sets the instant of a flip.
	Mode string
	// OnClose is what happens when a window ends without a flip.
	OnClose string
	// ExceptionKind is what the world holds against a port.
	ExceptionKind string
	// Side is one of the two providers of a port.
	Side string
	// ValidationState is how the losing provider's check of the account stands.
	ValidationState string
	// TaskState is how a thing beside the calls stands.
	TaskState string
	// Phase is how far the cutover of an order is.
	Phase string
	// Role is what a person may do.
	Role string
	// Action is what a proposal asks for.
	Action string
	// Severity is how much a finding weighs.
	Severity string
	// SignalKind is what was observed of a port.
	SignalKind string
)

const (
	PortIn  Kind = "port_in"
	PortOut Kind = "port_out"

	Full    Scope = "full"
	Partial Scope = "partial"

	Arrive Purpose = "port_in"  // legacy, then speakops
	Return Purpose = "snapback" // speakops, then legacy
	Depart Purpose = "port_out" // speakops, then nobody

	Scheduled  Mode = "scheduled"   // at an instant fixed when armed
	Manual     Mode = "manual"      // when an operator says so
	OnEvidence Mode = "on_evidence" // when an accepted signal says so

	FlipOnClose OnClose = "flip"
	PageOnClose OnClose = "page"

	Rejection  ExceptionKind = "rejected" // refused by the losing provider
	JeopardyOf ExceptionKind = "jeopardy" // the due date will not be met
	ConflictOf ExceptionKind = "conflict" // disputed at the registry

	Losing  Side = "losing"
	Gaining Side = "gaining"

	NotStarted ValidationState = "not_started"
	Pending    ValidationState = "pending"
	Validated  ValidationState = "validated"
	Failed     ValidationState = "failed"

	Open      TaskState = "open"
	Done      TaskState = "done"
	NotNeeded TaskState = "not_needed"

	Arming     Phase = "arming"      // proposed, not yet journaled by every member
	Armed      Phase = "armed"       // will flip by itself
	Cancelling Phase = "cancelling"  // must not flip, and still may
	Flipped    Phase = "flipped"     // the new side holds the numbers
	RolledBack Phase = "rolled_back" // the old side holds them again; the world has not changed

	Viewer   Role = "viewer"
	Operator Role = "operator"
	Approver Role = "approver"

	ArmAction      Action = "arm"
	RollbackAction Action = "rollback"

	Error   Severity = "error"   // blocks
	Warning Severity = "warning" // must be acknowledged by its name

	ProviderWebhook SignalKind = "provider_webhook" // the provider's signed word that the port is done
	RoutingNumber   SignalKind = "routing_number"   // an INVITE that carried rn, or npdi without rn
	NativeIngress   SignalKind = "native_ingress"   // a call for the number that nobody forwarded
)

func (Kind) words() []string          { return []string{"port_in", "port_out"} }
func (Scope) words() []string         { return []string{"full", "partial"} }
func (Purpose) words() []string       { return []string{"port_in", "snapback", "port_out"} }
func (Mode) words() []string          { return []string{"scheduled", "manual", "on_evidence"} }
func (OnClose) words() []string       { return []string{"flip", "page"} }
func (ExceptionKind) words() []string { return []string{"rejected", "jeopardy", "conflict"} }
func (Side) words() []string          { return []string{"losing", "gaining"} }
func (ValidationState) words() []string {
	return []string{"not_started", "pending", "validated", "failed"}
}
func (TaskState) words() []string { return []string{"open", "done", "not_needed"} }
func (Phase) words() []string {
	return []string{"arming", "armed", "cancelling", "flipped", "rolled_back"}
}
func (Role) words() []string     { return []string{"viewer", "operator", "approver"} }
func (Action) words() []string   { return []string{"arm", "rollback"} }
func (Severity) words() []string { return []string{"error", "warning"} }
func (SignalKind) words() []string {
	return []string{"provider_webhook", "routing_number", "native_ingress"}
}

// worded is a type of this vocabulary.
type worded interface{ words() []string }

func known(w worded, s string) bool {
	for _, word := range w.words() {
		if word == s {
			return true
		}
	}
	return false
}

func oneOf(w worded) string { return "write one of " + strings.Join(w.words(), ", ") }
