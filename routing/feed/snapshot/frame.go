package snapshot

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

const (
	magic    = "sipedge numbers\n"
	maxFrame = 1 << 20
	maxText  = 1 << 10 // of one text; records hold at most 256 bytes each
)

const (
	kindHead    = 'H'
	kindShared  = 'S'
	kindRecords = 'R'
	kindLost    = 'L'
	kindEnd     = 'E'
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frames writes one frame after the other.
type frames struct {
	to    io.Writer
	check uint32
	buf   []byte
}

func (f *frames) write(kind byte, payload []byte) error {
	f.buf = append(f.buf[:0], kind, 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(f.buf[1:], uint32(len(payload)))
	f.buf = append(f.buf, payload...)
	f.check = crc32.Update(f.check, castagnoli, f.buf)
	f.buf = binary.LittleEndian.AppendUint32(f.buf, f.check)
	_, err := f.to.Write(f.buf)
	return err
}

var (
	errTorn   = errors.New("it is torn: it ends before its end")
	errCheck  = errors.New("it is damaged: a checksum does not match")
	errLonger = errors.New("it is damaged: something follows its end")
)

// unframed reads them back.
type unframed struct {
	from  *bufio.Reader
	check uint32
	buf   []byte
}

// next is one frame; its payload lasts until the next call.
func (u *unframed) next() (kind byte, payload []byte, err error) {
	var top [5]byte
	if _, err := io.ReadFull(u.from, top[:]); err != nil {
		return 0, nil, torn(err)
	}
	n := binary.LittleEndian.Uint32(top[1:])
	if n > maxFrame {
		return 0, nil, errCheck
	}
	if cap(u.buf) < int(n)+4 {
		u.buf = make([]byte, n+4)
	}
	b := u.buf[:n+4]
	if _, err := io.ReadFull(u.from, b); err != nil {
		return 0, nil, torn(err)
	}
	u.check = crc32.Update(crc32.Update(u.check, castagnoli, top[:]), castagnoli, b[:n])
	if u.check != binary.LittleEndian.Uint32(b[n:]) {
		return 0, nil, errCheck
	}
	return top[0], b[:n], nil
}

func torn(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errTorn
	}
	return err
}

// words reads what a payload says. After the first mistake everything is zero.
type words struct {
	b   []byte
	bad bool
}

func (w *words) more() bool { return len(w.b) > 0 && !w.bad }

func (w *words) uint() uint64 {
	v, n := binary.Uvarint(w.b)
	if n <= 0 || w.bad {
		w.bad = true
		return 0
	}
	w.b = w.b[n:]
	return v
}

func (w *words) int() int64 {
	v, n := binary.Varint(w.b)
	if n <= 0 || w.bad {
		w.bad = true
		return 0
	}
	w.b = w.b[n:]
	return v
}

// bytes is a text that lasts as long as the payload.
func (w *words) bytes() []byte {
	n := w.uint()
	if w.bad || n > maxText || n > uint64(len(w.b)) {
		w.bad = true
		return nil
	}
	text := w.b[:n]
	w.b = w.b[n:]
	return text
}

func (w *words) text() string { return string(w.bytes()) }

func (w *words) done(kind byte) error {
	if w.bad || len(w.b) > 0 {
		return wrong(kind)
	}
	return nil
}

func wrong(kind byte) error { return fmt.Errorf("it is damaged: a frame %q makes no sense", kind) }

func appendText[T ~string](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}
