package storm

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

func number(t *testing.T, name string, otherwise int) int {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s=%q is no number", name, text)
	}
	return n
}

// TestStorm plays evenings one after the other. STORM_SEED=N plays that one only,
// and tells all of it with -v.
func TestStorm(t *testing.T) {
	from, count := 1, number(t, "STORM_SEEDS", 2)
	var log func(string, ...any)
	if os.Getenv("STORM_SEED") != "" {
		from, count = number(t, "STORM_SEED", 1), 1
		log = t.Logf
	}
	var figures Figures
	for seed := from; seed < from+count; seed++ {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			weather := storm
			if os.Getenv("STORM_WEATHER") == "squall" {
				weather = squall
			}
			faults, _ := Evening(t, uint64(seed), weather, breaks{}, &figures, log)
			for _, f := range faults[:min(len(faults), 5)] {
				t.Errorf("STORM_SEED=%d: %s", seed, f)
			}
		})
	}
	report(t, figures.String())
}

// TestStories tells what chance does not come to, with every rule kept. Every run
// tells the short ones once, STORM_TELLINGS=N tells all of them with N seeds.
// STORM_STORY=NAME tells those only whose name has that in it, all of it with -v.
func TestStories(t *testing.T) {
	only := os.Getenv("STORM_STORY")
	var log func(string, ...any)
	if only != "" {
		log = t.Logf
	}
	tellings := number(t, "STORM_TELLINGS", 0)
	var figures Figures
	for _, s := range stories {
		if !strings.Contains(s.name, only) || tellings == 0 && only == "" && s.long {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			for seed := range uint64(max(tellings, 1)) {
				faults, _ := Evening(t, seed+1, s.weather, breaks{}, &figures, log)
				for _, f := range faults[:min(len(faults), 5)] {
					t.Errorf("seed %d: %s", seed+1, f)
				}
			}
		})
	}
	report(t, "stories: "+figures.String())
}

// report writes a line that is worth keeping to the file that STORM_FIGURES names.
func report(t *testing.T, line string) {
	t.Log(line)
	if name := os.Getenv("STORM_FIGURES"); name != "" {
		f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err == nil {
			_, err = fmt.Fprintln(f, line)
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// What a seed printed on failure is worth: it gives the same evening again.
func TestTheSameSeedIsTheSameEvening(t *testing.T) {
	const seed = 4
	_, one := Evening(t, seed, brief, breaks{}, nil, nil)
	_, two := Evening(t, seed, brief, breaks{}, nil, nil)
	if one != two {
		t.Errorf("seed %d came to\n%s\nand then to\n%s", seed, one, two)
	}
}
