package runner

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/speakops/sipedge/cutover/ledger"
)

// Webhook is told of every entry of the store's journal that concerns people,
// in order. It is repeated until the receiver answers 2xx.
type Webhook struct {
	URL    string
	Secret []byte // signs the body; nil: unsigned
}

// Headers of a webhook. The signature is "t=UNIX,v1=HEX", the HMAC-SHA256 of the
// time, a full stop and the body; a receiver refuses an old time and an
// X-Sipedge-Delivery it has had.
const (
	signatureHeader = "X-Sipedge-Signature"
	deliveryHeader  = "X-Sipedge-Delivery"
)

const (
	hookTimeout = 10 * time.Second
	hookFirst   = time.Second // pause after a first failure; doubled up to
	hookMost    = 5 * time.Minute
	// hookGiveUp is how long one entry is tried before it is left out, which the
	// journal says: a receiver that was away for a day reads the journal.
	hookGiveUp = 24 * time.Hour
	hookLease  = 30 * time.Second // one edge at a time delivers to one receiver
)

// untold are the journal's entries that are no concern of people.
var untold = map[string]bool{"acknowledged": true, "reported": true, "webhook_skipped": true}

// cursor is how far deliveries to one receiver have got, and who delivers.
type cursor struct {
	After string    `json:"after"` // id of the last entry that was delivered
	Owner string    `json:"owner"`
	Until time.Time `json:"until"` // store time
	Since time.Time `json:"since,omitzero"`
}

// hooks delivers to one receiver while this edge holds its lease.
func (r *Runner) hooks(ctx context.Context, h Webhook) error {
	name := sha256.Sum256([]byte(h.URL))
	d := &delivery{r: r, hook: h, id: hex.EncodeToString(name[:8]), client: &http.Client{Timeout: hookTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	defer d.client.CloseIdleConnections()
	var err error
	if d.cursors, err = r.opts.Chain.Documents("webhooks"); err != nil {
		return err
	}
	pause := hookFirst
	for ctx.Err() == nil {
		more, err := d.turn(ctx)
		switch {
		case err == nil && more:
			pause = hookFirst
			continue
		case err == nil:
			r.said.over(r.log, "webhook "+h.URL)
			pause = hookFirst
		case ctx.Err() == nil:
			r.said.once(r.log, "webhook "+h.URL, err)
			pause = min(2*pause, hookMost)
		}
		_ = sleep(ctx, pause)
	}
	return nil
}

// delivery is one receiver.
type delivery struct {
	r       *Runner
	hook    Webhook
	id      string
	client  *http.Client
	cursors *ledger.Documents
}

// turn takes the lease and delivers a page of entries; more says that there may
// be another.
func (d *delivery) turn(ctx context.Context) (more bool, err error) {
	doc, there, err := d.cursors.Read(ctx, d.id)
	if err != nil {
		return false, err
	}
	var c cursor
	if there {
		if err := json.Unmarshal(doc.Bytes, &c); err != nil {
			return false, fmt.Errorf("webhook cursor %s: %w", d.id, err)
		}
	}
	now, me := d.r.opts.Clock.Now().Latest, string(d.r.Self())
	if c.Owner != me && now.Before(c.Until) {
		return false, nil // another edge delivers
	}
	c.Owner = me
	expect := ledger.Absent
	if there {
		expect = ledger.Expect(doc.Revision)
	}
	if expect, err = d.hold(ctx, &c, expect); err != nil {
		return false, err
	}
	entries, err := d.r.opts.Chain.Entries(ctx, c.After, 100)
	for i := range entries {
		if err := d.deliver(ctx, &entries[i], &c); err != nil {
			_, _ = d.hold(ctx, &c, expect) // Since is kept
			return false, err
		}
		c.After, c.Since = entries[i].ID, time.Time{}
		if expect, err = d.hold(ctx, &c, expect); err != nil {
			return false, err
		}
	}
	return len(entries) > 0, err
}

// hold writes the cursor and prolongs the lease. An edge that lost it stops here.
func (d *delivery) hold(ctx context.Context, c *cursor, expect ledger.Expect) (ledger.Expect, error) {
	c.Until = d.r.opts.Clock.Now().Latest.Add(hookLease)
	text, err := json.Marshal(c)
	if err != nil {
		return expect, err
	}
	revision, err := d.cursors.Write(ctx, ledger.Change{ID: d.id, Expect: expect, Bytes: text})
	return ledger.Expect(revision), err
}

// deliver posts one entry. An entry that could not be delivered for a day is
// left out, and the journal says so.
func (d *delivery) deliver(ctx context.Context, e *ledger.Entry, c *cursor) error {
	if untold[e.Kind()] {
		return nil
	}
	body, err := json.Marshal(LineOf(e))
	if err != nil {
		return err
	}
	err = d.post(ctx, e.ID, body)
	if err == nil {
		return nil
	}
	now := d.r.opts.Clock.Now().Mid()
	switch {
	case c.Since.IsZero():
		c.Since = now
	case now.Sub(c.Since) > hookGiveUp:
		detail, _ := json.Marshal(map[string]string{"url": d.hook.URL, "entry": e.ID, "error": err.Error()})
		_, err := d.r.opts.Chain.Note(ctx, "webhook/"+d.id+"/"+e.ID, ledger.Note{Kind: "webhook_skipped", Who: c.Owner, Detail: string(detail)})
		return err
	}
	return err
}

func (d *delivery) post(ctx context.Context, id string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.hook.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "sipedge")
	req.Header.Set(deliveryHeader, id)
	if len(d.hook.Secret) > 0 {
		req.Header.Set(signatureHeader, Sign(d.hook.Secret, time.Now(), body))
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode/100 != 2 {
		return errors.New("answered " + resp.Status)
	}
	return nil
}

// Sign makes a webhook's signature at an instant.
func Sign(secret []byte, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}
