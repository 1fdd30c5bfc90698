package snapshot

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/speakops/sipedge/routing"
)

func TestEverythingComesBack(t *testing.T) {
	table, lost := filled(20_000), []routing.PublicNumber{12025550001, 12025550002}
	file := encoded(t, head(), table, lost...)
	back := new(routing.Table)
	c, err := Decode(bytes.NewReader(file), prefix, func(e routing.Entry) { back.Enter(e) })
	if err != nil {
		t.Fatal(err)
	}
	if c.Head != *head() || !slices.Equal(c.Lost, lost) || c.Records != 20_000 {
		t.Fatalf("%+v", c)
	}
	if back.Len() != table.Len() || !maps.Equal(entries(back), entries(table)) {
		t.Fatalf("%d numbers came back, of %d", back.Len(), table.Len())
	}
}

func TestAnyTableComesBack(t *testing.T) {
	word := rapid.StringMatching(`[a-zé]{0,12}`)
	rapid.Check(t, func(t *rapid.T) {
		table := new(routing.Table)
		for range rapid.IntRange(0, 60).Draw(t, "writes") {
			n := routing.Number{
				PublicNumber:     routing.PublicNumber(rapid.Uint64Range(1_000_000, 999_999_999_999_999).Draw(t, "number")),
				NumberType:       routing.NumberType(rapid.IntRange(0, 3).Draw(t, "type")),
				PortingState:     routing.PortingState(rapid.IntRange(0, 20).Draw(t, "state")),
				RoutingAuthority: routing.RoutingAuthority(rapid.IntRange(0, 2).Draw(t, "authority")),
				OriginalAssignee: routing.ProviderID(word.Draw(t, "original")), CurrentServingProvider: routing.ProviderID(word.Draw(t, "serving")),
				LosingProvider: routing.ProviderID(word.Draw(t, "losing")), UnderlyingCarrier: routing.CarrierID(word.Draw(t, "carrier")),
				CustomerAssignment: routing.CustomerID(word.Draw(t, "customer")), LRN: word.Draw(t, "lrn"),
				LegacyRoute: routing.RouteID(word.Draw(t, "legacy")), SpeakOpsRoute: routing.RouteID(word.Draw(t, "speakops")),
				Revision: rapid.Uint64Range(1, 1<<62).Draw(t, "revision"),
			}
			if rapid.Bool().Draw(t, "overridden") {
				n.Override = routing.Override{
					Kind: routing.OverrideKind(rapid.IntRange(1, 3).Draw(t, "kind")),
					From: time.UnixMicro(rapid.Int64Range(1, 1<<50).Draw(t, "from")).UTC(), Until: time.UnixMicro(1 << 51).UTC(),
					Reason: word.Draw(t, "reason"), Author: word.Draw(t, "author"),
				}
			}
			if rapid.IntRange(0, 4).Draw(t, "what") == 0 {
				table.Delete(n.PublicNumber, n.Revision)
			} else {
				table.Put(n)
			}
		}
		var b bytes.Buffer
		if err := Encode(&b, head(), table, nil); err != nil {
			t.Fatal(err)
		}
		back := new(routing.Table)
		c, err := Decode(&b, prefix, func(e routing.Entry) { back.Enter(e) })
		if err != nil || c.Records != len(entries(table)) || !maps.Equal(entries(back), entries(table)) {
			t.Fatalf("%v: %v, want %v", err, entries(back), entries(table))
		}
	})
}

// cuts is every byte of the first frames and the last ones, both sides of every
// frame's edge, and some in between.
func cuts(file []byte) []int {
	at := map[int]bool{}
	near := func(i int) {
		for j := max(0, i-12); j < min(len(file), i+12); j++ {
			at[j] = true
		}
	}
	near(0)
	near(len(file))
	for i := 0; i < len(file); {
		near(i)
		i += 9 + int(binary.LittleEndian.Uint32(file[i+1:]))
	}
	for i := 0; i < len(file); i += 97 {
		at[i] = true
	}
	return slices.Sorted(maps.Keys(at))
}

func refusal(file []byte) string {
	if _, err := Decode(bytes.NewReader(file), prefix, nil); err != nil {
		return err.Error()
	}
	return ""
}

func TestTornAnywhereIsRefused(t *testing.T) {
	file := encoded(t, head(), filled(5000), 12025550001)
	for _, at := range cuts(file) {
		if why := refusal(file[:at]); !strings.Contains(why, "torn") {
			t.Fatalf("cut at %d of %d: %q", at, len(file), why)
		}
	}
	if why := refusal(append(slices.Clone(file), 0)); !strings.Contains(why, "follows its end") {
		t.Fatal(why)
	}
}

func TestAFlippedBitIsRefused(t *testing.T) {
	file := encoded(t, head(), filled(5000), 12025550001)
	for _, at := range cuts(file) {
		for bit := range 8 {
			bad := slices.Clone(file)
			bad[at] ^= 1 << bit
			if refusal(bad) == "" {
				t.Fatalf("bit %d of byte %d is not missed", bit, at)
			}
		}
	}
}

// A frame that is whole but in the wrong place, or missing, is noticed too.
func TestMovedFramesAreRefused(t *testing.T) {
	file := encoded(t, head(), filled(20_000))
	var parts [][]byte
	for rest := file; len(rest) > 0; {
		n := 9 + int(binary.LittleEndian.Uint32(rest[1:]))
		parts, rest = append(parts, rest[:n]), rest[n:]
	}
	if len(parts) < 6 {
		t.Fatalf("%d frames are too few for this test", len(parts))
	}
	last := len(parts) - 2
	for name, order := range map[string][][]byte{
		"one missing": slices.Delete(slices.Clone(parts), last, last+1),
		"one twice":   slices.Insert(slices.Clone(parts), last, parts[last]),
		"two swapped": append(append(slices.Clone(parts[:last-1]), parts[last], parts[last-1]), parts[last+1]),
	} {
		if why := refusal(bytes.Join(order, nil)); !strings.Contains(why, "checksum") {
			t.Errorf("%s: %q", name, why)
		}
	}
}

func TestForeignFilesAreRefusedByName(t *testing.T) {
	var newer bytes.Buffer
	(&frames{to: &newer}).write(kindHead, append(binary.AppendUvarint([]byte(magic), Version+1), "something else"...))
	var other bytes.Buffer
	(&frames{to: &other}).write(kindHead, []byte("another program's words"))
	h := head()
	h.Prefix = "elsewhere"
	for want, file := range map[string][]byte{
		"version 2":                 newer.Bytes(),
		"no snapshot of numbers":    other.Bytes(),
		`redis prefix "elsewhere"`:  encoded(t, h, filled(3)),
		"a checksum does not match": []byte("PK\x03\x04 and whatever comes after it"),
		"torn":                      nil,
	} {
		if why := refusal(file); !strings.Contains(why, want) {
			t.Errorf("%q does not say %q", why, want)
		}
	}
}

// FuzzDecode looks for bytes that are taken for a snapshot, or worse. With
// checksums in the way little would be reached, so they are put right first.
func FuzzDecode(f *testing.F) {
	f.Add(encoded(f, head(), filled(40), 12025550001))
	f.Add(encoded(f, head(), new(routing.Table)))
	f.Add([]byte("H\x05\x00\x00\x00hello"))
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, b := range [][]byte{file, righted(file)} {
			table := new(routing.Table)
			c, err := Decode(bytes.NewReader(b), prefix, func(e routing.Entry) {
				if !e.PublicNumber.Valid() {
					t.Fatalf("%d is taken for a number", uint64(e.PublicNumber))
				}
				table.Enter(e)
			})
			if err != nil {
				continue
			}
			again := new(routing.Table)
			var copied bytes.Buffer
			if err := Encode(&copied, &c.Head, table, c.Lost); err != nil {
				t.Fatal(err)
			}
			if _, err := Decode(&copied, prefix, func(e routing.Entry) { again.Enter(e) }); err != nil {
				t.Fatalf("what was read cannot be written and read again: %v", err)
			}
			if !maps.Equal(entries(again), entries(table)) {
				t.Fatal("it changed on the way")
			}
		}
	})
}

// righted is file with the checksum of every frame put right.
func righted(file []byte) []byte {
	b, check := slices.Clone(file), uint32(0)
	for rest := b; len(rest) >= 9; {
		n := binary.LittleEndian.Uint32(rest[1:])
		if uint64(n)+9 > uint64(len(rest)) {
			break
		}
		check = crc32.Update(check, castagnoli, rest[:5+n])
		binary.LittleEndian.PutUint32(rest[5+n:], check)
		rest = rest[9+n:]
	}
	return b
}
