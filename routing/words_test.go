package routing

import (
	"encoding"
	"strings"
	"testing"
)

func TestEveryWordReadsBack(t *testing.T) {
	roundTrip(t, "routing_authority", 3, func(i uint8) RoutingAuthority { return RoutingAuthority(i) })
	roundTrip(t, "override", 4, func(i uint8) OverrideKind { return OverrideKind(i) })
	roundTrip(t, "number_type", 4, func(i uint8) NumberType { return NumberType(i) })
	roundTrip(t, "porting_state", uint8(portingStates), func(i uint8) PortingState { return PortingState(i) })
	roundTrip(t, "target", 4, func(i uint8) LegacyTarget { return LegacyTarget(i) })
	roundTrip(t, "kind", 3, func(i uint8) Kind { return Kind(i) })
	roundTrip(t, "intent", 6, func(i uint8) Intent { return Intent(i) })
}

type word interface {
	~uint8
	String() string
	encoding.TextMarshaler
}

func roundTrip[T word, P interface {
	*T
	encoding.TextUnmarshaler
}](t *testing.T, what string, n uint8, of func(uint8) T) {
	t.Helper()
	seen := map[string]bool{}
	for i := range n {
		x := of(i)
		text, err := x.MarshalText()
		if err != nil || string(text) != x.String() || seen[x.String()] {
			t.Errorf("%s %d: %q, %q, %v", what, i, text, x, err)
		}
		seen[x.String()] = true
		back := of(n - 1 - i)
		if err := P(&back).UnmarshalText(text); err != nil || back != x {
			t.Errorf("%s %q reads back as %v, %v", what, text, back, err)
		}
	}
	if text, err := of(n).MarshalText(); err == nil {
		t.Errorf("%s %d is beyond the vocabulary and spelled %q", what, n, text)
	}
	back := of(1)
	err := P(&back).UnmarshalText([]byte("Nonsense"))
	if err == nil || back != of(1) || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), of(2).String()) {
		t.Errorf("%s: nonsense gives %v, %v; want the word, the name and what is allowed", what, back, err)
	}
}

func TestVocabularySpelling(t *testing.T) {
	for got, want := range map[string]string{
		Legacy.String(): "legacy", SpeakOps.String(): "speakops", AuthorityNone.String(): "none",
		TollFree.String(): "toll_free", ForceSpeakOps.String(): "force_speakops", Block.String(): "block",
		FOCConfirmed.String(): "foc_confirmed", PartiallyActive.String(): "partially_active", ROCReversed.String(): "roc_reversed",
		PSTNSameTN.String(): "pstn_same_tn", NotOurs.String(): "not_ours", RetryElsewhere.String(): "retry_elsewhere",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if Legacy.Other() != SpeakOps || SpeakOps.Other() != Legacy || AuthorityNone.Other() != AuthorityNone {
		t.Error("the side across is wrong")
	}
}
