package ladder

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/transport/memnet"
)

const invites = "../../sipedge/profile/testdata/invites"

// reading is one row of readings.csv, by column.
type reading map[string]string

func readings(t testing.TB) (rows []reading) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(invites, "readings.csv"))
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(bytes.NewReader(b))
	r.Comment = '#'
	all, err := r.ReadAll()
	if err != nil || len(all) < 30 {
		t.Fatal(len(all), err)
	}
	for _, cells := range all[1:] {
		row := reading{}
		for i, name := range all[0] {
			row[name] = cells[i]
		}
		rows = append(rows, row)
	}
	return rows
}

// providerInvite is what a provider sends, byte for byte.
func providerInvite(t testing.TB, file string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(invites, file+".sip"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// trunk edits the configuration: the caller's trunk is of this profile, country
// ("" for none) and trust.
func trunk(profile, country, trust string, more ...string) []string {
	at := "    profile: " + profile + "\n"
	if country != "" {
		at += "    default_country: " + country + "\n"
	}
	return append([]string{"    default_country: US\n", at, "{ identity: true, test_override: true, diagnostics: true }", "{ " + trust + " }"}, more...)
}

// Trust of a trunk that is believed, and of one that is not.
const (
	believed = "identity: true, routing_number: true"
	stranger = "identity: false"
)

// raw records what reaches an address as bytes; the actors' parser is too kind
// to blanks and to the case of names.
func (h *H) raw(to *Actor) func(method string) string {
	var got []string
	h.Net.Tap(func(p memnet.Packet) {
		if p.To == to.Addr && !p.Lost {
			got = append(got, string(p.Data))
		}
	})
	return func(method string) string {
		h.T.Helper()
		for _, text := range got {
			if strings.HasPrefix(text, method+" ") {
				return text
			}
		}
		h.T.Fatalf("%s got no %s", to.Name, method)
		return ""
	}
}

// offerRaw sends a provider's INVITE; the gateway gets it.
func (h *H) offerRaw(caller, gateway *Actor, text string) sip.Message {
	h.T.Helper()
	caller.SendRaw(text)
	wait()
	caller.Want("100")
	return gateway.Want("INVITE")
}

// desk makes the table believe the British number of the corpus too.
func (h *H) desk() {
	h.Number(routing.Number{PublicNumber: 442079460123, RoutingAuthority: routing.SpeakOps, PortingState: routing.Settled})
}

// message is a text cut into its start line, header fields (folded lines
// together, line ends off) and body.
type message struct {
	start  string
	fields []string
	body   string
}

func cut(text string) (m message) {
	head, body, _ := strings.Cut(text, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	m.start, m.body = lines[0], body
	for _, line := range lines[1:] {
		if n := len(m.fields); n > 0 && (line[0] == ' ' || line[0] == '\t') {
			m.fields[n-1] += "\r\n" + line
			continue
		}
		m.fields = append(m.fields, line)
	}
	return m
}

func fieldName(field string) string {
	name, _, _ := strings.Cut(field, ":")
	return strings.ToLower(strings.TrimSpace(name))
}

// named are the fields of one name as they were written.
func (m message) named(name string) (list []string) {
	for _, f := range m.fields {
		if fieldName(f) == strings.ToLower(name) {
			list = append(list, f)
		}
	}
	return list
}

// rest is a request without what the edge puts into it, or changes in it: the
// rest of what came and the rest of what went on must be equal. A line end in
// the middle of a folded field becomes blanks of the same length.
func (m message) rest(forwarded bool) (rest []string) {
	vias, records := 0, 0
	for _, f := range m.fields {
		switch fieldName(f) {
		case "via", "v":
			if vias++; vias == 1 || forwarded && vias == 2 {
				continue // ours, and the one we have completed
			}
		case "record-route":
			if records++; forwarded && records == 1 {
				continue
			}
		case "max-forwards", "max-breadth", "content-length", "l":
			continue
		}
		rest = append(rest, strings.ReplaceAll(f, "\r\n", "  "))
	}
	return rest
}
