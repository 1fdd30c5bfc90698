package gate

import (
	"os"
	"path/filepath"
	"testing"
)

// The messages of RFC 4475: what is valid passes, and of what is not, the gate
// finds what can be found by counting and comparing. The rest is the parser's.
func TestTorture(t *testing.T) {
	found := map[string]Reason{
		"baddn": NoEnd, "badvers": Version, "bigcode": BadStartLine, "clerr": ShortBody, "insuf": Missing, "lwsruri": BadStartLine,
		"lwsstart": BadStartLine, "mcl01": BadLength, "mismatch01": CSeqMethod, "mismatch02": CSeqMethod,
		"multi01": Duplicate, "ncl": BadLength, "scalar02": BadCSeq, "scalarlg": BadCSeq, "test": NotSIP, "trws": BadStartLine,
	}
	files, _ := filepath.Glob("../../message/testdata/torture/*.dat")
	if len(files) < 49 {
		t.Fatalf("%d messages found", len(files))
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(f[:len(f)-len(".dat")])
		if v := Datagram(b); v.Reason != found[name] {
			t.Errorf("%s: %v, want %v", name, v.Reason, found[name])
		}
	}
}
