// Package client answers: how does a Go program ask an edge's admin API?
//
// It speaks the types of package admin: what the edge writes is what is read
// here. A problem comes back as *admin.Problem; an edge that cannot be asked at
// all as *Unreachable. A change carries an Idempotency-Key, so that one whose
// answer was lost is asked again and still carried out once.
package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/speakops/sipedge/sipedge/admin"
)

// Options of a Client.
type Options struct {
	Edge     string        // http://host:port or https://host:port; a bare host:port is http on this machine, else https
	Token    string        // "" asks without
	TLS      *tls.Config   // nil: the roots of this machine
	Within   time.Duration // for one answer; 30 s
	Insecure bool          // send the token in the clear to another machine
}

// maxAnswer bounds what is read of one answer.
const maxAnswer = 64 << 20

// Client asks one edge. It is safe for use by many goroutines.
type Client struct {
	base   *url.URL
	token  string
	http   *http.Client
	within time.Duration
}

// Unreachable says that an edge gave no answer; what was asked may or may not
// have been done.
type Unreachable struct {
	Edge string
	Err  error
}

// Error implements error.
func (e *Unreachable) Error() string {
	text := e.Err.Error()
	var out *url.Error
	if errors.As(e.Err, &out) {
		text = out.Err.Error()
	}
	return fmt.Sprintf("%s gives no answer: %s; see whether the edge runs and whether admin.listen is this address", e.Edge, text)
}

// Unwrap is why.
func (e *Unreachable) Unwrap() error { return e.Err }

// New makes a Client; nothing is asked yet.
func New(o Options) (*Client, error) {
	base, err := parse(o.Edge)
	if err != nil {
		return nil, err
	}
	if base.Scheme == "http" && !local(base.Hostname()) && o.Token != "" && !o.Insecure {
		return nil, fmt.Errorf("%s: the token would travel in the clear; write https://, or tunnel to the edge with ssh -L", base)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = o.TLS
	if local(base.Hostname()) {
		transport.Proxy = nil
	}
	c := &Client{base: base, token: o.Token, within: o.Within, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // an edge never redirects; a token goes nowhere else
	}}
	if c.within <= 0 {
		c.within = 30 * time.Second
	}
	return c, nil
}

func parse(edge string) (*url.URL, error) {
	if !strings.Contains(edge, "://") {
		host, _, err := net.SplitHostPort(edge)
		if err != nil {
			return nil, fmt.Errorf("%.80q is no address of an edge; write https://host:port", edge)
		}
		if edge = "https://" + edge; local(host) {
			edge = "http" + strings.TrimPrefix(edge, "https")
		}
	}
	u, err := url.Parse(edge)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return nil, errors.New("an edge is written as https://host:port, without a path, a user or a question")
	}
	u.Path = ""
	return u, nil
}

func local(host string) bool {
	at, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && at.IsLoopback()
}

// Edge is the address that is asked.
func (c *Client) Edge() string { return c.base.String() }

// Close gives up connections that are kept.
func (c *Client) Close() { c.http.CloseIdleConnections() }

type keyKey struct{}

// WithKey names the change that is asked for with this context: asked again
// under the same name, it is carried out once.
func WithKey(ctx context.Context, key string) context.Context {
	return context.WithValue(ctx, keyKey{}, key)
}

// Get asks for what is at a path; out is filled with its JSON.
func (c *Client) Get(ctx context.Context, path string, query url.Values, out any) error {
	return c.Do(ctx, http.MethodGet, path, query, nil, out)
}

// Do asks for a change, or anything else. in becomes the JSON body, nil none; out
// is filled with the answer, nil reads none. Errors: *admin.Problem, *Unreachable.
func (c *Client) Do(ctx context.Context, method, path string, query url.Values, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	key, _ := ctx.Value(keyKey{}).(string)
	if key == "" {
		key = rand.Text()
	}
	answer, err := c.ask(ctx, method, path, query, body, key)
	if lost(err) && ctx.Err() == nil {
		answer, err = c.ask(ctx, method, path, query, body, key)
	}
	if err != nil {
		return err
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return &Unreachable{c.Edge(), fmt.Errorf("what answers there is no edge of this version: %w", err)}
	}
	return nil
}

// lost says that a connection broke while an answer was awaited.
func lost(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

func (c *Client) request(ctx context.Context, method, path string, query url.Values, body []byte) (*http.Request, error) {
	u := c.base.JoinPath(path)
	u.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	return r, nil
}

func (c *Client) ask(ctx context.Context, method, path string, query url.Values, body []byte, key string) ([]byte, error) {
	ctx, done := context.WithTimeout(ctx, c.within)
	defer done()
	r, err := c.request(ctx, method, path, query, body)
	if err != nil {
		return nil, err
	}
	if method != http.MethodGet {
		r.Header.Set("Idempotency-Key", key)
	}
	if match, ok := ctx.Value(matchKey{}).(string); ok {
		r.Header.Set("If-Match", match)
	}
	w, err := c.http.Do(r)
	if err != nil {
		return nil, &Unreachable{c.Edge(), err}
	}
	defer w.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(w.Body, maxAnswer))
	if err != nil {
		return nil, &Unreachable{c.Edge(), err}
	}
	return answer, problemIn(c.Edge(), w, answer)
}

// NotReady is the answer of /readyz that is no problem: the edge says why.
type NotReady struct{ admin.Readiness }

// Error implements error.
func (*NotReady) Error() string { return "the edge is not ready" }

// problemIn is what an answer says went wrong.
func problemIn(edge string, w *http.Response, body []byte) error {
	if w.StatusCode < 300 {
		return nil
	}
	var not NotReady
	if w.StatusCode == http.StatusServiceUnavailable && w.Request.URL.Path == "/readyz" && json.Unmarshal(body, &not.Readiness) == nil {
		return &not
	}
	var p admin.Problem
	kind, _, _ := mime.ParseMediaType(w.Header.Get("Content-Type"))
	if kind != "application/problem+json" || json.Unmarshal(body, &p) != nil || p.Because == "" {
		return &Unreachable{edge, fmt.Errorf("what answers there (%s) is no edge, or an older one", w.Status)}
	}
	return &p
}
