package sipedge

import (
	"crypto/rand"
	"encoding/binary"
	"sync"

	"github.com/speakops/sipedge/configs"
	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/challenge"
	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/transport"
)

// prover asks trunks with a password for it. One lock for all shards: a request
// takes some microseconds of it, and only such trunks' new calls do.
type prover struct {
	mu    sync.Mutex
	guard *challenge.Guard
}

func (p *prover) init() {
	var key [32]byte
	rand.Read(key[:])
	p.guard = challenge.New(key)
}

// proofOf is what a trunk's password comes to, nil for trunks without one.
func proofOf(t configs.Trunk) (realm string, user *challenge.User) {
	if t.Digest == nil {
		return "", nil
	}
	realm = t.Digest.Realm
	if realm == "" {
		realm = "sipedge"
	}
	return realm, challenge.NewUser(realm, t.Digest.Username, t.Digest.Password.Reveal())
}

// proven is the trunk that a request proves to come from; nil after it has been
// challenged (RFC 3261 section 22.3). A trunk without a password is believed for
// its address or certificate. Several may share a source and differ by user.
func (s *shard) proven(f transport.Flow, m *message.Message, w *world, t *trunk, now call.Instant) *trunk {
	if t.user == nil {
		return t
	}
	users, owners := s.users[:0], s.owners[:0]
	for _, o := range w.trunksAt(f, s.edge.namesOf(f)) {
		if o.user != nil && o.realm == t.realm {
			users, owners = append(users, o.user), append(owners, o)
		}
	}
	s.users, s.owners = users, owners
	r := challenge.Request{Method: string(m.MethodName), URI: string(m.URI), Source: f.Peer.Addr()}
	for i := range m.Headers {
		if h := &m.Headers[i]; h.Kind == message.KProxyAuthorization {
			r.Credentials = append(r.Credentials, string(h.Value))
		}
	}
	if len(r.Credentials) == 0 && s.edge.uninvited(f, m, t) {
		return nil
	}
	p, at := &s.edge.prover, s.edge.wall(now)
	var chance [8]byte
	rand.Read(chance[:])
	p.mu.Lock()
	defer p.mu.Unlock()
	user, v := p.guard.Judge(t.realm, users, r, at)
	if v == challenge.Passed {
		s.edge.answers.Forgive(f.Peer.Addr())
		for i, u := range users {
			if u == user {
				return owners[i]
			}
		}
	}
	if t.anywhere && !s.edge.heard(t, f, at) {
		return nil
	}
	if len(r.Credentials) > 0 && v == challenge.Ask {
		s.edge.refusal(t, refusedPassword, "", f)
		s.because = refusedPassword
	}
	s.lines = p.guard.AppendChallenge(s.lines[:0], t.realm, f.Peer.Addr(), v, binary.BigEndian.Uint64(chance[:]), at)
	s.answer(f, m, 407, "Proxy Authentication Required", s.lines)
	return nil
}
