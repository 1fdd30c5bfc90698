package admin

import (
	"cmp"
	"container/heap"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/speakops/sipedge/routing"
)

type numberListIn struct {
	After     string `query:"after" maxLength:"32" doc:"Begin behind this number: next of the page before."`
	Limit     int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	Prefix    string `query:"prefix" maxLength:"32" doc:"Only numbers that begin so, such as +1202."`
	State     string `query:"porting_state" maxLength:"40"`
	Authority string `query:"routing_authority" enum:"legacy,speakops,none"`
	Customer  string `query:"customer_assignment" maxLength:"256"`
	Override  bool   `query:"override" doc:"Only numbers with an override."`
}

// list walks the whole table for a page, one walk at a time: it holds millions.
func (s *numbers) list(_ context.Context, in *numberListIn) (page NumberPage, err error) {
	var after routing.PublicNumber
	if in.After != "" {
		if after, err = parseNumber(in.After); err != nil {
			return page, err
		}
	}
	select {
	case s.one <- struct{}{}:
		defer func() { <-s.one }()
	default:
		return page, NewProblem(http.StatusServiceUnavailable, "busy", "another list is being made; ask again").RetryAfter(time.Second)
	}
	least := &lowest{}
	s.table.Range(func(n routing.Number) bool {
		if n.PublicNumber > after && in.wants(&n) {
			heap.Push(least, n)
			if least.Len() > in.Limit+1 {
				heap.Pop(least)
			}
		}
		return true
	})
	slices.SortFunc(*least, func(a, b routing.Number) int { return cmp.Compare(a.PublicNumber, b.PublicNumber) })
	page.Numbers = []NumberRecord{}
	for i := range *least {
		if i == in.Limit {
			page.Next = page.Numbers[i-1].PublicNumber
			break
		}
		page.Numbers = append(page.Numbers, recordOf(&(*least)[i]))
	}
	return page, nil
}

func (in *numberListIn) wants(n *routing.Number) bool {
	return (in.State == "" || n.PortingState.String() == in.State) &&
		(in.Authority == "" || n.RoutingAuthority.String() == in.Authority) &&
		(in.Customer == "" || string(n.CustomerAssignment) == in.Customer) &&
		(!in.Override || n.Override.Kind != routing.OverrideNone) &&
		(in.Prefix == "" || strings.HasPrefix(n.PublicNumber.String(), in.Prefix))
}

// lowest is a heap with the highest number on top.
type lowest []routing.Number

func (l lowest) Len() int           { return len(l) }
func (l lowest) Less(i, j int) bool { return l[i].PublicNumber > l[j].PublicNumber }
func (l lowest) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }

// Push implements heap.Interface.
func (l *lowest) Push(x any) { *l = append(*l, x.(routing.Number)) }

// Pop implements heap.Interface.
func (l *lowest) Pop() any {
	last := len(*l) - 1
	n := (*l)[last]
	*l = (*l)[:last]
	return n
}
