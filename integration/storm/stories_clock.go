package storm

import "time"

// Stories of clocks: what an edge makes of a boot, of drift, and of a store whose
// clock is not what it was.

// anotherBoot: a machine without a battery comes up with the wall clock of its
// first boot, and cannot ask the store. Nothing but the boot's id tells it that
// what it wrote down of store time is worth nothing.
func anotherBoot(t *tale) {
	time.Sleep(9 * second)
	at, x := t.arms(t.a, 4*second)
	t.knows(x, t.a, t.b, t.c)
	t.c.isolate(true)
	t.c.die(diceOf(t.seed, "reboot"))
	t.c.machine.boot()
	t.c.start()
	t.past(at, 2*second)
	t.c.usual()
}

// longSilence: nobody can ask the store for more than a minute before the step.
// Everybody must know how far clocks drift apart meanwhile.
func longSilence(t *tale) {
	at, x := t.arms(t.a, 90*second)
	t.knows(x, t.a, t.b, t.c)
	for _, e := range t.edges {
		e.isolate(true)
	}
	t.past(at, second)
	for _, e := range t.edges {
		e.usual()
	}
}

// twoClocks: the store fails over shortly before the step to one whose clock is a
// second behind, and b does not know of it until after the step.
func twoClocks(t *tale) {
	at, x := t.arms(t.a, 4*second)
	t.knows(x, t.a, t.b, t.c)
	t.past(at, -500*time.Millisecond)
	t.b.isolate(true)
	t.replaced(again, -second)
	time.Sleep(2500 * time.Millisecond)
	t.b.usual()
}

// zombiesClock: an edge that has promised a new generation finds itself with the
// old store again, whose clock has been wrong since.
func zombiesClock(t *tale) {
	was := t.replaced(again, 0)
	time.Sleep(500 * time.Millisecond)
	t.rests()
	at, x := t.arms(t.a, 7*second)
	t.knows(x, t.a, t.b, t.c)
	t.shop.mu.Lock()
	was.ahead -= 2 * second
	t.shop.mu.Unlock()
	t.c.mu.Lock()
	t.c.route = was
	t.c.lose("begin") // or the old store becomes a new generation, whose clock is covered beside the other
	t.c.mu.Unlock()
	t.past(at, 2500*time.Millisecond)
	t.c.mu.Lock()
	t.c.route = nil
	t.c.mu.Unlock()
}

// clockSet: the store's clock is set while b is cut off, for a minute and a half.
// b counts on by the old setting and answers by it; whoever has read the new one
// covers both until b has, too, and answers nothing where they differ.
func clockSet(by time.Duration) func(*tale) {
	return func(t *tale) {
		at, x := t.arms(t.a, 90*second)
		t.knows(x, t.a, t.b, t.c)
		t.b.isolate(true)
		t.shop.step(by)
		t.past(at, 2*second)
		t.b.usual()
		time.Sleep(2 * second)
	}
}
