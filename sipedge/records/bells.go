package records

import (
	"context"
	"time"
)

// bells is how callers and the one writer goroutine of a file talk: nobody who
// rings ever waits.
type bells struct {
	wake chan struct{} // something waits
	soon chan struct{} // much waits: do not linger
	stop chan struct{} // closed by Close
	done chan struct{} // closed by the writer
}

func newBells() bells {
	return bells{
		wake: make(chan struct{}, 1), soon: make(chan struct{}, 1),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
}

func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}

// rest waits for work and then up to d for more of it; meanwhile it does idle
// once due fires. false means that the file is being closed.
func (b *bells) rest(d time.Duration, due <-chan time.Time, idle func()) bool {
	for {
		select {
		case <-b.wake:
			return b.pause(d, b.soon)
		case <-due:
			idle()
			due = nil
		case <-b.stop:
			return false
		}
	}
}

// pause waits for d, or less when early rings; false means closing.
func (b *bells) pause(d time.Duration, early <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-early:
	case <-b.stop:
		return false
	}
	return true
}

// ended waits for the writer to end.
func (b *bells) ended(ctx context.Context) error {
	select {
	case <-b.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
