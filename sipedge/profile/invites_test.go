package profile_test

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/speakops/sipedge/configs"
	"github.com/speakops/sipedge/routing/e164"
	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/profile"
)

// reading is one row of readings.csv, by column: how an INVITE beside it must be
// understood. The INVITEs are shaped like what providers' trunks send, written
// with documentation numbers and addresses.
type reading map[string]string

func readings(t testing.TB) (rows []reading) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "invites", "readings.csv"))
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(bytes.NewReader(b))
	r.Comment = '#'
	all, err := r.ReadAll()
	if err != nil || len(all) < 2 {
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

func TestInvitesAreUnderstood(t *testing.T) {
	for _, r := range readings(t) {
		t.Run(r["file"]+" as "+r["profile"], func(t *testing.T) {
			p, plan, m := shipped(t, r["profile"], r["places"]), planOf(t, r["country"]), invite(t, r["file"])
			d, err := p.Called(m, plan)
			if err != nil || d.Number.String() != r["number"] {
				t.Errorf("called %s (%v), want %s", d.Number, err, r["number"])
			}
			if d.RN.String() != r["rn"] || d.NPDI != (r["npdi"] == "yes") || string(d.CIC) != r["cic"] {
				t.Errorf("rn %q npdi %v cic %q, want %q %q %q", d.RN, d.NPDI, d.CIC, r["rn"], r["npdi"], r["cic"])
			}
			if got := p.Caller(m, plan, true); got.String() != r["caller"] {
				t.Errorf("trusted caller %q, want %q", got, r["caller"])
			}
			if got := p.Caller(m, plan, false); got.String() != r["from"] {
				t.Errorf("caller %q, want %q", got, r["from"])
			}
			if got := gone(m, p.Inward(true)); got != r["trusted"] {
				t.Errorf("trusted, these do not pass: %s\nwant: %s", got, r["trusted"])
			}
			if got := gone(m, p.Inward(false)); got != r["strange"] {
				t.Errorf("untrusted, these do not pass: %s\nwant: %s", got, r["strange"])
			}
		})
	}
}

func TestEveryInviteIsRead(t *testing.T) {
	known := map[string]bool{}
	for _, r := range readings(t) {
		known[r["file"]+".sip"] = true
	}
	for _, file := range files(t) {
		if name := filepath.Base(file); !known[name] && !strings.HasPrefix(name, "emergency_") {
			t.Errorf("%s has no reading", name)
		}
	}
}

func TestEmergencyInvites(t *testing.T) {
	for _, file := range []string{"emergency_911", "emergency_plus", "emergency_tel", "emergency_urn"} {
		for _, name := range configs.ShippedProfiles() {
			for _, country := range []string{"", "US", "GB"} {
				d, err := shipped(t, name, "").Called(invite(t, file), planOf(t, country))
				if file == "emergency_plus" && country == "GB" {
					continue // +1911 is nothing to a British plan
				}
				if err != profile.ErrEmergency || d.Number != 0 {
					t.Errorf("%s on a %s trunk in %q: %s %v", file, name, country, d.Number, err)
				}
			}
		}
	}
}

func TestPSAPInvites(t *testing.T) {
	for _, file := range files(t) {
		name := strings.TrimSuffix(filepath.Base(file), ".sip")
		if got, want := profile.PSAPCallback(invite(t, name)), strings.HasPrefix(name, "psap_"); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// gone names the headers of m that a set takes away, as they are written.
func gone(m *message.Message, set *message.HeaderSet) string {
	var names []string
	for i := range m.Headers {
		if set.Has(&m.Headers[i]) {
			names = append(names, string(m.Headers[i].Name))
		}
	}
	return strings.Join(names, " ")
}

// shipped is a profile as it comes with the program, its places of the called
// number replaced where a trunk needs others.
func shipped(t testing.TB, name, places string) *profile.Profile {
	t.Helper()
	edge := configs.Default()
	written, ok := edge.Profile(name)
	if !ok {
		t.Fatalf("no profile %s", name)
	}
	if places != "" {
		written.Called = strings.Fields(places)
	}
	p, err := configs.CompileProfile(written)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func planOf(t testing.TB, country string) (p e164.Plan) {
	t.Helper()
	if country == "" {
		return p
	}
	p, ok := e164.PlanFor(country)
	if !ok {
		t.Fatalf("no plan for %s", country)
	}
	return p
}

func files(t testing.TB) []string {
	t.Helper()
	list, err := filepath.Glob("testdata/invites/*.sip")
	if err != nil || len(list) < 30 {
		t.Fatalf("%d files, %v", len(list), err)
	}
	return list
}

func invite(t testing.TB, name string) *message.Message {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "invites", name+".sip"))
	if err != nil {
		t.Fatal(err)
	}
	m := new(message.Message)
	if err := m.Parse(b); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return m
}
