package runner

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"sync"
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/cutover/ledger/journal"
	"github.com/speakops/sipedge/sipedge/records"
)

// paper is what this edge has in writing: its journal, and the lists of numbers
// its revisions speak of.
type paper struct {
	dir   string
	files records.Files
	log   *slog.Logger
	*journal.Journal
	path    string
	entries []cutover.Entry // as read at the opening
	disk    *journal.Lists

	fsync pace // of making an entry durable

	mu    sync.Mutex
	lists map[cutover.ListID]cutover.List // those on disk that are in use
	used  map[cutover.ListID]bool         // that the state speaks of; nil before it was looked at
}

// rewriteAfter is the number of entries beyond which the journal is shortened.
const rewriteAfter = 2000

func openPaper(dir string, files records.Files, log *slog.Logger) (*paper, error) {
	p := &paper{dir: dir, files: files, log: log, lists: map[cutover.ListID]cutover.List{}}
	var err error
	if p.disk, err = journal.OpenLists(filepath.Join(dir, "lists"), files); err != nil {
		return nil, fmt.Errorf("cutover: %w", err)
	}
	return p, p.open()
}

// open reads the journal. One that is foreign, changed or contradicts itself is
// set aside: nobody may guess what it no longer says, and its identity is lost.
func (p *paper) open() error {
	for {
		p.entries = nil
		var found journal.Found
		var err error
		p.Journal, found, err = journal.Open(p.dir, journal.Options{Files: p.files}, func(text []byte) error {
			e, err := cutover.DecodeEntry(text)
			p.entries = append(p.entries, e)
			return err
		})
		if err == nil {
			p.path = found.Path
			if found.Torn > 0 {
				p.log.Warn("the cutover journal ended in an unfinished entry, which a crash left and nobody was told of; it is cut off",
					"path", found.Path, "bytes", found.Torn)
			}
			return nil
		}
		var corrupt *journal.CorruptError
		if !errors.As(err, &corrupt) {
			return fmt.Errorf("cutover: %w", err)
		}
		p.path = corrupt.Path
		if err := p.aside(corrupt); err != nil {
			return err
		}
	}
}

// aside renames the journal and says why.
func (p *paper) aside(why error) error {
	to := p.path + "." + time.Now().UTC().Format("20060102T150405.000") + ".aside"
	p.log.Error("the cutover journal is set aside: this edge comes back under a new identity, and the old one has to be declared off",
		"path", p.path, "kept_as", to, "error", why)
	if p.Journal != nil {
		if err := p.Journal.Close(); err != nil {
			return fmt.Errorf("cutover: %w", err)
		}
		p.Journal = nil
	}
	if err := p.files.Rename(p.path, to); err != nil {
		return fmt.Errorf("cutover: %w", err)
	}
	return p.files.SyncDir(p.dir)
}

func (p *paper) close() error {
	if p.Journal == nil {
		return nil
	}
	return p.Journal.Close()
}

// keep makes an entry durable. before are the entries of the state it follows:
// when the disk could not say whether it took an entry, the journal is written
// anew from them.
func (p *paper) keep(e cutover.Entry, before cutover.Edge) error {
	text, err := e.Encode()
	if err != nil {
		return err
	}
	if p.Journal == nil {
		return errors.New("there is no journal: a new one could not be made")
	}
	began := time.Now()
	err = p.Append(text)
	var doubt *journal.DoubtError
	if errors.As(err, &doubt) {
		err = p.rewrite(before, text)
	}
	p.fsync.took(time.Since(began))
	return err
}

// rewrite makes the shortest journal of a state, and of one entry more.
func (p *paper) rewrite(e cutover.Edge, more ...[]byte) error {
	var all [][]byte
	for _, entry := range e.Entries() {
		text, err := entry.Encode()
		if err != nil {
			return err
		}
		all = append(all, text)
	}
	return p.Rewrite(append(all, more...))
}

// list finds a list in memory, or on disk.
func (p *paper) list(id cutover.ListID) (cutover.List, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l, ok := p.lists[id]; ok {
		return l, true
	}
	l, err := p.disk.Get(id)
	if err != nil {
		return cutover.List{}, false
	}
	p.lists[id] = l
	return l, true
}

// put makes a list durable.
func (p *paper) put(l cutover.List) error {
	if err := p.disk.Put(l); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lists[l.ID()] = l
	return nil
}

// shed notes which lists the state speaks of, and lets go of the others in
// memory. Those on disk stay: an auditor reads them beside the journal.
func (p *paper) shed(e *cutover.Edge) {
	used := map[cutover.ListID]bool{}
	for _, rev := range []*cutover.Revision{e.Pair.Committed, e.Pair.Prepared} {
		if rev != nil {
			for _, c := range rev.Schedule {
				used[c.List] = true
			}
		}
	}
	for _, f := range e.Floors {
		used[f.List] = true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used = used
	maps.DeleteFunc(p.lists, func(id cutover.ListID, _ cutover.List) bool { return !used[id] })
}

// prune removes lists from the disk that neither the state speaks of nor the
// copy of the store's journal: nobody can ask for them any more.
func (p *paper) prune(named map[cutover.ListID]bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.used == nil {
		return nil // what is in force is not known yet
	}
	return p.disk.Keep(func(id cutover.ListID) bool {
		_, held := p.lists[id] // one that a proposal has just brought
		return held || p.used[id] || named[id]
	})
}
