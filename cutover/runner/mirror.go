package runner

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/cutover/ledger"
	"github.com/speakops/sipedge/sipedge/records"
)

// mirror copies the store's journal to this edge's disk, entry by entry: the
// store may lose its tail, and an auditor may come when it is gone. The copy is
// JSON Lines; when it grows beyond most it is set aside once, and the one before
// that goes, with the lists of numbers that only it spoke of.
type mirror struct {
	paper *paper
	most  int64 // bytes
	files records.Files
	path  string
	file  records.File
	last  string // id of the last entry that is in it
	size  int64
}

const (
	mirrorEvery = time.Second
	mirrorPage  = 500
	mirrorMost  = 256 << 20
)

// Line is one entry of the store's journal as the copy and the API show it.
type Line struct {
	ID       string      `json:"id"`
	Previous string      `json:"previous"`
	Hash     string      `json:"hash"`
	Fields   [][2]string `json:"fields"`
}

// LineOf is an entry as a Line.
func LineOf(e *ledger.Entry) Line { return Line{e.ID, e.Previous, e.Hash, e.Fields} }

// Entry is a line as an entry, to be checked.
func (l *Line) Entry() ledger.Entry {
	return ledger.Entry{ID: l.ID, Previous: l.Previous, Hash: l.Hash, Fields: l.Fields}
}

// openMirror finds out how far the copy got. A last line that a crash left
// unfinished is cut off; it comes again.
func openMirror(p *paper) (*mirror, error) {
	files := p.files
	m := &mirror{paper: p, most: mirrorMost, files: files, path: filepath.Join(p.dir, "store-journal.jsonl")}
	f, err := files.Open(m.path)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	whole := int64(0)
	r := bufio.NewReaderSize(io.NewSectionReader(f, 0, size), 1<<20)
	for {
		text, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		var l Line
		if err == nil {
			err = json.Unmarshal(text, &l)
		}
		if err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("%s: at byte %d: %w; move the file away, the store's journal is copied anew", m.path, whole, err)
		}
		whole += int64(len(text))
		m.last = l.ID
	}
	if err := f.Truncate(whole); err != nil {
		_ = f.Close()
		return nil, err
	}
	m.file, m.size = f, whole
	return m, nil
}

// copying follows the store's journal until ctx ends.
func (r *Runner) copying(ctx context.Context) error {
	m, err := openMirror(r.paper)
	if err != nil {
		r.said.once(r.log, "journal's copy", err)
		return nil
	}
	defer func() { _ = m.file.Close() }()
	for ctx.Err() == nil {
		n, err := m.more(ctx, r.opts.Chain)
		switch {
		case err == nil:
			r.said.over(r.log, "journal's copy")
		case ctx.Err() == nil:
			r.said.once(r.log, "journal's copy", err)
		}
		if n < mirrorPage {
			_ = sleep(ctx, mirrorEvery)
		}
	}
	return nil
}

// more copies what came since, at most one page.
func (m *mirror) more(ctx context.Context, chain *ledger.Ledger) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	entries, err := chain.Entries(ctx, m.last, mirrorPage)
	if err != nil || len(entries) == 0 {
		return 0, err
	}
	var b bytes.Buffer
	for i := range entries {
		text, err := json.Marshal(LineOf(&entries[i]))
		if err != nil {
			return 0, err
		}
		b.Write(append(text, '\n'))
	}
	if err := m.room(int64(b.Len())); err != nil {
		return 0, err
	}
	n, err := m.file.WriteAt(b.Bytes(), m.size)
	if err == nil {
		err = m.file.Sync()
	}
	if err != nil {
		_ = m.file.Truncate(m.size) // whatever was written comes again
		return 0, err
	}
	m.size += int64(n)
	m.last = entries[len(entries)-1].ID
	return len(entries), nil
}

// room sets the file aside when it has grown too large.
func (m *mirror) room(more int64) error {
	if m.size == 0 || m.size+more <= m.most {
		return nil
	}
	if err := m.files.Rename(m.path, m.path+".1"); err != nil {
		return err
	}
	f, err := m.files.Open(m.path)
	if err != nil {
		return err
	}
	old := m.file
	defer func() { _ = old.Close() }()
	was := m.size
	m.file, m.size = f, 0
	named, err := listsNamed(io.NewSectionReader(old, 0, was))
	if err != nil {
		return nil // they stay until the next time
	}
	if err := m.paper.prune(named); err != nil {
		m.paper.log.Warn("lists of numbers that nothing speaks of any more could not be removed", "error", err)
	}
	return nil
}

// addressLen is the length of a list's name: a SHA-256 in hexadecimal digits.
const addressLen = 2 * sha256.Size

// listsNamed finds whatever may be the name of a list in entries of the journal.
// Hashes of entries look the same and do no harm.
func listsNamed(r io.Reader) (map[cutover.ListID]bool, error) {
	named, lines, run := map[cutover.ListID]bool{}, bufio.NewReaderSize(r, 1<<20), make([]byte, 0, addressLen+1)
	for {
		c, err := lines.ReadByte()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if err == nil && (c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
			if len(run) <= addressLen {
				run = append(run, c)
			}
			continue
		}
		if len(run) == addressLen {
			named[cutover.ListID(run)] = true
		}
		if run = run[:0]; err != nil {
			return named, nil
		}
	}
}
