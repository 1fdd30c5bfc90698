package main

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

func TestCountsAreAddedUp(t *testing.T) {
	file := filepath.Join(t.TempDir(), "counts")
	good := `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"chatter\n"}
{"Action":"pass","Package":"p","Test":"TestA/sub"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"skip","Package":"p","Test":"TestS"}
{"Action":"pass","Package":"p","Elapsed":1.5}
{"Action":"skip","Package":"empty"}
`
	bad := `{"Action":"build-output","ImportPath":"q","Output":"q.go:1: broken\n"}
{"Action":"build-fail","ImportPath":"q"}
{"Action":"fail","Package":"q","Elapsed":0,"FailedBuild":"q"}
{"Action":"output","Package":"r","Test":"TestB","Output":"want 1\n"}
{"Action":"fail","Package":"r","Test":"TestB"}
{"Action":"fail","Package":"r","Elapsed":0.1}
`
	var out strings.Builder
	if err := run([]string{file}, strings.NewReader(good), &out); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "ok     p 2 passed, 1 skipped (1.5 s)\n"; got != want {
		t.Errorf("a good run prints %q, want %q", got, want)
	}
	if err := run([]string{"total", file}, nil, &out); err != nil {
		t.Errorf("total after a good run: %v", err)
	}
	out.Reset()
	if err := run([]string{file}, strings.NewReader(bad), &out); !errors.Is(err, errFailed) {
		t.Errorf("a bad run gives %v, want %v", err, errFailed)
	}
	for _, want := range []string{"q.go:1: broken", "FAILED q (the package as a whole)", "FAILED r TestB\n    want 1\n", "FAILED r 0 passed, 1 failed"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("a bad run does not print %q:\n%s", want, out.String())
		}
	}
	out.Reset()
	if err := run([]string{"total", file}, nil, &out); !errors.Is(err, errFailed) {
		t.Errorf("total gives %v, want %v", err, errFailed)
	}
	if got, want := out.String(), "(1 skipped)\n2 passed, 2 failed\n"; got != want {
		t.Errorf("total prints %q, want %q", got, want)
	}
}

func TestNothingRunIsAFailure(t *testing.T) {
	file := filepath.Join(t.TempDir(), "counts")
	var out strings.Builder
	if err := run([]string{file}, strings.NewReader(""), &out); err != nil {
		t.Fatal(err)
	}
	if err := run([]string{"total", file}, nil, &out); !errors.Is(err, errFailed) {
		t.Errorf("total of nothing gives %v, want %v", err, errFailed)
	}
}
