package clock

import (
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/speakops/sipedge/sipedge/records"
)

// slowDisk takes its time for everything that is to be on it for good.
type slowDisk struct{ records.Disk }

func (slowDisk) SyncDir(string) error { time.Sleep(time.Second); return nil }

// Whoever waits for the file while another one writes it is in nobody's way: in a
// bubble time goes on, which it does not beside a mutex.
func TestWhoWaitsForTheFileDoesNotStopTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New(Options{Path: filepath.Join(t.TempDir(), "clock.json"), Files: slowDisk{}})
		if err != nil {
			t.Fatal(err)
		}
		at := read(c.machine)
		c.belief.Store(&belief{now: track{ref: at.boot, lo: 1, hi: 2}, heard: at})
		began := time.Now()
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				if err := c.Save(); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("two writers, one after the other, took %s of the bubble's time", took)
		}
	})
}
