package storm

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
)

const (
	prefix   = "speakops"
	stateKey = prefix + ":chain:{chain}:state"
)

// shop is the stores there were: one miniredis, each life of the store a database
// of its own with its own clock and history. The last life is the one that lives;
// those before it are zombies, which answer whoever still asks them.
type shop struct {
	mu    sync.Mutex
	mini  *miniredis.Miniredis
	lives []*life
	at    *life               // whose command is running
	copy  *life               // what a replica has by now
	kinds kinds               // of scripts
	dbs   int                 // used so far
	best  uint64              // highest generation that was recovered
	holds *life               // where that was
	read  map[*edge]time.Time // the clock of the live store, last
}

// life is one history of the store.
type life struct {
	number int
	db     int
	replid string
	born   time.Time
	ahead  time.Duration // of true time
	drift  int64         // parts per million
	was    []setting     // of its clock, before it was stepped
	peer   *server.Peer
	out    *bytes.Buffer
	writer *bufio.Writer
}

// setting is how far a clock was ahead until it was stepped. Edges may follow it
// until they ask again, however late that is.
type setting struct {
	ahead   time.Duration
	stepped time.Time
	known   time.Time // since when every edge has asked; zero before
}

// covered is how long edges may take to forget a setting when every one of them
// knows the next.
const covered = 15 * time.Second

// clock is what this life shows at a true instant.
func (l *life) clock(t time.Time) time.Time {
	return t.Add(l.ahead + drifted(t.Sub(l.born), l.drift) - t.Sub(l.born)).Truncate(time.Microsecond)
}

func newShop() *shop {
	s := &shop{mini: miniredis.NewMiniRedis(), kinds: kinds{}, read: map[*edge]time.Time{}}
	// A first connection starts it.
	if c, err := s.mini.Dial(); err == nil {
		_ = c.Close()
	}
	s.mini.Server().SetPreHook(func(c *server.Peer, cmd string, args ...string) bool {
		if cmd != "INFO" || len(args) != 1 || args[0] != "replication" {
			return false
		}
		c.WriteBulk("# Replication\r\nrole:master\r\nconnected_slaves:0\r\nmaster_replid:" + s.at.replid + "\r\n")
		return true
	})
	return s
}

// opens makes a life in an empty database.
func (s *shop) opens(replid string) *life {
	l := &life{db: s.dbs, replid: replid, born: time.Now(), out: &bytes.Buffer{}}
	s.dbs++
	l.writer = bufio.NewWriter(l.out)
	l.peer = server.NewPeer(l.writer)
	s.dispatch(l, []string{"SELECT", fmt.Sprint(l.db)})
	return l
}

func (s *shop) dispatch(l *life, args []string) []byte {
	l.out.Reset()
	s.mini.Server().Dispatch(l.peer, args)
	l.peer.Flush()
	return bytes.Clone(l.out.Bytes())
}

// do runs one command at one life of the store.
func (s *shop) do(l *life, args []string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = l
	s.mini.SetTime(l.clock(time.Now()))
	reply := s.dispatch(l, args)
	s.heard(l)
	return reply
}

// heard notes where the highest recovered generation is.
func (s *shop) heard(l *life) {
	db := s.mini.DB(l.db)
	if db.HGet(stateKey, "recovered") != "1" || db.HGet(stateKey, "replid") != l.replid {
		return
	}
	var g uint64
	if _, err := fmt.Sscan(db.HGet(stateKey, "generation"), &g); err == nil && g > s.best {
		s.best, s.holds = g, l
	}
}

// state is one field of the live store's state.
func (s *shop) state(field string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mini.DB(s.live().db).HGet(stateKey, field)
}

// acks counts the acknowledgements of what is pending in the live store.
func (s *shop) acks() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	who, _ := s.mini.DB(s.live().db).HKeys(strings.TrimSuffix(stateKey, "state") + "acks")
	return len(who)
}

// proposals counts the revisions that the live store has committed or aborted,
// as an id that is counted would be: a store that lost its tail counts again.
func (s *shop) proposals() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	db := s.mini.DB(s.live().db)
	aborted, _ := db.HKeys(strings.TrimSuffix(stateKey, "state") + "aborted")
	var committed int
	_, _ = fmt.Sscan(db.HGet(stateKey, "committed_number"), &committed)
	return 1000 + committed + len(aborted)
}

func (s *shop) live() *life { return s.lives[len(s.lives)-1] }

// clocks are the earliest and the latest that store time may be at an instant:
// by the store whose generation is recovered, and by every one that came since.
func (s *shop) clocks(t time.Time) (early, late time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lives {
		if s.holds != nil && l.number < s.holds.number {
			continue
		}
		shown := l.clock(t)
		for _, c := range append(l.before(t, shown), shown) {
			if early.IsZero() || c.Before(early) {
				early = c
			}
			if c.After(late) {
				late = c
			}
		}
	}
	return early, late
}

// before is what the clock would show by its former settings.
func (l *life) before(t, shown time.Time) (all []time.Time) {
	for _, w := range l.was {
		if w.known.IsZero() || t.Sub(w.known) < covered {
			all = append(all, shown.Add(w.ahead-l.ahead))
		}
	}
	return all
}

// step sets the clock of the live store.
func (s *shop) step(by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.live()
	l.was = append(l.was, setting{ahead: l.ahead, stepped: time.Now()})
	l.ahead += by
}

// asked notes that an edge has read the clock of the live store.
func (s *shop) asked(by *edge, of *life) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if of != s.live() {
		return
	}
	s.read[by] = time.Now()
	for i := range of.was {
		w := &of.was[i]
		everybody := true
		for _, at := range s.read {
			everybody = everybody && at.After(w.stepped)
		}
		if everybody && w.known.IsZero() {
			w.known = time.Now()
		}
	}
}

// snapshot is what a replica has got.
func (s *shop) snapshot() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.copy != nil {
		s.dispatch(s.copy, []string{"FLUSHDB"})
	} else {
		s.copy = s.opens("")
	}
	s.clone(s.live(), s.copy)
}

// clone copies every key. A stream is written anew: a copy of it shares its
// entries with the original.
func (s *shop) clone(from, to *life) {
	source, target := s.mini.DB(from.db), s.mini.DB(to.db)
	for _, key := range source.Keys() {
		if entries, err := source.Stream(key); err == nil {
			for _, e := range entries {
				if _, err := target.XAdd(key, e.ID, e.Values); err != nil {
					panic(err)
				}
			}
			continue
		}
		s.dispatch(from, []string{"COPY", key, key, "DB", fmt.Sprint(to.db), "REPLACE"})
	}
}

// succession is how one life follows another.
type succession int

const (
	again   succession = iota // the same data: a restart, or a clean failover
	older                     // what the replica had
	emptied                   // nothing
)

// failover brings another life.
func (s *shop) failover(how succession, ahead time.Duration, drift int64) *life {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.opens(fmt.Sprintf("%040x", len(s.lives)+1))
	l.number, l.ahead, l.drift = len(s.lives), ahead, drift
	switch {
	case len(s.lives) == 0, how == emptied:
	case how == older && s.copy != nil:
		s.clone(s.copy, l)
	default:
		s.clone(s.live(), l)
	}
	s.lives = append(s.lives, l)
	return l
}

func (s *shop) close() { s.mini.Close() }

// kinds finds the name of a script by its digest, which the first call with its
// text tells.
type kinds map[string]string

// words open each script's own part.
var words = map[string]string{
	"-- Reads where the chain stands":     "status",
	"-- One sample of store time":         "time",
	"-- Rule 2: proposes":                 "propose",
	"-- Rule 3: an edge has":              "ack",
	"-- Rule 4, and the refusal":          "abort",
	"-- Rule 5: the operator's word":      "off",
	"-- Rule 6: begins":                   "begin",
	"-- Rule 7: an edge that has":         "report",
	"-- Rule 7: applies what":             "recover",
	"-- Keeps an edge's heartbeat":        "beat",
	"-- Reads entries of the journal":     "read",
	"-- Reads everything that a recovery": "barrier",
}

// kind is the name of what a command does.
func (s *shop) kind(args []string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kinds.of(args)
}

// of is the name of what a command does; "" for what has none.
func (k kinds) of(args []string) string {
	switch {
	case len(args) < 2:
		return ""
	case strings.EqualFold(args[0], "EVALSHA"):
		return k[args[1]]
	case strings.EqualFold(args[0], "EVAL"):
		for opening, name := range words {
			if strings.Contains(args[1], opening) {
				k[digest(args[1])] = name
				return name
			}
		}
	}
	return args[0]
}
