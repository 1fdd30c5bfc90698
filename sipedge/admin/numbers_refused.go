package admin

import (
	"context"
	"errors"
	"net/http"

	"github.com/speakops/sipedge/routing/feed"
)

// storeProblem is what the store's refusals mean to who asked; asked says that he
// had named the revision himself.
func storeProblem(err error, asked bool) error {
	var conflict *feed.ConflictError
	var authority *feed.AuthorityError
	var transition *feed.TransitionError
	var override *feed.OverrideError
	var field *feed.FieldError
	var operation *feed.OperationError
	var away *feed.AwayError
	problem := func(status int, because string) error {
		p := NewProblem(status, because, "%s", err)
		p.cause = err
		return p
	}
	switch {
	case errors.As(err, &conflict) && asked:
		return problem(http.StatusPreconditionFailed, "conflict")
	case errors.As(err, &conflict):
		return problem(http.StatusConflict, "conflict")
	case errors.As(err, &authority):
		return problem(http.StatusUnprocessableEntity, "authority_not_editable")
	case errors.As(err, &transition), errors.As(err, &override), errors.As(err, &field):
		return problem(http.StatusUnprocessableEntity, "invalid")
	case errors.As(err, &operation):
		return problem(http.StatusUnprocessableEntity, "key_used")
	case errors.As(err, &away), errors.Is(err, context.DeadlineExceeded):
		return problem(http.StatusServiceUnavailable, "store_away")
	}
	return err
}
