package token

import (
	"bytes"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func ring(t testing.TB, keys ...byte) *Ring {
	t.Helper()
	var all [][32]byte
	for _, k := range keys {
		all = append(all, [32]byte(bytes.Repeat([]byte{k}, 32)))
	}
	r, err := NewRing(all...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var (
	callID = []byte("1142930157_61829134@198.51.100.131")
	tag    = []byte("gK0a2c1b3d")
)

func sample() Token {
	return Token{
		Direction: ToCaller, Call: [12]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, Edge: ID("edge-1"), Trunk: ID("twilio-a"),
		Route: ID("speakops"), Authority: 3, Flags: 9, Revision: 1 << 60, In: ID("in"), Out: ID("out"),
		Hop: netip.MustParseAddrPort("192.0.2.7:5080"), HopProto: 2, Expires: 1790000000, Answered: 1789990000,
	}
}

func tokens() *rapid.Generator[Token] {
	return rapid.Custom(func(t *rapid.T) Token {
		u32 := rapid.Uint32()
		hop, number := netip.AddrPort{}, uint64(0)
		port := rapid.Uint16().Draw(t, "port")
		raw := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "address")
		switch rapid.IntRange(0, 2).Draw(t, "family") {
		case 0:
			hop = netip.AddrPortFrom(netip.Addr{}, port)
		case 1:
			hop = netip.AddrPortFrom(netip.AddrFrom4([4]byte(raw[:4])), port)
			number = rapid.Uint64().Draw(t, "number")
		case 2:
			hop = netip.AddrPortFrom(netip.AddrFrom16([16]byte(raw)).Unmap(), port)
		}
		return Token{
			Number: number, Direction: Direction(rapid.IntRange(0, 1).Draw(t, "direction")),
			Call: [12]byte(rapid.SliceOfN(rapid.Byte(), 12, 12).Draw(t, "call")),
			Edge: u32.Draw(t, "edge"), Trunk: u32.Draw(t, "trunk"), Route: u32.Draw(t, "route"),
			Authority: rapid.Byte().Draw(t, "authority"), Flags: rapid.Byte().Draw(t, "flags"),
			Revision: rapid.Uint64().Draw(t, "revision"), In: u32.Draw(t, "in"), Out: u32.Draw(t, "out"),
			Hop: hop, HopProto: byte(rapid.IntRange(0, 31).Draw(t, "proto")),
			Expires: u32.Draw(t, "expires"), Answered: u32.Draw(t, "answered"),
		}
	})
}

func TestEverySealedTokenOpensToTheSame(t *testing.T) {
	r := ring(t, 1)
	rapid.Check(t, func(t *rapid.T) {
		want := tokens().Draw(t, "token")
		call := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "call id")
		caller := rapid.SliceOfN(rapid.Byte(), 0, 60).Draw(t, "tag")
		text := r.Seal([]byte("x"), &want, call, caller)[1:]
		if len(text) != MaxLen {
			t.Fatalf("%d characters", len(text))
		}
		// No 'q': peers that look for "CSeq" anywhere in the head must not find it here.
		if i := bytes.IndexFunc(text, func(c rune) bool {
			return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnoprstuvwxyz0123456789-_.", c)
		}); i >= 0 {
			t.Fatalf("%q is not for a user part", text[i])
		}
		got, err := r.Open(text, call, caller)
		if err != nil || got != want {
			t.Fatalf("%+v %v, want %+v", got, err, want)
		}
		if again := r.Seal(nil, &want, call, caller); !bytes.Equal(again, text) {
			t.Fatal("the same token seals to another text")
		}
	})
}

func TestNoChangedTokenOpens(t *testing.T) {
	r := ring(t, 1)
	s := sample()
	text := r.Seal(nil, &s, callID, tag)
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/\r\n "
	for i := range text {
		for _, c := range []byte(alphabet) {
			if c == text[i] {
				continue
			}
			bad := slices.Clone(text)
			bad[i] = c
			if got, err := r.Open(bad, callID, tag); !errors.Is(err, ErrForged) || got != (Token{}) {
				t.Fatalf("%q at %d opens: %+v %v", c, i, got, err)
			}
		}
		if _, err := r.Open(text[:i], callID, tag); !errors.Is(err, ErrForged) {
			t.Fatalf("cut at %d opens", i)
		}
		broken := slices.Insert(slices.Clone(text), i, '\n')
		if _, err := r.Open(broken, callID, tag); !errors.Is(err, ErrForged) {
			t.Fatalf("a line break at %d is overlooked", i)
		}
	}
}

func TestATokenBelongsToItsDialog(t *testing.T) {
	r := ring(t, 1)
	s := sample()
	text := r.Seal(nil, &s, callID, tag)
	for _, c := range []struct {
		what      string
		call, tag []byte
	}{
		{"other call", []byte("other"), tag}, {"other tag", callID, []byte("other")}, {"swapped", tag, callID},
		{"moved border", append(slices.Clone(callID), tag[0]), tag[1:]}, {"nothing", nil, nil},
	} {
		if _, err := r.Open(text, c.call, c.tag); !errors.Is(err, ErrForged) {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	if _, err := r.OpenText(nil, text, callID); !errors.Is(err, ErrForged) {
		t.Error("a token opens as a text")
	}
	plain := make([]byte, packedSize)
	if _, err := r.Open(r.SealText(nil, plain, callID), callID, nil); !errors.Is(err, ErrForged) {
		t.Error("a text opens as a token")
	}
}

func TestKeysRotate(t *testing.T) {
	before, second, promoted, gone := ring(t, 1), ring(t, 1, 2), ring(t, 2, 1), ring(t, 2)
	s := sample()
	aged := before.Seal(nil, &s, callID, tag)
	fresh := promoted.Seal(nil, &s, callID, tag)
	for _, c := range []struct {
		what string
		r    *Ring
		text []byte
		ok   bool
	}{
		{"added second", second, aged, true}, {"promoted, old text", promoted, aged, true}, {"promoted, new text", promoted, fresh, true},
		{"new text where the key is second", second, fresh, true}, {"old text when the key is gone", gone, aged, false}, {"new text too early", before, fresh, false},
	} {
		if got, err := c.r.Open(c.text, callID, tag); (err == nil) != c.ok || c.ok && got != s {
			t.Errorf("%s: %+v %v", c.what, got, err)
		}
	}
}

// Two keys may share the byte that names them; both must still open.
func TestKeysOfOneIDAreBothTried(t *testing.T) {
	seen := make(map[byte][32]byte)
	for n := range 2000 {
		k := [32]byte{byte(n), byte(n >> 8), 1}
		r, err := NewRing(k)
		if err != nil {
			t.Fatal(err)
		}
		other, ok := seen[r.keys[0].id]
		if !ok {
			seen[r.keys[0].id] = k
			continue
		}
		both, err := NewRing(other, k)
		if err != nil {
			t.Fatal(err)
		}
		s := sample()
		if got, err := both.Open(r.Seal(nil, &s, callID, tag), callID, tag); err != nil || got != s {
			t.Fatalf("the second key of the id does not open: %v", err)
		}
		return
	}
	t.Fatal("no two keys of one id among 2000")
}

func TestTexts(t *testing.T) {
	r := ring(t, 3)
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "plain")
		text := r.SealText([]byte("x"), plain, callID)
		got, err := r.OpenText([]byte("y"), text[1:], callID)
		if err != nil || string(got) != "y"+string(plain) {
			t.Fatalf("%q %v", got, err)
		}
		i := rapid.IntRange(1, len(text)-1).Draw(t, "at")
		text[i] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if got, err := r.OpenText([]byte("y"), text[1:], callID); !errors.Is(err, ErrForged) || string(got) != "y" {
			t.Fatalf("changed at %d: %q %v", i, got, err)
		}
	})
	for _, n := range []int{0, 1, 12, 16, 17} {
		if _, err := r.OpenText(nil, bytes.Repeat([]byte("A"), n), callID); !errors.Is(err, ErrForged) {
			t.Errorf("%d characters open", n)
		}
	}
}

func TestRingsAreChecked(t *testing.T) {
	if _, err := NewRing(); err == nil {
		t.Error("a ring without keys")
	}
	if _, err := NewRing([32]byte{}); err == nil {
		t.Error("a key of zeros")
	}
	if _, err := NewRing([32]byte{1}, [32]byte{2}, [32]byte{1}); err == nil {
		t.Error("a key twice")
	}
}

func TestSumFramesItsPartsAndHangsOnTheFirstKey(t *testing.T) {
	r := ring(t, 1, 2)
	a := r.Sum([]byte("ab"), []byte("c"))
	if a != ring(t, 1).Sum([]byte("ab"), []byte("c")) {
		t.Error("a second key changes the sum")
	}
	for _, other := range [][16]byte{
		r.Sum([]byte("a"), []byte("bc")), r.Sum([]byte("abc")), r.Sum([]byte("ab"), []byte("c"), nil), r.Sum(),
		ring(t, 2, 1).Sum([]byte("ab"), []byte("c")),
	} {
		if other == a {
			t.Error("two inputs, one sum")
		}
	}
}

// Branches must survive a release: the sum and the sealed form are a format.
func TestTheFormatStays(t *testing.T) {
	r := ring(t, 7)
	s := sample()
	if got, want := string(r.Seal(nil, &s, callID, tag)), sealedSample; got != want {
		t.Errorf("tokens in flight would be lost: %s, was %s", got, want)
	}
	if got, want := r.Sum([]byte("branch"), []byte("1")), sumSample; got != want {
		t.Errorf("transactions in flight would be lost: %x, was %x", got, want)
	}
}

func TestHopsAreKeptPlain(t *testing.T) {
	r := ring(t, 1)
	for in, want := range map[string]string{"[::ffff:192.0.2.1]:5": "192.0.2.1:5", "[fe80::1%eth0]:5": "[fe80::1]:5"} {
		s := Token{Hop: netip.MustParseAddrPort(in)}
		got, err := r.Open(r.Seal(nil, &s, callID, tag), callID, tag)
		if err != nil || got.Hop.String() != want {
			t.Errorf("%s: %v %v, want %s", in, got.Hop, err, want)
		}
	}
}

func TestIDs(t *testing.T) {
	if ID("") == 0 || ID("a") == ID("b") || ID("foobar") != 0xbf9cf968 {
		t.Errorf("%x", ID("foobar"))
	}
}

func TestARingServesManyAtOnce(t *testing.T) {
	r := ring(t, 1, 2)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			s := sample()
			for n := range 300 {
				s.Edge, s.Revision = uint32(g), uint64(n)
				got, err := r.Open(r.Seal(nil, &s, callID, tag), callID, tag)
				if err != nil || got != s {
					t.Errorf("%+v %v", got, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// FuzzToken: bytes that were not sealed never open.
func FuzzToken(f *testing.F) {
	r := ring(f, 1, 2)
	s := sample()
	text := r.Seal(nil, &s, callID, tag)
	f.Add(text, callID, tag)
	f.Add(text[:MaxLen-1], callID, tag)
	f.Add(bytes.Repeat([]byte("A"), MaxLen), []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, in, call, caller []byte) {
		got, err := r.Open(in, call, caller)
		if err == nil && !(bytes.Equal(in, text) && bytes.Equal(call, callID) && bytes.Equal(caller, tag) && got == s) {
			t.Fatalf("%q opens as %+v", in, got)
		}
		if plain, err := r.OpenText(nil, in, call); err == nil {
			t.Fatalf("%q opens as %q", in, plain)
		}
		sealed := r.SealText(nil, in, call)
		if plain, err := r.OpenText(nil, sealed, call); err != nil || !bytes.Equal(plain, in) {
			t.Fatalf("%q came back as %q, %v", in, plain, err)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	r, s := ring(b, 1), sample()
	dst := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		dst = r.Seal(dst[:0], &s, callID, tag)
	}
}

func BenchmarkOpen(b *testing.B) {
	r, s := ring(b, 1), sample()
	text := r.Seal(nil, &s, callID, tag)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Open(text, callID, tag); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSum(b *testing.B) {
	r := ring(b, 1)
	b.ReportAllocs()
	for b.Loop() {
		r.Sum(callID, tag)
	}
}

const sealedSample = "o6wyslRwg8DM26XUV.ksm_p555o31It7u7NGY.A8zyXr7sr9ryJzFePPRQ79o3lNKVnGDGJyG2viA6WS55G3Mroj7-LPSuVjmrLp3k6bQL9JNA"

var sumSample = [16]byte{0x00, 0x5b, 0xb5, 0xf2, 0x88, 0x4e, 0x0e, 0xfc, 0x1e, 0x39, 0xf0, 0x2d, 0xcf, 0x0c, 0x37, 0xf9}
