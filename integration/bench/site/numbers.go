package site

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// Number is a public number and whether SpeakOps holds it: the odd ones.
type Number struct {
	Public   string
	SpeakOps bool
}

func (n Number) holder() string {
	if n.SpeakOps {
		return "speakops"
	}
	return "legacy"
}

// some are n distinct North American numbers, the same ones each time, every
// second one odd: the floor, which knows no table, goes by the last digit.
func some(n int) []Number {
	r := rand.New(rand.NewPCG(3261, 6665))
	seen := make(map[uint64]bool, n)
	all := make([]Number, 0, n)
	for len(all) < n {
		npa, nxx, line := 201+r.Uint64N(780), 200+r.Uint64N(800), r.Uint64N(5000)*2+uint64(len(all)&1)
		if npa%100 == 11 || nxx%100 == 11 || npa/10%10 == 9 { // service codes, and area codes that do not exist
			continue
		}
		v := (npa*1000+nxx)*10_000 + line
		if seen[v] {
			continue
		}
		seen[v] = true
		all = append(all, Number{Public: fmt.Sprintf("+1%010d", v), SpeakOps: line&1 == 1})
	}
	return all
}

// write puts the numbers down for the import and for SIPp.
func (s *Site) write() error {
	s.Records, s.Called = filepath.Join(s.Dir, "records.csv"), filepath.Join(s.Dir, "called.csv")
	err := lines(s.Records, "public_number,routing_authority,porting_state", s.Numbers, func(n Number) string {
		state := "draft"
		if n.SpeakOps {
			state = "settled"
		}
		return n.Public + "," + n.holder() + "," + state
	})
	if err != nil {
		return err
	}
	return lines(s.Called, "SEQUENTIAL", s.Numbers[:s.called], func(n Number) string {
		return n.Public + ";" + n.holder()
	})
}

func lines(name, head string, numbers []Number, line func(Number) string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, head)
	for _, n := range numbers {
		fmt.Fprintln(w, line(n))
	}
	if err := w.Flush(); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
