package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// What is wrong with a request is said before any desk is asked: here is none,
// and asking it would be a 500.
func TestBadRequestsAboutCutovers(t *testing.T) {
	s, err := newServer(Options{Tokens: tokens}, Parts{Health: &house{}, Resources: everything()})
	if err != nil {
		t.Fatal(err)
	}
	digest := strings.Repeat("0", 64)
	for _, c := range []struct {
		name  string
		ask   ask
		code  int
		word  string
		where string
	}{
		{"a plan of nothing", ask{method: "POST", path: "/v1/plans", body: `{"text":""}`}, 422, "invalid", "body.text"},
		{"a plan of the wrong shape", ask{method: "POST", path: "/v1/plans", body: `{"order":{}}`}, 422, "invalid", "body"},
		{"a plan too long", ask{method: "POST", path: "/v1/plans", body: strings.Repeat(" ", maxPlan+1)}, 413, "body_too_large", ""},
		{"an event that is no JSON", ask{method: "POST", path: "/v1/orders/o-1/events", body: `{"event"`}, 400, "bad_request", ""},
		{"a proposal of what", ask{path: "/v1/cutovers/c-7/proposal"}, 422, "invalid", "query.action"},
		{"a proposal of something else", ask{path: "/v1/cutovers/c-7/proposal?action=delete"}, 422, "invalid", "query.action"},
		{"a move to nowhere", ask{path: "/v1/cutovers/c-7/proposal?action=move"}, 422, "invalid", ""},
		{"an arming at an instant", ask{path: "/v1/cutovers/c-7/proposal?action=arm&at=now"}, 422, "invalid", ""},
		{"an approval of nothing read", ask{method: "POST", path: "/v1/cutovers/c-7/approve", token: aToken, body: `{"action":"arm"}`}, 422, "invalid", "body"},
		{"of something short", ask{method: "POST", path: "/v1/cutovers/c-7/approve", token: aToken, body: `{"action":"arm","digest":"0"}`}, 422, "invalid", "body.digest"},
		{"of a flip", ask{method: "POST", path: "/v1/cutovers/c-7/approve", token: aToken, body: `{"action":"flip","digest":"` + digest + `"}`}, 422, "invalid", "body.action"},
		{"by an operator", ask{method: "POST", path: "/v1/cutovers/c-7/approve", body: `{"action":"arm","digest":"` + digest + `"}`}, 403, "wrong_role", ""},
		{"an arming of nothing read", ask{method: "POST", path: "/v1/cutovers/c-7/arm", body: `{}`}, 422, "invalid", "body"},
		{"a flip by a viewer", ask{method: "POST", path: "/v1/cutovers/c-7/flip", token: vToken, body: `{"digest":"` + digest + `"}`}, 403, "wrong_role", ""},
		{"a move without an instant", ask{method: "POST", path: "/v1/cutovers/c-7/move", body: `{"digest":"` + digest + `"}`}, 422, "invalid", "body"},
		{"no warnings", ask{method: "POST", path: "/v1/cutovers/c-7/acknowledge", body: `{"warnings":[],"because":"x"}`}, 422, "invalid", "body.warnings"},
		{"no reason for them", ask{method: "POST", path: "/v1/cutovers/c-7/acknowledge", body: `{"warnings":["x"]}`}, 422, "invalid", "body"},
		{"an edge off without its name", ask{method: "POST", path: "/v1/edges/edge-2~x/declare-off", body: `{"reason":"dead","confirm":"edge-3~x"}`}, 422, "not_confirmed", ""},
		{"an edge off for no reason", ask{method: "POST", path: "/v1/edges/edge-2~x/declare-off", body: `{"confirm":"edge-2~x"}`}, 422, "invalid", "body"},
		{"a chain without a word", ask{method: "POST", path: "/v1/chain/init", body: `{"reason":"first","confirm":false}`}, 422, "not_confirmed", ""},
		{"a journal without an end", ask{path: "/v1/journal?limit=1001"}, 422, "invalid", "query.limit"},
		{"a cutover does not go by GET", ask{path: "/v1/cutovers/c-7/flip"}, 405, "wrong_method", ""},
	} {
		if c.ask.token == "" {
			c.ask.token = oToken
		}
		w := s.ask(c.ask)
		var p Problem
		_ = json.Unmarshal(w.Body.Bytes(), &p)
		if w.Code != c.code || because(t, w) != c.word {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
		if c.where != "" && (len(p.Errors) == 0 || p.Errors[0].Location != c.where) {
			t.Errorf("%s: it does not say where: %s", c.name, w.Body)
		}
	}
}

// teller hears what an order is told, and by whom.
type teller struct {
	OrderDesk
	by    Person
	id    string
	event string
	key   string
}

func (d *teller) Tell(ctx context.Context, by Person, id string, event json.RawMessage) (Order, error) {
	d.by, d.id, d.event, d.key = by, id, string(event), OperationOf(ctx)
	return Order{Order: id}, nil
}

// Who asks, the name of the change and the very document arrive at the desk.
func TestWhatArrivesAtTheDesk(t *testing.T) {
	d := &teller{}
	s, err := newServer(Options{Tokens: tokens}, Parts{Health: &house{}, Resources: []Resource{OrdersBy(d)}})
	if err != nil {
		t.Fatal(err)
	}
	event := `{"event":"foc_received","foc":{"version":"2","due":{"local":"2026-03-03T10:00:00","zone":"America/Chicago"}}}`
	w := s.ask(ask{method: "POST", path: "/v1/orders/o%2D1/events", token: aToken, body: event, header: http.Header{idempotencyHeader: {"k7"}}})
	if w.Code != 200 || d.by != (Person{"ops-bo", Approver}) || d.id != "o-1" || d.event != event || d.key != "ops-bo/k7" {
		t.Errorf("%d %s: %+v", w.Code, w.Body, d)
	}
}
