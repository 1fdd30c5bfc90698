package snapshot

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/speakops/sipedge/routing"
)

// payload is how much of records goes into one frame, about.
const payload = 64 << 10

// Encode writes a snapshot of the table as it is, more or less, now: what is
// written meanwhile may or may not be in it, so the head's positions must have
// been noted before. The table is read without locks; nothing waits for this.
func Encode(to io.Writer, head *Head, table *routing.Table, lost []routing.PublicNumber) error {
	w := &writer{frames: frames{to: to}, known: make(map[routing.Shared]uint64)}
	if err := w.write(kindHead, appendHead(nil, head)); err != nil {
		return err
	}
	for e := range table.Entries {
		if err := w.record(&e); err != nil {
			return err
		}
	}
	if err := w.flush(); err != nil {
		return err
	}
	for len(lost) > 0 {
		some := lost[:min(len(lost), 4096)]
		lost = lost[len(some):]
		var b []byte
		for _, n := range some {
			b = binary.AppendUvarint(b, uint64(n))
		}
		if err := w.write(kindLost, b); err != nil {
			return err
		}
	}
	return w.write(kindEnd, binary.AppendUvarint(nil, w.count))
}

type writer struct {
	frames
	known   map[routing.Shared]uint64
	shared  []byte // those not written yet
	records []byte
	count   uint64
}

func (w *writer) record(e *routing.Entry) error {
	at := uint64(0)
	if !e.Shared.Deleted() {
		var ok bool
		if at, ok = w.known[e.Shared]; !ok {
			at = uint64(len(w.known) + 1)
			w.known[e.Shared] = at
			w.shared = appendShared(w.shared, e.Shared)
		}
	}
	b := binary.AppendUvarint(w.records, uint64(e.PublicNumber))
	b = binary.AppendUvarint(b, e.Revision)
	b = binary.AppendUvarint(b, at)
	w.records = appendText(b, e.Customer)
	w.count++
	if len(e.Customer) > maxText {
		return fmt.Errorf("%s: customer_assignment has %d bytes; at most %d fit into a snapshot", e.PublicNumber, len(e.Customer), maxText)
	}
	if len(w.records) < payload && len(w.shared) < payload {
		return nil
	}
	return w.flush()
}

// flush writes what is shared before the records that name it.
func (w *writer) flush() error {
	if len(w.shared) > 0 {
		if err := w.write(kindShared, w.shared); err != nil {
			return err
		}
	}
	if len(w.records) > 0 {
		if err := w.write(kindRecords, w.records); err != nil {
			return err
		}
	}
	w.shared, w.records = w.shared[:0], w.records[:0]
	return nil
}
