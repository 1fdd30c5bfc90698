package admin

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/e164"
	"github.com/speakops/sipedge/routing/feed"
)

// NumberTable is what this edge believes; *routing.Table is one.
type NumberTable interface {
	Get(routing.PublicNumber) (routing.Number, bool)
	Range(func(routing.Number) bool)
}

// NumberStore writes number records; *feed.Store is one.
type NumberStore interface {
	Get(context.Context, routing.PublicNumber) (routing.Number, bool, error)
	Import(context.Context, []feed.Row, feed.ImportOptions) (feed.Summary, error)
	Delete(ctx context.Context, operation string, n routing.PublicNumber, expect feed.Expect) (feed.Result, error)
}

// NumberRecord is what is believed about one public_number.
type NumberRecord struct {
	PublicNumber           string     `json:"public_number" example:"+12025550143"`
	NumberType             string     `json:"number_type,omitempty" enum:"local,mobile,toll_free"`
	PortingState           string     `json:"porting_state,omitempty"`
	RoutingAuthority       string     `json:"routing_authority" enum:"legacy,speakops,none"`
	OriginalAssignee       string     `json:"original_assignee,omitempty"`
	CurrentServingProvider string     `json:"current_serving_provider,omitempty"`
	LosingProvider         string     `json:"losing_provider,omitempty"`
	UnderlyingCarrier      string     `json:"underlying_carrier,omitempty"`
	CustomerAssignment     string     `json:"customer_assignment,omitempty"`
	LRN                    string     `json:"lrn,omitempty"`
	LegacyRoute            string     `json:"legacy_route,omitempty"`
	SpeakOpsRoute          string     `json:"speakops_route,omitempty"`
	Override               string     `json:"override,omitempty" enum:"force_legacy,force_speakops,block"`
	OverrideFrom           *time.Time `json:"override_from,omitempty"`
	OverrideUntil          *time.Time `json:"override_until,omitempty"`
	OverrideReason         string     `json:"override_reason,omitempty"`
	OverrideAuthor         string     `json:"override_author,omitempty"`
	Revision               uint64     `json:"revision" doc:"Microseconds of store time; send it as If-Match to write over this one and no other."`
}

func recordOf(n *routing.Number) NumberRecord {
	r := NumberRecord{
		PublicNumber: n.PublicNumber.String(), NumberType: known(n.NumberType.String()), PortingState: n.PortingState.String(),
		RoutingAuthority: n.RoutingAuthority.String(), OriginalAssignee: string(n.OriginalAssignee),
		CurrentServingProvider: string(n.CurrentServingProvider), LosingProvider: string(n.LosingProvider),
		UnderlyingCarrier: string(n.UnderlyingCarrier), CustomerAssignment: string(n.CustomerAssignment), LRN: n.LRN,
		LegacyRoute: string(n.LegacyRoute), SpeakOpsRoute: string(n.SpeakOpsRoute), Revision: n.Revision,
	}
	if o := &n.Override; o.Kind != routing.OverrideNone {
		from, until := o.From.UTC(), o.Until.UTC()
		r.Override, r.OverrideFrom, r.OverrideUntil, r.OverrideReason, r.OverrideAuthor = o.Kind.String(), &from, &until, o.Reason, o.Author
	}
	return r
}

func known(word string) string {
	if word == "unknown" {
		return ""
	}
	return word
}

// NumberPage is a part of the table, in order of numbers.
type NumberPage struct {
	Numbers []NumberRecord `json:"numbers" nullable:"false"`
	Next    string         `json:"next,omitempty" doc:"There are more: ask for those after this one."`
}

// NumberChange sets fields of a record; those it does not name stay.
type NumberChange struct {
	Fields map[string]string `json:"fields" doc:"By the words of a record; an empty value clears. A new number needs routing_authority, which an existing one never changes here: numbers change hands by a cutover." example:"{\"legacy_route\":\"old\"}"`
	DryRun bool              `json:"dry_run,omitempty" doc:"Say what would be done, and do nothing."`
}

// NumberOutcome is what a change came to.
type NumberOutcome struct {
	PublicNumber string `json:"public_number"`
	Outcome      string `json:"outcome" enum:"created,updated,unchanged,deleted,absent"`
	DryRun       bool   `json:"dry_run,omitempty"`
	Revision     uint64 `json:"revision,omitempty"`
}

// NumberPath is the number that a path names.
type NumberPath struct {
	Number string `path:"number" maxLength:"32" doc:"In E.164." example:"+12025550143"`
}

type numberQuery struct {
	NumberPath
	From string `query:"from" enum:"table,store" default:"table" doc:"What this edge believes, or what the store says."`
}

type numberWrite struct {
	NumberPath
	Match string `header:"If-Match" maxLength:"32" doc:"Only over the record of this revision; * is any that is there."`
	None  string `header:"If-None-Match" enum:"*," doc:"* writes only where there is no record."`
	Body  NumberChange
}

type numberDelete struct {
	NumberPath
	Match string `header:"If-Match" maxLength:"32" doc:"Only the record of this revision."`
}

// numbers is the resource.
type numbers struct {
	table NumberTable
	store NumberStore // nil: this edge writes none
	one   chan struct{}
}

// NumbersIn shows the numbers of a table and, with a store, changes them.
func NumbersIn(table NumberTable, store NumberStore) Resource {
	s := &numbers{table: table, store: store, one: make(chan struct{}, 1)}
	path := "/v1/numbers/{number}"
	return func(a *API) {
		handle(a, Op{ID: "list-numbers", Method: http.MethodGet, Path: "/v1/numbers", Tag: "numbers", Errors: []int{422, 503},
			Summary: "The numbers of this edge's table, in order, a page at a time"}, s.list)
		handle(a, Op{ID: "get-number", Method: http.MethodGet, Path: path, Tag: "numbers", Errors: []int{404, 422, 503},
			Summary: "What is believed about a number"}, s.get)
		handle(a, Op{ID: "set-number", Method: http.MethodPatch, Path: path, Tag: "numbers", Errors: []int{409, 412, 422, 503},
			Summary: "Set fields of a number's record, or make one",
			Text: "Without If-Match it is written over what was read a moment before; when someone else is faster, nothing is written and the answer is 409. " +
				"Only an edge with redis.writer writes numbers."}, s.set)
		handle(a, Op{ID: "delete-number", Method: http.MethodDelete, Path: path, Tag: "numbers", Errors: []int{409, 412, 422, 503},
			Summary: "Delete a number's record; one that is not there is no error"}, s.delete)
	}
}

func parseNumber(text string) (routing.PublicNumber, error) {
	n, err := e164.Parse(text)
	if err != nil {
		return 0, NewProblem(http.StatusUnprocessableEntity, "not_a_number", "%.40q is %s; write it in E.164, such as +12025550143", text, err)
	}
	return n, nil
}

func (s *numbers) writer() error {
	if s.store == nil {
		return notAWriter()
	}
	return nil
}

func notAWriter() error {
	return NewProblem(http.StatusForbidden, "not_a_writer", "this edge has no redis.writer and so neither reads nor writes the store's records; ask an edge that has one, or use `sipedge numbers`")
}

func (s *numbers) get(ctx context.Context, in *numberQuery) (r NumberRecord, err error) {
	n, err := parseNumber(in.Number)
	if err != nil {
		return r, err
	}
	got, ok := s.table.Get(n)
	if in.From == "store" {
		if err = s.writer(); err == nil {
			got, ok, err = s.store.Get(ctx, n)
		}
	}
	switch {
	case err != nil:
		return r, storeProblem(err, false)
	case !ok:
		return r, NewProblem(http.StatusNotFound, "number_unknown", "there is no record of %s; set one with cutoverctl numbers set, or sipedge numbers import", n)
	}
	return recordOf(&got), nil
}

// matched reads If-Match; there is what is there now.
func matched(match string, there *routing.Number, ok bool) (feed.Expect, error) {
	switch {
	case match == "" && !ok:
		return feed.Absent, nil
	case match == "", match == "*" && ok:
		return feed.Expect(there.Revision), nil
	case match == "*":
		return 0, NewProblem(http.StatusPreconditionFailed, "conflict", "there is no record, and If-Match asks for one")
	}
	revision, err := strconv.ParseUint(strings.Trim(match, `"`), 10, 63)
	if err != nil || revision == 0 {
		return 0, NewProblem(http.StatusUnprocessableEntity, "invalid", "If-Match: %.40q is no revision; send the one that was read", match)
	}
	return feed.Expect(revision), nil
}

func (s *numbers) set(ctx context.Context, in *numberWrite) (out NumberOutcome, err error) {
	n, err := parseNumber(in.Number)
	if err == nil {
		err = s.writer()
	}
	if err != nil {
		return out, err
	}
	was, ok, err := s.store.Get(ctx, n)
	if err != nil {
		return out, storeProblem(err, false)
	}
	row, err := rowOf(ctx, n, in.Body.Fields, &was, ok)
	if err != nil {
		return out, err
	}
	if row.Expect, err = matched(in.Match, &was, ok); err != nil {
		return out, err
	}
	if in.None == "*" {
		row.Expect = feed.Absent
	}
	sum, err := s.store.Import(ctx, []feed.Row{row}, feed.ImportOptions{DryRun: in.Body.DryRun, Operation: OperationOf(ctx)})
	if err == nil && len(sum.Refused) > 0 {
		err = sum.Refused[0].Err
	}
	if err != nil {
		return out, storeProblem(err, in.Match != "" || in.None != "")
	}
	out = NumberOutcome{PublicNumber: n.String(), Outcome: string(feed.Unchanged), DryRun: in.Body.DryRun}
	switch {
	case sum.Created > 0:
		out.Outcome = string(feed.Created)
	case sum.Updated > 0:
		out.Outcome = string(feed.Updated)
	}
	if now, ok, err := s.store.Get(ctx, n); err == nil && ok && !in.Body.DryRun {
		out.Revision = now.Revision
	}
	return out, nil
}

// rowOf makes the row that a change asks for. Who sets an override is its author.
func rowOf(ctx context.Context, n routing.PublicNumber, fields map[string]string, was *routing.Number, ok bool) (feed.Row, error) {
	var set []string
	for name, value := range fields {
		set = append(set, name+"="+value)
	}
	slices.Sort(set)
	if _, given := fields["routing_authority"]; ok && !given {
		set = append(set, "routing_authority="+was.RoutingAuthority.String())
	}
	if _, given := fields["revision"]; given {
		return feed.Row{}, NewProblem(http.StatusUnprocessableEntity, "invalid", "fields.revision: a revision is sent as If-Match")
	}
	actor := Actor(ctx)
	switch author, given := fields["override_author"]; {
	case fields["override"] == "":
	case given && author != actor:
		return feed.Row{}, NewProblem(http.StatusUnprocessableEntity, "invalid", "fields.override_author: the author of an override is who sets it, %s; leave it out", actor)
	case !given:
		set = append(set, "override_author="+actor)
	}
	row, err := feed.MakeRow(n.String(), set)
	var all *feed.RowErrors
	if errors.As(err, &all) {
		p := NewProblem(http.StatusUnprocessableEntity, "invalid", "the record would not be one; correct what errors lists, nothing was written")
		for _, e := range all.All {
			p.Errors = append(p.Errors, Mistake{"body.fields." + e.Column, "found " + e.Found + ", expected " + e.Expected})
		}
		return row, p
	}
	return row, err
}

func (s *numbers) delete(ctx context.Context, in *numberDelete) (out NumberOutcome, err error) {
	n, err := parseNumber(in.Number)
	if err == nil {
		err = s.writer()
	}
	if err != nil {
		return out, err
	}
	was, ok, err := s.store.Get(ctx, n)
	if err != nil {
		return out, storeProblem(err, false)
	}
	if !ok && in.Match == "" {
		return NumberOutcome{PublicNumber: n.String(), Outcome: string(feed.NotThere)}, nil
	}
	expect, err := matched(in.Match, &was, ok)
	if err != nil {
		return out, err
	}
	r, err := s.store.Delete(ctx, OperationOf(ctx), n, expect)
	if err != nil {
		return out, storeProblem(err, in.Match != "")
	}
	return NumberOutcome{PublicNumber: n.String(), Outcome: string(r.Outcome), Revision: r.Revision}, nil
}
