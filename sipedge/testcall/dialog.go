package testcall

import (
	"context"
	"fmt"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// call is the whole conversation. What is learned goes into r.
func (p *phone) call(ctx context.Context, r *Report) error {
	r.Local = p.at.String()
	ring := time.NewTimer(p.Ring)
	defer ring.Stop()
	p.invite = p.newInvite()
	r.CallID = p.invite.CallID().Value()
	for asked := 0; ; asked++ {
		tx, err := p.client.TransactionRequest(context.WithoutCancel(ctx), p.invite, sipgo.ClientRequestAddVia)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
		res, err := p.await(ctx, tx, ring.C, r)
		if err != nil {
			tx.Terminate()
			return err
		}
		r.final(res)
		if (r.Code == sip.StatusUnauthorized || r.Code == sip.StatusProxyAuthRequired) && p.Username != "" && asked < 2 {
			if p.invite, err = p.authorized(res); err != nil {
				return err
			}
			continue // the transaction stays, to acknowledge the challenge again
		}
		if res.IsSuccess() {
			err = p.talk(ctx, tx, res, r)
		}
		tx.Terminate()
		return err
	}
}

// await is the final response. A CANCEL waits for the first provisional one
// (RFC 3261 section 9.1).
func (p *phone) await(ctx context.Context, tx sip.ClientTransaction, ring <-chan time.Time, r *Report) (*sip.Response, error) {
	give := ctx.Done()
	provisional, canceled := false, false
	var late, silent <-chan time.Time
	giveUp := func() {
		give, ring, canceled = nil, nil, true
		r.GaveUp = true
		if !provisional {
			silent = time.After(givenUp)
		}
	}
	for {
		if canceled && provisional && late == nil {
			late = time.After(cancelWithin)
			p.cancel(ctx)
		}
		select {
		case res := <-tx.Responses():
			if !res.IsProvisional() {
				return res, nil
			}
			provisional, silent = true, nil
			if len(res.Body()) > 0 {
				r.EarlyMedia = p.voice.agree(res.Body()) || r.EarlyMedia
			}
		case <-give:
			giveUp()
		case <-ring:
			giveUp()
		case <-silent:
			return nil, fmt.Errorf("%w: given up, and %s had said nothing at all", ErrUnreachable, p.edge)
		case <-late:
			return nil, fmt.Errorf("%w within %s of the CANCEL", ErrSilent, cancelWithin)
		case <-p.lost:
			return nil, fmt.Errorf("%w: %s has closed the connection", ErrUnreachable, p.edge)
		case <-tx.Done():
			return nil, fmt.Errorf("%w: nothing seems to take SIP over %s at %s, or it does not know this host as a trunk", ErrUnreachable, p.Transport, p.edge)
		}
	}
}

// cancel takes the call back; the INVITE's own final response tells how it went.
func (p *phone) cancel(ctx context.Context) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), cancelWithin)
	p.serving.Go(func() {
		defer stop()
		_, _ = p.client.Do(ctx, p.cancellation(), func(*sipgo.Client, *sip.Request) error { return nil })
	})
}

// talk is the answered call, until somebody hangs up.
func (p *phone) talk(ctx context.Context, tx sip.ClientTransaction, ok *sip.Response, r *Report) error {
	invited, tag := p.invite.CSeq().SeqNo, toTag(ok)
	ack := func(res *sip.Response) {
		_ = p.client.WriteRequest(p.within(sip.ACK, invited, res), sipgo.ClientRequestAddVia) // the next 200 gets another
	}
	tx.OnRetransmission(func(res *sip.Response) {
		ack(res)
		if toTag(res) != tag { // another branch has answered too, and one call is enough (section 13.2.2.4)
			p.forked.Store(true)
			_, _ = p.bye(context.WithoutCancel(ctx), res, invited+1)
		}
	})
	ack(ok)
	answered := time.Now()
	p.voice.agree(ok.Body())
	p.voice.speak()
	timer := time.NewTimer(p.Talk)
	defer timer.Stop()
	r.HungUpBy = "caller"
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-p.lost:
	case <-p.hungUp:
		r.HungUpBy = "callee"
	}
	p.voice.hush()
	if p.forked.Load() {
		r.Problems = append(r.Problems, "two branches have answered; the second one was hung up")
	}
	r.Talked = Milliseconds(time.Since(answered))
	if r.HungUpBy == "callee" {
		return nil
	}
	res, err := p.bye(context.WithoutCancel(ctx), ok, invited+1)
	switch {
	case err != nil:
		r.Problems = append(r.Problems, "no answer to BYE: "+err.Error())
	case !res.IsSuccess():
		r.Problems = append(r.Problems, fmt.Sprintf("BYE was answered with %d %s", res.StatusCode, res.Reason))
	}
	return nil
}

func (p *phone) bye(ctx context.Context, ok *sip.Response, seq uint32) (*sip.Response, error) {
	ctx, stop := context.WithTimeout(ctx, byeWithin)
	defer stop()
	return p.client.Do(ctx, p.within(sip.BYE, seq, ok), sipgo.ClientRequestAddVia)
}

func toTag(res *sip.Response) string {
	if to := res.To(); to != nil {
		tag, _ := to.Params.Get("tag")
		return tag
	}
	return ""
}
