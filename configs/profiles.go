package configs

import (
	"embed"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/speakops/sipedge/sipedge/profile"
)

//go:embed profiles/*.yaml
var profileFiles embed.FS

var (
	shippedOnce sync.Once
	shippedAll  map[string]Profile
)

// shipped are the profiles that come with the program, by name. They are read
// once; a mistake in them is a mistake of the build, and a test reads them all.
func shipped() map[string]Profile {
	shippedOnce.Do(readShipped)
	return shippedAll
}

func readShipped() {
	shippedAll = map[string]Profile{}
	shippedOne("generic.yaml", Profile{})
	files, err := profileFiles.ReadDir("profiles")
	if err != nil {
		panic(err)
	}
	for _, f := range files {
		if f.Name() != "generic.yaml" {
			shippedOne(f.Name(), shippedAll["generic"])
		}
	}
}

// shippedOne reads one file on top of a base, field by field.
func shippedOne(file string, p Profile) {
	data, err := profileFiles.ReadFile(path.Join("profiles", file))
	if err != nil {
		panic(err)
	}
	p.Outcomes = maps.Clone(p.Outcomes)
	d := newDecoder(file, func(string) (string, bool) { return "", false }, nil)
	if d.document(data, &p); len(d.mistakes) > 0 {
		panic(Mistakes(d.mistakes))
	}
	shippedAll[p.Name] = p
}

// ShippedProfiles are the names of the profiles that come with the program.
func ShippedProfiles() []string { return slices.Sorted(maps.Keys(shipped())) }

// Profile is a profile by name: the edge's own, or a shipped one.
func (e *Edge) Profile(name string) (Profile, bool) {
	for _, p := range e.Profiles {
		if p.Name == name {
			return p, true
		}
	}
	p, ok := shipped()[name]
	return p, ok
}

func (e *Edge) profileNames() []string {
	names := ShippedProfiles()
	for _, p := range e.Profiles {
		if !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	return names
}

// CompileProfile turns a written profile into one that is ready for calls. The
// error is every fault of it, with the field at fault.
func CompileProfile(p Profile) (*profile.Profile, error) {
	compiled, faults := compileProfile(p)
	if len(faults) == 0 {
		return compiled, nil
	}
	lines := make([]string, len(faults))
	for i, f := range faults {
		lines[i] = f.Field + ": " + f.Problem + "; " + f.Remedy
	}
	return nil, fmt.Errorf("configs: profile %s: %s", p.Name, strings.Join(lines, "\n"))
}

// CompileProfiles compiles the profile of every trunk, by name.
func (e *Edge) CompileProfiles() (map[string]*profile.Profile, error) {
	all := map[string]*profile.Profile{}
	for _, t := range e.Trunks {
		if all[t.Profile] != nil {
			continue
		}
		written, ok := e.Profile(t.Profile)
		if !ok {
			return nil, fmt.Errorf("configs: trunk %s: there is no profile %q", t.ID, t.Profile)
		}
		compiled, err := CompileProfile(written)
		if err != nil {
			return nil, err
		}
		all[t.Profile] = compiled
	}
	return all, nil
}

func compileProfile(p Profile) (*profile.Profile, []profile.Fault) {
	s := profile.Spec{
		Name: p.Name, KeepFinals: p.Translate == "keep", RetriesOn: p.RetriesOn, MergeKey: p.MergeKey,
		StripUntrusted: p.Headers.StripUntrusted, StripTrusted: p.Headers.StripTrusted,
		StripGateway: p.Headers.StripGateway, StripUpstream: p.Headers.StripUpstream,
		Answers: map[profile.Outcome]profile.Answer{},
	}
	var faults []profile.Fault
	unknown := func(field, word string, known []string) {
		faults = append(faults, profile.Fault{Field: field, Problem: quote(word) + " is not known here", Remedy: suggest(word, known)})
	}
	for i, word := range p.Called {
		pl, ok := profile.ParsePlace(word)
		if !ok {
			unknown("called["+strconv.Itoa(i)+"]", word, profile.PlaceNames())
		}
		s.Called = append(s.Called, pl)
	}
	var ok bool
	if s.NumberFormat, ok = profile.ParseFormat(p.NumberFormat); !ok {
		unknown("number_format", p.NumberFormat, profile.FormatNames())
	}
	if !slices.Contains([]string{"keep", "outcomes"}, p.Translate) {
		unknown("translate", p.Translate, []string{"keep", "outcomes"})
	}
	switch p.Late2xx {
	case "forward":
	case "ack_bye":
		s.Late = profile.LateAckBye
	default:
		unknown("late_2xx", p.Late2xx, []string{"forward", "ack_bye"})
	}
	for _, word := range slices.Sorted(maps.Keys(p.Outcomes)) {
		o, ok := profile.ParseOutcome(word)
		if !ok {
			unknown("outcomes."+word, word, profile.OutcomeNames())
			continue
		}
		w := p.Outcomes[word]
		s.Answers[o] = profile.Answer{Code: w.Code, Reason: w.Reason, Cause: w.Cause, RetryAfter: w.RetryAfter}
	}
	compiled, more := profile.New(s)
	return compiled, append(faults, more...)
}

// profiles checks the edge's own profiles.
func (c *checker) profiles() {
	names := map[string]int{}
	for i, p := range c.edge.Profiles {
		path := at("profiles", i)
		if first, twice := names[p.Name]; twice && p.Name != "" {
			c.mistake(under(path, "name"), fmt.Sprintf("%s is already the profile on line %d", quote(p.Name), c.lineOf(at("profiles", first))), "give each its own name")
		}
		names[p.Name] = i
		if !c.given(under(path, "name")) {
			c.mistake(under(path, "name"), "is missing", "name the shipped profile to change, or a new one and its base")
		} else {
			c.id(under(path, "name"), p.Name)
		}
		if base := c.given(under(path, "base")); base || p.Base != "" {
			if _, ok := shipped()[p.Base]; !ok {
				c.mistake(under(path, "base"), c.show(under(path, "base"), p.Base)+" is not a shipped profile", suggest(p.Base, ShippedProfiles()))
			}
		}
		c.profile(path, p)
	}
}

func (c *checker) profile(path string, p Profile) {
	for i, code := range p.RetriesOn {
		c.between(at(under(path, "retries_on"), i), code, 300, 699)
	}
	if p.MergeKey != "" && !headerForm.MatchString(p.MergeKey) {
		c.mistake(under(path, "merge_key"), c.show(under(path, "merge_key"), p.MergeKey)+" is not a header name", "write a name such as X-Call-Key")
	}
	for _, strip := range []struct {
		leaf  string
		names []string
	}{
		{"strip_untrusted", p.Headers.StripUntrusted}, {"strip_trusted", p.Headers.StripTrusted},
		{"strip_gateway", p.Headers.StripGateway}, {"strip_upstream", p.Headers.StripUpstream},
	} {
		for i, name := range strip.names {
			c.header(at(under(path, "headers."+strip.leaf), i), name, true)
		}
	}
	_, faults := compileProfile(p)
	for _, f := range faults {
		c.mistake(under(path, f.Field), f.Problem, f.Remedy)
	}
}

func (c *checker) profileRef(path, name string) {
	if _, ok := c.edge.Profile(name); !ok {
		c.mistake(path, "there is no profile "+c.show(path, name), suggest(name, c.edge.profileNames()))
	}
}
