package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/speakops/sipedge/routing/feed"
)

// mistakesIn is the rows an error tells of; none for any other error.
func mistakesIn(err error) []*feed.RowError {
	var all *feed.RowErrors
	if errors.As(err, &all) {
		return all.All
	}
	return nil
}

// refusedIn tells of rows that the store would not take as of mistakes.
func refusedIn(all []feed.Refusal) []*feed.RowError {
	rows := make([]*feed.RowError, min(len(all), feed.MaxRowErrors))
	for i := range rows {
		e := &feed.RowError{Line: all[i].Line, Found: all[i].Err.Error()}
		var authority *feed.AuthorityError
		var transition *feed.TransitionError
		var conflict *feed.ConflictError
		switch {
		case errors.As(all[i].Err, &authority):
			e.Column, e.Found, e.Expected = "routing_authority", authority.Asked, authority.Has+", as the record says; a number changes hands by `cutoverctl flip`"
		case errors.As(all[i].Err, &transition):
			e.Column, e.Found, e.Expected = "porting_state", transition.To, "what may follow "+transition.From+": "+transition.Reason
		case errors.As(all[i].Err, &conflict):
			e.Column, e.Expected = "revision", "a record that nobody else has written meanwhile"
		}
		rows[i] = e
	}
	return rows
}

// writeReport writes mistakes as CSV, for who mends the list; "" is no report.
func writeReport(path string, all []*feed.RowError) error {
	if path == "" {
		return nil
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("--report: %w", err)
	}
	w := csv.NewWriter(f)
	lines := [][]string{{"line", "column", "found", "expected"}}
	for _, e := range all {
		lines = append(lines, []string{strconv.Itoa(e.Line), e.Column, e.Found, e.Expected})
	}
	if err := errors.Join(w.WriteAll(lines), f.Close()); err != nil {
		return fmt.Errorf("--report: %w", err)
	}
	return nil
}
