package office

import (
	"context"
	"errors"
	"net/http"

	"github.com/speakops/sipedge/cutover/ledger"
	"github.com/speakops/sipedge/cutover/order"
	"github.com/speakops/sipedge/routing/feed"
	"github.com/speakops/sipedge/sipedge/admin"
)

// problem turns an error of the rooms below into an answer for people.
func problem(err error) error {
	if err == nil {
		return nil
	}
	var (
		p           *admin.Problem
		mistakes    order.Mistakes
		refused     *order.Refused
		disapproved *order.Disapproved
		outside     *order.OutsideWindow
		wall        *order.WallError
		away        *feed.AwayError
		unrecovered *ledger.UnrecoveredError
		empty       *ledger.EmptyError
		pending     *ledger.PendingError
		conflict    *ledger.ConflictError
		exists      *ledger.ExistsError
		overlap     *ledger.OverlapError
	)
	say := func(status int, because string) error { return admin.NewProblem(status, because, "%s", err) }
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &mistakes):
		all := make([]error, len(mistakes))
		for i := range mistakes {
			all[i] = errors.New(mistakes[i].String())
		}
		return admin.NewProblem(http.StatusUnprocessableEntity, "invalid", "the document has mistakes; put right what errors lists").Listing(errors.Join(all...))
	case errors.As(err, &wall):
		return say(http.StatusUnprocessableEntity, "invalid")
	case errors.As(err, &refused):
		return say(http.StatusConflict, "refused")
	case errors.As(err, &disapproved):
		return say(http.StatusConflict, "not_approved")
	case errors.As(err, &outside):
		return say(http.StatusConflict, "outside_window")
	case errors.As(err, &away):
		return say(http.StatusServiceUnavailable, "store_away")
	case errors.As(err, &unrecovered):
		return say(http.StatusServiceUnavailable, "store_unrecovered")
	case errors.As(err, &empty):
		return say(http.StatusConflict, "no_chain")
	case errors.As(err, &exists):
		return say(http.StatusConflict, "chain_exists")
	case errors.As(err, &pending):
		return say(http.StatusConflict, "revision_pending")
	case errors.As(err, &conflict):
		return say(http.StatusConflict, "conflict")
	case errors.As(err, &overlap):
		return say(http.StatusConflict, "number_in_cutover")
	case errors.Is(err, context.DeadlineExceeded):
		return admin.NewProblem(http.StatusServiceUnavailable, "too_slow", "the store did not answer in time; ask again")
	}
	return err
}

// refuse is what a change could not be made for, as the fleet says it.
func refuse(err error) error {
	var p *admin.Problem
	if q := problem(err); errors.As(q, &p) {
		return p
	}
	return admin.NewProblem(http.StatusConflict, "refused", "%s", err)
}

func noOrder(id string) error {
	return admin.NewProblem(http.StatusNotFound, "order_unknown", "there is no order %.80s; cutoverctl orders lists them", id)
}

func noCutover(id string) error {
	return admin.NewProblem(http.StatusNotFound, "cutover_unknown", "there is no cutover %.80s; cutoverctl cutovers lists them", id)
}
